"""The kind of error of a scored record: one name each, listed in `error_kinds.yaml`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from builders.core.resources import read_yaml
from builders.scoring.scored_records import ScoredRecord
from sarchat_metric import Counts

RIGHT = "right"
# Four numbers in a row, in any brackets: a box in some notation.
_COORDINATES = re.compile(r"[0-9.]+[^0-9A-Za-z]{1,6}[0-9.]+[^0-9A-Za-z]{1,6}[0-9.]+[^0-9A-Za-z]{1,6}[0-9.]", re.ASCII)
_SEARCHED = 10_000
# A record is right from this score on, in percent: the mean of its sub-scores is rounded.
RIGHT_FROM = 100 - 1e-9


class ErrorKind(NamedTuple):
    """A kind of error: what it is called, what it means, and whether nothing could be read of the answer."""

    label: str
    meaning: str
    is_unread: bool


def error_kinds() -> dict[str, ErrorKind]:
    """Return all kinds by name, in order."""
    entries = read_yaml("scoring/error_kinds.yaml")
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
