"""The choice of a card's example records: one per task, each easy to see and different from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from builders.corpus.image_check import check_decodes
from builders.errors import SARChatError
from builders.folder.reader import Build, image_bytes
from builders.schema import SPLITS, TASKS

# A sample of a few thousand records per task is enough, and costs the same for any size of the data set.
_GROUPS, _ROWS = 12, 400
_COLUMNS = ("id", "file_name", "width", "height", "messages", "objects")
_MOST_TARGETS, _LEAST_SHARE, _LONGEST, _LEAST_SIDE = 5, 0.004, 340, 224


def choose_examples(build: Build) -> dict[str, dict[str, Any]]:
    """Choose one record of each task that was built, and read it with its image.

    They come from the first split of a task. Preferred are images that no other example shows, with a few targets of
    several categories that are not tiny and do not overlap, and categories that the other examples rarely show.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for task in TASKS:
        splits = [split for split in SPLITS if split in build.configs.get(task, {})]
        if splits:
            candidates = (
                record
                for batch in build.sample(task, splits[0], _COLUMNS, _GROUPS, _ROWS)
                for record in batch.to_pylist()
            )
            ranked = sorted(candidates, key=lambda record: _rate(record, chosen))
            chosen[task] = _first_readable(build, task, splits[0], [record["id"] for record in ranked])
    return chosen


def _first_readable(build: Build, task: str, split: str, ids: Sequence[str]) -> dict[str, Any]:
    """Return the first of the records whose image can be decoded.

    Raises:
        SARChatError: if no image can be decoded; the message is about the first one.
    """
    first_error = None
    for record_id in ids:
        record = build.record_with_id(task, record_id, [split])
        try:
            check_decodes(image_bytes(record), record["file_name"])
        except SARChatError as error:
            first_error = first_error or error
        else:
            return record
    raise first_error or SARChatError(f"{build.folder}: no record of {task} in {split}")


def _rate(record: Mapping[str, Any], chosen: Mapping[str, Mapping[str, Any]]) -> tuple:
    """Return a sort key that puts better records first; the id comes last, so that the choice is deterministic."""
    boxes, categories = record["objects"]["bbox"], set(record["objects"]["category"])
    area = record["width"] * record["height"]
    shown = [category for other in chosen.values() for category in set(other["objects"]["category"])]
    sides = sorted([record["width"], record["height"]])
    return (
        sides[0] < _LEAST_SIDE or sides[1] > 2 * sides[0],
        record["file_name"] in {other["file_name"] for other in chosen.values()},
        sum(len(message["content"]) for message in record["messages"]) > _LONGEST,
        min(w * h for _, _, w, h in boxes) / area < _LEAST_SHARE,
        len(categories) < 2,
        not 2 <= len(boxes) <= _MOST_TARGETS,
        _overlap(boxes),
        sum(map(shown.count, categories)) / len(categories),
        record["id"],
    )


def _overlap(boxes: Sequence[Sequence[float]]) -> bool:
    """Return whether any two boxes overlap."""
    return any(
        x < other_x + other_w and other_x < x + w and y < other_y + other_h and other_y < y + h
        for (x, y, w, h), (other_x, other_y, other_w, other_h) in combinations(boxes, 2)
    )
