"""Where a model fails: the kind of error of each record, as `failures.yaml` lists them, and what they are counted by.

Errors are counted by kind, category, size, cell and number of targets.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from builders.core.resources import read_yaml
from builders.core.schema import CORNERS
from builders.corpus.targets import Target
from builders.data.analysis.targets import sources_of_targets
from builders.data.records import Records
from builders.scoring import gold
from builders.scoring.joining import ScoredRecord
from builders.tasks.geometry import CELLS, IDENTIFICATION_SIZES, cell, corners, covered_share, identification_size
from sarchat_metric import Counts, best_ious

RIGHT = "right"
# Four numbers in a row, in any brackets: a box in some notation.
_COORDINATES = re.compile(r"[0-9.]+[^0-9A-Za-z]{1,6}[0-9.]+[^0-9A-Za-z]{1,6}[0-9.]+[^0-9A-Za-z]{1,6}[0-9.]", re.ASCII)
_SEARCHED = 10_000
# A record is right from this score on, in percent: the mean of its sub-scores is rounded.
RIGHT_FROM = 100 - 1e-9
# What `Failures` reads of a record.
COLUMNS = (*gold.COLUMNS, "file_name", "objects")
NONE = "none"
# Upper ends of the ranges of numbers of targets; the last one is open.
_RANGES = (0, 1, 2, 3, 4, 5, 10, 20)
RANGES = ("0", "1", "2", "3", "4", "5", "6 to 10", "11 to 20", "more")
UNREAD = "unread"
# At most this many boxes of an answer are compared with the gold boxes.
_MOST_BOXES = 1000


class ErrorKind(NamedTuple):
    """A kind of error: what it is called, what it means, and whether nothing could be read of the answer."""

    label: str
    meaning: str
    is_unread: bool


def error_kinds() -> dict[str, ErrorKind]:
    """Return all kinds by name, in order."""
    entries = read_yaml("scoring/failures.yaml")
    return {
        name: ErrorKind(entry["label"], entry["meaning"], entry.get("unread", False)) for name, entry in entries.items()
    }


def name_error(record: ScoredRecord, accuracy: float | None = None) -> str:
    """Return the name of a record's kind of error, `right` if each of its sub-scores is 100."""
    if not record.result.parsed:
        return _name_unread(record)
    if record.result.hedged:
        return "hedged"
    if (record.accuracy if accuracy is None else accuracy) >= RIGHT_FROM:
        return RIGHT
    return _NAMERS.get(record.result.task, _name_any)(record)


def _name_unread(record: ScoredRecord) -> str:
    answer, translation = record.answer, record.translation
    if answer is None:
        return "missing"
    if answer.failed:
        return "failed"
    if "<think>" in answer.text.rpartition("</think>")[2]:
        return "unfinished"
    if not translation.text.strip():
        return "empty"
    if translation.truncated or answer.truncated:
        return "cut_off"
    if translation.not_boxes or translation.rotated or _COORDINATES.search(answer.text[:_SEARCHED]):
        return "other_notation"
    return "nothing_read"


def _name_categories(record: ScoredRecord) -> str:
    _, extra, missed = record.result.counts["classification/accuracy"]
    if extra and missed:
        return "wrong_category"
    return "missed_category" if missed else "extra_category"


def _name_phrases(record: ScoredRecord) -> str:
    read, gold = ([name for name, _ in part["phrases"]] for part in (record.result.prediction, record.result.reference))
    return "wrong_cell" if Counter(read) == Counter(gold) else "wrong_phrase"


def _name_counting(record: ScoredRecord) -> str:
    return "wrong_count" if not record.result.counts["counting/count"][0] else _name_boxes(record)


def _name_grounding(record: ScoredRecord) -> str:
    _, extra, missed = _count_boxes(record)
    return _name_boxes(record) if extra or missed else _name_phrases(record)


def _name_boxes(record: ScoredRecord) -> str:
    _, extra, missed = _count_boxes(record)
    if extra and missed:
        return "misplaced_box"
    if missed or extra:
        return "missed_box" if missed else "extra_box"
    return "loose_box"


def _count_boxes(record: ScoredRecord) -> Counts:
    return next(counts for key, counts in record.result.counts.items() if key.endswith("iou@0.25"))


def _name_any(record: ScoredRecord) -> str:
    return _name_boxes(record) if "boxes" in record.result.reference else "wrong_answer"


_NAMERS: dict[str, Callable[[ScoredRecord], str]] = {
    "classification": _name_categories,
    "description": _name_phrases,
    "counting": _name_counting,
    "grounding": _name_grounding,
    "identification": lambda record: "wrong_category",
    "referring": _name_boxes,
}


class Failures:
    """Counts of what goes wrong; give it every record with `add`.

    Attributes:
        aspects: the values of each aspect by which targets are counted: `category`, `size`, `cell`.
        kinds: the number of records by task and kind of error.
        names: the kind of error of each record, in order.
        confusion: by task, the number of (gold category, category of the answer); `none` stands for no category. In
            classification a category that was missed is paired with one that was named instead.
        counts: counting records by (true number, number in the answer), as names of `RANGES` or `unread`.
        ious: by task, the highest IoU of each gold box with a box of the answer, 0 to 1.
        found: by aspect (`category`, `size`, `cell`), its value and task: targets found, and all targets. A box is
            found if it is matched at IoU 0.25; an identified target, if its category is right.
        by_number: by the number of targets in the image (of `RANGES`) and task: sum of the records' accuracies in
            percent, and their number.
    """

    def __init__(self, targets: Mapping[str, int], categories: tuple[str, ...]) -> None:
        """Set the number of targets of each image, by its file name, and the names of the categories."""
        self._targets = targets
        self.aspects = {"category": categories, "size": IDENTIFICATION_SIZES, "cell": CELLS}
        self.kinds: dict[str, Counter[str]] = defaultdict(Counter)
        self.names: list[str] = []
        self.confusion: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.ious: dict[str, array] = defaultdict(lambda: array("f"))
        self.found: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self.by_number: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0])

    def add(self, record: ScoredRecord) -> None:
        """Count a record."""
        task, reference = record.result.task, record.reference
        accuracy = record.accuracy
        name = name_error(record, accuracy)
        self.kinds[task][name] += 1
        self.names.append(name)
        number = self._targets.get(reference["file_name"])
        if number is not None:
            cell_of_table = self.by_number[_name_range(number), task]
            cell_of_table[0] += accuracy
            cell_of_table[1] += 1
        self._add_confusion(record)
        if "boxes" in record.result.reference:
            self._add_boxes(record)

    def _add_confusion(self, record: ScoredRecord) -> None:
        task, read, gold = record.result.task, record.result.prediction, record.result.reference
        if "categories" in gold:
            self.confusion[task].update(pair_categories(gold["categories"], read["categories"]))
        elif "category" in gold:
            self.confusion[task][gold["category"], read["category"] or NONE] += 1
            is_right = read["category"] == gold["category"]
            self._add_target(record, 0, is_right)
        elif "count" in gold:
            number = read["count"]
            self.counts[_name_range(gold["count"]), UNREAD if number is None else _name_range(number)] += 1

    def _add_boxes(self, record: ScoredRecord) -> None:
        result = record.result
        boxes, gold = result.prediction["boxes"][:_MOST_BOXES], result.reference["boxes"]
        self.ious[result.task].extend(best_ious(boxes, gold))
        matched = {index for _, index, _ in result.matches["iou@0.25"]}
        if len(gold) == len(record.reference["objects"]["bbox"]):
            for index in range(len(gold)):
                self._add_target(record, index, index in matched)

    def _add_target(self, record: ScoredRecord, index: int, is_found: bool) -> None:
        objects, width, height = (record.reference[name] for name in ("objects", "width", "height"))
        box = corners(objects["bbox"][index])
        eight = tuple(objects[CORNERS][index]) if CORNERS in objects else None
        values = {
            "category": self.aspects["category"][objects["category"][index]],
            "size": identification_size(covered_share(Target(0, box, False, eight), width, height)),
            "cell": cell(box, width, height),
        }
        for aspect, value in values.items():
            counts = self.found[aspect, value, record.result.task]
            counts[0] += is_found
            counts[1] += 1


def pair_categories(gold: list[str], read: list[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs (gold, answer) of two sets of categories: the common ones, then each missed with one named instead.

    What is left over on one side is paired with `none`.
    """
    yield from ((name, name) for name in gold if name in read)
    missed = [name for name in gold if name not in read]
    extra = [name for name in read if name not in gold]
    for index in range(max(len(missed), len(extra))):
        yield missed[index] if index < len(missed) else NONE, extra[index] if index < len(extra) else NONE


def count_targets(data: Records, split: str) -> dict[str, int]:
    """Return the number of targets of each image of a split, by file name; empty if no task has every target."""
    counts: Counter[str] = Counter()
    for task, choose in sources_of_targets():
        if data.has(task, split):
            for row in data.rows(task, split, columns=("file_name", "objects")):
                number = len(row["objects"]["category"])
                if choose(np.array([number]))[0]:
                    counts[row["file_name"]] += number
            break
    return dict(counts)


def _name_range(number: int) -> str:
    return RANGES[next((place for place, end in enumerate(_RANGES) if number <= end), len(_RANGES))]
