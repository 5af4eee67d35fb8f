"""One record as a report shows it: boxes on its image, and what was asked, expected, answered and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from builders.core.errors import printable
from builders.drawing.box_shapes import Scene, Shape, compose, mark_answers
from builders.drawing.readings import list_items, mark_shared
from builders.drawing.report.thumbnails import Thumbnail
from builders.scoring.error_kinds import ErrorKind, name_error
from builders.scoring.scored_records import ScoredRecord
from builders.tasks.geometry import shapes_of

_LONGEST_TEXT = 1500
_MOST_ITEMS = 24
# Letters that fit one above the other into a square image.
_LETTERS = 32
_NAMES = {"proximity": "distance", "count": "number"}


class Entry(NamedTuple):
    """What was read of the gold and of the answer: (text, whether the other side has it too) of each item."""

    name: str
    gold: list[tuple[str, bool]]
    read: list[tuple[str, bool]]
    more: int


class RecordView(NamedTuple):
    """A record of the page.

    Attributes:
        id: the record's id.
        choice: why it is shown.
        task: its task.
        scenario: `single` or `multi`.
        categories: the categories of its targets.
        kind: the name of its kind of error.
        label: what that kind is called.
        accuracy: its score in percent.
        scores: name and value in percent of each of its sub-scores.
        width: of the image, in pixels.
        height: likewise.
        image: the thumbnail.
        scene: the boxes to draw, with their labels.
        question: the question.
        gold: the gold answer.
        answer: the answer as the model gave it.
        translated: the answer in SARChat's notation, if it is another text.
        entries: what was read.
        notes: what is not shown.
        baseline: the baseline's answer, its score and its kind of error, if there is one.
    """

    id: str
    choice: str
    task: str
    scenario: str
    categories: list[str]
    kind: str
    label: str
    accuracy: float
    scores: list[tuple[str, float]]
    width: int
    height: int
    image: Thumbnail
    scene: Scene
    question: str
    gold: str
    answer: str
    translated: str
    entries: list[Entry]
    notes: list[str]
    baseline: tuple[str, float, str] | None


def view_record(
    record: ScoredRecord,
    choice: str,
    image: Thumbnail,
    kinds: Mapping[str, ErrorKind],
    baseline: ScoredRecord | None = None,
) -> RecordView:
    """Return what a report shows of a record."""
    reference, result = record.reference, record.result
    kind = name_error(record)
    question, gold = (message["content"] for message in reference["messages"])
    answer = record.answer.text if record.answer else ""
    translated = record.translation.text
    scene, notes = _draw(record)
    before = None
    if baseline is not None:
        text = baseline.answer.text if baseline.answer else ""
        before = clip(text), baseline.accuracy, kinds[name_error(baseline)].label
    return RecordView(
        record.id,
        choice,
        result.task,
        result.scenario,
        sorted({record.info.names[index] for index in reference["objects"]["category"]}),
        kind,
        kinds[kind].label,
        record.accuracy,
        [(key.partition("/")[2], accuracy) for key, accuracy in result.accuracies.items()],
        reference["width"],
        reference["height"],
        image,
        scene,
        clip(question),
        clip(gold),
        clip(answer),
        clip(translated) if translated.strip() != answer.strip() else "",
        list(_list_entries(result.reference, result.prediction)),
        notes,
        before,
    )


def clip(text: str) -> str:
    """Return a text that a page can show: without characters that it cannot, and not too long."""
    shown = printable(text[:_LONGEST_TEXT].replace("\r\n", "\n"))
    return shown if len(text) <= _LONGEST_TEXT else f"{shown} … ({len(text):,} characters in all)"


def _draw(record: ScoredRecord) -> tuple[Scene, list[str]]:
    """Return the drawing of a record's boxes, and notes on what it leaves out."""
    size = width, height = record.reference["width"], record.reference["height"]
    objects, read = record.reference["objects"], record.result.prediction
    gold: Sequence[Shape] = record.result.reference.get("boxes") or shapes_of(objects)
    names = [record.info.names[index] for index in objects["category"]]
    matches = record.result.matches.get("iou@0.25", [])
    marked, notes = mark_answers(gold, names, read.get("boxes", []), matches, size)
    return compose(marked, width, height, max(width, height) / _LETTERS), notes


def _list_entries(gold: Mapping[str, Any], read: Mapping[str, Any]) -> Iterator[Entry]:
    for name, value in gold.items():
        if name not in ("boxes", "labels"):
            wanted, found = list_items(value), list_items(read[name])
            if wanted or found:
                more = max(len(wanted), len(found)) - _MOST_ITEMS
                marked = (mark_shared(wanted, found, _MOST_ITEMS), mark_shared(found, wanted, _MOST_ITEMS))
                yield Entry(_NAMES.get(name, name), *marked, max(more, 0))
        elif name == "boxes":
            yield Entry(name, [(f"{len(value):,}", True)], [(f"{len(read[name]):,}", len(value) == len(read[name]))], 0)
