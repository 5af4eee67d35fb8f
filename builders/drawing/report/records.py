"""The records that a report shows: which, their images, and what is drawn and told of each; the worst as pictures."""

from __future__ import annotations

import base64
import heapq
import io
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from builders.core.errors import SARChatError, printable
from builders.core.schema import COLUMNS, fewest_records_first
from builders.core.writing import check_outputs
from builders.corpus.viewing import read_view
from builders.data.encoded_image import EncodedImage
from builders.data.records import Records
from builders.data.subset import rank
from builders.drawing.answers import Entry, Scene, Shape, compose, list_entries, mark_answers
from builders.drawing.figures import PICTURE_MARK
from builders.drawing.figures.record import default_name, show_record
from builders.scoring.failures import RIGHT_FROM, name_error
from builders.scoring.joining import JoinedAnswers, ScoredRecord
from builders.tasks.geometry import shapes_of

WORST, RANDOM, BETTER, WORSE = "worst", "random", "better", "worse"
_LEAST_CHANGE = 1e-9
# Longer side in pixels and quality, from the best on: the first that keeps all images within the limit is taken.
_STEPS = ((384, 72), (320, 65), (256, 55), (192, 45))
_MOST_BYTES = 10_000_000
_LONGEST_TEXT = 1500
_MOST_ITEMS = 24
# Letters that fit one above the other into a square image.
_LETTERS = 32
_LOG = logging.getLogger(__name__)


def choose_examples(ids: Sequence[str], tasks: Sequence[str], accuracies: np.ndarray, number: int) -> dict[str, str]:
    """Choose for each task the worst records and as many others at random.

    Of records with the same accuracy, those with the lowest hash of their ids are chosen, which scatters them over the
    data set and is the same on every machine.

    Args:
        ids: the N records' ids.
        tasks: the task of each.
        accuracies: the score of each in percent; floats of shape (N,).
        number: how many of each choice; a task with fewer wrong answers has fewer of the worst.

    Returns:
        The chosen ids, task by task, with the choice that each belongs to: `worst` or `random`.
    """
    by_task: dict[str, list[int]] = {}
    for place, task in enumerate(tasks):
        by_task.setdefault(task, []).append(place)
    chosen: dict[str, str] = {}
    for places in by_task.values():
        own = [ids[place] for place in places]
        worst = choose_worst(own, accuracies[places], number)
        others = heapq.nsmallest(number, set(own).difference(worst), key=rank)
        chosen |= dict.fromkeys(worst, WORST) | dict.fromkeys(others, RANDOM)
    return chosen


def choose_worst(ids: Sequence[str], accuracies: np.ndarray, number: int) -> list[str]:
    """Return the ids of up to `number` wrong records with the lowest scores in percent, the worst first."""
    wrong = np.flatnonzero(accuracies < RIGHT_FROM).tolist()
    return [
        ids[place] for place in heapq.nsmallest(number, wrong, key=lambda place: (accuracies[place], rank(ids[place])))
    ]


def choose_changes(ids: Sequence[str], changes: np.ndarray, number: int) -> dict[str, str]:
    """Choose the records that changed most from a baseline.

    Args:
        ids: the N records' ids.
        changes: how much higher each scores than with the baseline, in points; floats of shape (N,).
        number: how many of each choice.

    Returns:
        The chosen ids, `better` or `worse`, the largest change first.
    """
    chosen: dict[str, str] = {}
    for name, sign in ((BETTER, -1), (WORSE, 1)):
        changed = np.flatnonzero(-sign * changes > _LEAST_CHANGE)
        order = sorted(changed.tolist(), key=lambda place: (sign * round(float(changes[place]), 6), rank(ids[place])))
        chosen |= {ids[place]: name for place in order[:number]}
    return chosen


def order_of(choices: Mapping[str, str]) -> list[str]:
    """Return the ids, with the records that changed first."""
    order = (BETTER, WORSE, WORST, RANDOM)
    return sorted(choices, key=lambda record_id: order.index(choices[record_id]))


class Thumbnail(NamedTuple):
    """An image of the page: the number of its element, and its `data:` URL."""

    number: int
    url: str


def make_thumbnails(pictures: Mapping[str, Image.Image]) -> dict[str, Thumbnail]:
    """Make pictures small enough for one page, by the same keys."""
    urls: dict[str, str] = {}
    for side, quality in _STEPS:
        urls = {name: _encode(picture, side, quality) for name, picture in pictures.items()}
        if sum(map(len, urls.values())) <= _MOST_BYTES:
            break
    else:
        size = sum(map(len, urls.values())) / 1e6
        _LOG.warning("the images of the report take %.0f MB; a smaller --examples makes it smaller", size)
    return {name: Thumbnail(number, url) for number, (name, url) in enumerate(urls.items())}


def read_pictures(data: Records, split: str, names: Collection[str]) -> dict[str, Image.Image]:
    """Read images of a split, no larger than the largest thumbnail, by file name, sorted.

    They are read from the task that stores the fewest copies of them, and one row group is in memory at a time.

    Raises:
        SARChatError: an image cannot be read or decoded.
    """
    pictures: dict[str, Image.Image] = {}
    with tqdm(total=len(names), desc="Images", unit=" images", delay=1, disable=None) as bar:
        for task in fewest_records_first():
            if data.has(task, split):
                missing = {name for name in names if name not in pictures}
                rows = data.rows(task, split, columns=("id", "file_name")) if missing else ()
                first = {row["file_name"]: row["id"] for row in rows if row["file_name"] in missing}
                for row in data.rows(task, split, set(first.values()), ("file_name", "image")) if first else ():
                    pictures[row["file_name"]] = _read(row["image"])
                    bar.update()
    return dict(sorted(pictures.items()))


def _read(image: EncodedImage) -> Image.Image:
    """Return an image, no larger than the largest thumbnail."""
    content = image.read()
    try:
        return read_view(io.BytesIO(content), _STEPS[0][0])[1]
    except ValueError as error:
        raise SARChatError(f"the image {image.name} cannot be decoded: {error}; build the data set again") from error


def _encode(picture: Image.Image, side: int, quality: int) -> str:
    small = picture.copy()
    small.thumbnail((side, side))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=quality, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


class RecordView(NamedTuple):
    """A record of the page.

    Attributes:
        scored: the record, the answer and its scores.
        choice: why it is shown.
        kind: the name of its kind of error.
        categories: the categories of its targets.
        image: the thumbnail.
        scene: the boxes to draw, with their labels.
        entries: what was read.
        notes: what is not shown.
        baseline: the record with the baseline's answer, if there is one.
    """

    scored: ScoredRecord
    choice: str
    kind: str
    categories: list[str]
    image: Thumbnail
    scene: Scene
    entries: list[Entry]
    notes: list[str]
    baseline: ScoredRecord | None


def view_record(record: ScoredRecord, choice: str, image: Thumbnail, baseline: ScoredRecord | None) -> RecordView:
    """Return what a report shows of a record."""
    categories = sorted({record.info.names[index] for index in record.reference["objects"]["category"]})
    scene, notes = _draw(record)
    entries = list(list_entries(record.result.reference, record.result.prediction, _MOST_ITEMS))
    return RecordView(record, choice, name_error(record), categories, image, scene, entries, notes, baseline)


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


def draw_worst(joined: JoinedAnswers, number: int, out: Path) -> list[Path]:
    """Draw the records with the lowest scores; return the pictures, the worst first. Right records are not drawn.

    Args:
        joined: the answers and their records.
        number: how many pictures at most.
        out: the folder of the pictures, which is made if it is missing. A picture is named by its place and the
            record's id.

    Raises:
        SARChatError: the folder is a file, a picture would replace another file, or an image cannot be read.
        OSError: a picture cannot be written.
    """
    accuracies = np.array([record.accuracy for record in joined.score()])
    worst = choose_worst(list(joined.gold.records), accuracies, number)
    if out.exists() and not out.is_dir():
        raise SARChatError(f"--out {out} is a file; choose a folder for the pictures")
    out.mkdir(parents=True, exist_ok=True)
    digits = len(str(len(worst)))
    paths = {
        record_id: out / f"{place:0{digits}}-{Path(default_name(record_id)).stem}.png"
        for place, record_id in enumerate(worst, 1)
    }
    for path in paths.values():
        check_outputs({"--out": path}, [], {"--out": PICTURE_MARK})
    answers = {record.id: record.translation.text for record in joined.score(worst)}
    for record_id, row in joined.gold.read(set(worst), COLUMNS):
        show_record({**row, "id": record_id}, joined.gold.data.info, paths[record_id], answers[record_id])
    return list(paths.values())
