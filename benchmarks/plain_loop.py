"""A plain scorer for comparison: a regular expression, NumPy's IoU and SciPy's assignment, one record at a time.

It reads only boxes and categories, so it is not slower than a complete plain scorer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

_BOX = re.compile(r"\{<(\d+)><(\d+)><(\d+)><(\d+)>\}")
_CATEGORY = re.compile(r"\b(ship|aircraft|car|tank|bridge|harbor)s?\b", re.IGNORECASE)


def plain_loop(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Return the mean accuracy TP / (TP + FP + FN), 0 to 1, of boxes at IoU 0.25 if any, otherwise of names."""
    total = 0.0
    for prediction, reference in zip(predictions, references, strict=True):
        gold = np.array(_BOX.findall(reference), dtype=float).reshape(-1, 4)
        boxes = np.array(_BOX.findall(prediction), dtype=float).reshape(-1, 4)
        wanted = [name.lower() for name in _CATEGORY.findall(reference)]
        named = [name.lower() for name in _CATEGORY.findall(prediction)]
        if len(gold):
            iou = _iou(boxes, gold)
            rows, columns = linear_sum_assignment(iou >= 0.25, maximize=True)
            hits = int((iou[rows, columns] >= 0.25).sum())
            total += hits / (len(boxes) + len(gold) - hits)
        else:
            total += named[:1] == wanted[:1]
    return total / len(references)


def _iou(boxes: np.ndarray, gold: np.ndarray) -> np.ndarray:
    corner = np.maximum(boxes[:, None, :2], gold[None, :, :2])
    opposite = np.minimum(boxes[:, None, 2:], gold[None, :, 2:])
    common = np.prod(np.clip(opposite - corner, 0, None), axis=2)
    areas = (np.prod(part[:, 2:] - part[:, :2], axis=1) for part in (boxes, gold))
    first, second = areas
    return common / np.maximum(first[:, None] + second[None, :] - common, 1e-9)
