"""Answers of counting and referring as detections: average precision and F1, as detectors are scored.

A record asks for all boxes of a category in an image, so its boxes are that category's detections there. COCO's rules
hold, and pycocotools gives the same values: in each image the boxes are matched from the most confident one on, each to
the free target with the highest IoU; precision is interpolated at 101 recalls; categories are averaged.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from builders.core.tables import Figure, Table
from builders.notation.formats import Notation
from builders.notation.translate import box_spans
from builders.scoring.joining import ScoredRecord
from sarchat_metric import Box, box_iou

TASKS = ("counting", "referring")
IOUS = tuple(float(value) for value in np.linspace(0.5, 0.95, 10))
# COCO's, too: the most boxes of an answer that count.
MOST_BOXES = 100
_RECALLS = np.linspace(0.0, 1.0, 101)


class Detections(NamedTuple):
    """The boxes of one category in one image.

    Attributes:
        category: the category.
        gold: the targets.
        boxes: the detections in the order of the answer.
        confidences: that of each, or `None` if they are not known.
    """

    category: int
    gold: Sequence[Box]
    boxes: Sequence[Box]
    confidences: Sequence[float] | None


class DetectionScores(NamedTuple):
    """How well a task's answers detect, in percent; `ap` and `ap50` are `None` without confidences.

    Attributes:
        map_nc: mean average precision at IoU 0.5 if no box has a confidence: as if all had the same one, in the order
            of the records.
        mf1: the mean of the categories' F1 = 2 TP / (2 TP + FP + FN) at IoU 0.5, of all boxes.
        ap50: mean average precision at IoU 0.5, by the confidences.
        ap: its mean at the IoUs 0.5, 0.55, ..., 0.95.
        records: the number of records.
        unsure: the number of answers with boxes but without confidences.
    """

    map_nc: float
    mf1: float
    ap50: float | None
    ap: float | None
    records: int
    unsure: int


class DetectionCollector:
    """Collects the detections of records that are scored one by one."""

    def __init__(self, notation: Notation) -> None:
        """Start without any record; the notation is that in which the model writes boxes."""
        self._notation = notation
        self._found: dict[str, list[Detections]] = defaultdict(list)

    def add(self, record: ScoredRecord) -> None:
        """Add a record, if its task asks for the boxes of a category; it needs the column `objects`."""
        if record.result.task in TASKS:
            self._found[record.result.task].append(
                Detections(
                    record.reference["objects"]["category"][0],
                    record.result.reference["boxes"],
                    record.result.prediction["boxes"],
                    confidences(record, self._notation),
                )
            )

    def scores(self) -> dict[str, DetectionScores]:
        """Return the scores of each task that has records."""
        return {task: score_detections(self._found[task]) for task in TASKS if task in self._found}


def confidences(record: ScoredRecord, notation: Notation) -> list[float] | None:
    """Return the confidence of each box of an answer: the geometric mean of the probabilities of its numbers' tokens.

    `None` if the answer came without probabilities, or those of a box cannot be told.
    """
    answer = record.answer
    boxes = len(record.result.prediction["boxes"])
    if not boxes:
        return []
    if answer is None or answer.logprobs is None:
        return None
    size = record.reference["width"], record.reference["height"]
    spans = box_spans(answer.text, notation.format, *size, notation.input_size)
    tokens = sorted(answer.logprobs)
    starts, ends = [start for start, _, _ in tokens], [end for _, end, _ in tokens]
    found = []
    for first, last in spans if len(spans) == boxes else ():
        own = [logprob for _, _, logprob in tokens[bisect_right(ends, first) : bisect_left(starts, last)]]
        if own:
            found.append(math.exp(sum(own) / len(own)))
    return found if len(found) == boxes else None


def score_detections(found: Sequence[Detections]) -> DetectionScores:
    """Score the detections of a task."""
    equal = [own._replace(confidences=[1.0] * len(own.boxes)) for own in found]
    unsure = sum(own.confidences is None and len(own.boxes) > 0 for own in found)
    precisions, f1 = _average_precisions(equal, IOUS[:1])
    ap50 = ap = None
    if not unsure:
        by_iou, _ = _average_precisions(found, IOUS)
        ap50, ap = 100 * float(by_iou[:, 0].mean()), 100 * float(by_iou.mean())
    return DetectionScores(100 * float(precisions.mean()), 100 * float(f1.mean()), ap50, ap, len(found), unsure)


def _average_precisions(found: Sequence[Detections], ious: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the average precision of each category (row) at each IoU (column), and each category's F1 at the first."""
    by_category: dict[int, list[Detections]] = defaultdict(list)
    for own in found:
        by_category[own.category].append(own)
    rows, f1 = [], []
    for category in sorted(by_category):
        images = [_match(own, ious) for own in by_category[category]]
        scores = np.concatenate([scores for scores, _ in images])
        order = np.argsort(-scores, kind="stable")
        hits = np.concatenate([hits for _, hits in images], axis=1)[:, order]
        targets = sum(len(own.gold) for own in by_category[category])
        rows.append([_average_precision(own, targets) for own in hits])
        f1.append(2 * hits[0].sum() / (len(scores) + targets))
    return np.array(rows), np.array(f1)


def _match(own: Detections, ious: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the confidences of an image's boxes, highest first, and whether each hits a target at each IoU."""
    scores = np.array(own.confidences or [], dtype=float)
    order = np.argsort(-scores, kind="stable")[:MOST_BOXES]
    overlaps = box_iou([own.boxes[index] for index in order], own.gold)
    hits = np.zeros((len(ious), len(order)), dtype=bool)
    for row, threshold in enumerate(ious):
        free = np.ones(len(own.gold), dtype=bool)
        for place, values in enumerate(overlaps):
            # Of equal IoUs the last one, as in pycocotools.
            possible = np.where(free & (values >= min(threshold, 1 - 1e-10)), values, -1.0)[::-1]
            best = len(possible) - 1 - int(possible.argmax())
            if possible.max() >= 0:
                free[best] = False
                hits[row, place] = True
    return scores[order], hits


def _average_precision(hits: np.ndarray, targets: int) -> float:
    """Return the mean of the interpolated precision at 101 recalls, given whether each box hits, surest first."""
    tp = hits.cumsum()
    precision = tp / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(tp / targets, _RECALLS, side="left")
    return float(np.append(precision, 0.0)[places].mean())


def tabulate_detection(scores: Mapping[str, DetectionScores]) -> Table:
    """Return the scores as a table."""
    with_ap = any(own.ap is not None for own in scores.values())
    rows = [
        [task, own.records, Figure(own.map_nc), Figure(own.mf1)]
        + ([None if value is None else Figure(value) for value in (own.ap50, own.ap)] if with_ap else [])
        for task, own in scores.items()
    ]
    notes = ["mAP_nc and mF1 take no confidences, at IoU 0.5; categories are averaged."]
    if with_ap:
        notes.append("AP: by the probabilities of the boxes' tokens, as pycocotools computes it.")
    elif any(own.unsure for own in scores.values()):
        unsure = sum(own.unsure for own in scores.values())
        notes.append(f"No AP: {unsure:,} answers with boxes have no probabilities (`sarchat predict --logprobs`).")
    header = ["task", "n", "mAP_nc", "mF1", *(["AP@0.5", "AP@0.5:0.95"] if with_ap else [])]
    return Table("Detection, not in any average:", header, rows, notes)
