"""The choice of a card's example records: one per task, each easy to see and different from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from builders.core.errors import SARChatError
from builders.core.schema import COLUMNS, TASKS
from builders.corpus.image_check import check_decodes
from builders.data.encoded_image import EncodedImage
from builders.data.reader import Build

Record = Mapping[str, Any]
# The candidates of a shard: the first records of row groups that are spread evenly over it.
_GROUPS, _ROWS = 6, 200
# More than the number of tasks, so that an example can have its own image even if some cannot be decoded.
_CANDIDATES = 2 * len(TASKS)
_TEXT_COLUMNS = tuple(name for name in COLUMNS if name != "image")
_MOST_TARGETS, _LEAST_SHARE, _LONGEST, _LEAST_SIDE = 5, 0.004, 340, 224


def propose_examples(build: Build, task: str, split: str) -> list[Record]:
    """Return the best records of a split for an example of a task, without images, each of another image."""
    records = (
        record for batch in build.sample(task, split, _TEXT_COLUMNS, _GROUPS, _ROWS) for record in batch.to_pylist()
    )
    return best_of(records)


def best_of(records: Iterable[Record]) -> list[Record]:
    """Return the best records of one task, best first, each of another image; the order given does not matter."""
    by_image: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: _rate(record, [])):
        by_image.setdefault(record["file_name"], record)
        if len(by_image) == _CANDIDATES:
            break
    return list(by_image.values())


def choose_examples(
    candidates: Mapping[str, Sequence[Record]], read_image: Callable[[Record], bytes]
) -> dict[str, dict[str, Any]]:
    """Choose one record of each task, and read its image.

    Preferred are images that no other example shows, with a few targets of several categories that are not tiny and do
    not overlap, and categories that the other examples rarely show.

    Returns:
        The records by task, with the columns `COLUMNS`; the image is in memory.

    Raises:
        SARChatError: if no image of a task's candidates can be decoded; the message is about the first one.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for task, records in candidates.items():
        others = list(chosen.values())
        ranked = sorted(records, key=lambda record: _rate(record, others))
        chosen[task] = _first_readable(ranked, read_image)
    return chosen


def _first_readable(records: Sequence[Record], read_image: Callable[[Record], bytes]) -> dict[str, Any]:
    first_error = None
    for record in records:
        try:
            content = read_image(record)
            check_decodes(content, record["file_name"])
        except SARChatError as error:
            first_error = first_error or error
        else:
            image = EncodedImage(record["file_name"], partial(bytes, content))
            return {name: image if name == "image" else record[name] for name in COLUMNS}
    raise first_error or ValueError("no candidates")


def _rate(record: Record, others: Sequence[Record]) -> tuple:
    """Return a sort key that puts better records first; the id comes last, so that the choice is deterministic."""
    boxes, categories = record["objects"]["bbox"], set(record["objects"]["category"])
    area = record["width"] * record["height"]
    shown = [category for other in others for category in set(other["objects"]["category"])]
    sides = sorted([record["width"], record["height"]])
    return (
        sides[0] < _LEAST_SIDE or sides[1] > 2 * sides[0],
        record["file_name"] in {other["file_name"] for other in others},
        sum(len(message["content"]) for message in record["messages"]) > _LONGEST,
        min((w * h for _, _, w, h in boxes), default=0) / area < _LEAST_SHARE,
        len(categories) < 2,
        not 2 <= len(boxes) <= _MOST_TARGETS,
        _overlap(boxes),
        sum(map(shown.count, categories)) / max(len(categories), 1),
        record["id"],
    )


def _overlap(boxes: Sequence[Sequence[float]]) -> bool:
    """Return whether any two boxes overlap."""
    return any(
        x < other_x + other_w and other_x < x + w and y < other_y + other_h and other_y < y + h
        for (x, y, w, h), (other_x, other_y, other_w, other_h) in combinations(boxes, 2)
    )
