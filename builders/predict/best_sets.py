"""The answer that scores best on average over a sample: labels or boxes, chosen one after the other.

Both functions maximize the mean of TP / (TP + FP + FN), as the metric computes it for each record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

from builders.core.schema import Box
from sarchat_metric import box_iou

Label = TypeVar("Label", bound=Hashable)
# An answer of more parts is worse than a shorter one unless nearly all records are alike.
_MOST_PARTS = 40
_MOST_RECORDS, _MOST_BOXES, _MOST_CANDIDATES = 1_000, 2_000, 100
# A box of twice the side contains a small target wherever it is in it, with an IoU of just 0.25.
_SCALES = (1.0, 1.4, 1.95)
_SMALLEST_GAIN = 1e-9
_BLOCKS = 10


def spread(length: int, most: int) -> list[int]:
    """Return up to `most` indices that are spread evenly over a list."""
    return [number * length // min(length, most) for number in range(min(length, most))]


def halves(length: int) -> tuple[list[int], list[int]]:
    """Return two halves of a list, as indices: alternating blocks, since neighbours are often of one image."""
    blocks = [index * _BLOCKS // length % 2 for index in range(length)]
    return [i for i, block in enumerate(blocks) if not block], [i for i, block in enumerate(blocks) if block]


def best_labels(samples: Sequence[Sequence[Label]]) -> list[Label]:
    """Return the multiset of labels with the highest mean accuracy over some multisets.

    Args:
        samples: the labels of each record; the records may be many, and labels are repeated as often as they occur.
    """
    labels = list(dict.fromkeys(label for sample in samples for label in sample))
    place = {label: index for index, label in enumerate(labels)}
    kinds = Counter(tuple(sorted(place[label] for label in sample)) for sample in samples)
    weights = np.array([*kinds.values()]) / len(samples)
    counts = np.zeros((len(kinds), len(labels)), dtype=np.int32)
    for row, kind in enumerate(kinds):
        np.add.at(counts[row], list(kind), 1)
    sizes = counts.sum(axis=1)
    chosen = np.zeros(len(labels), dtype=np.int32)
    best = 0.0
    for size in range(1, _MOST_PARTS + 1):
        common = np.minimum(counts, chosen).sum(axis=1)[:, None] + (counts > chosen)
        values = weights @ (common / (sizes[:, None] + size - common))
        label = int(values.argmax())
        if values[label] <= best + _SMALLEST_GAIN:
            break
        best = values[label]
        chosen[label] += 1
    return [label for label, number in zip(labels, chosen, strict=True) for _ in range(number)]


def best_boxes(samples: Sequence[tuple[np.ndarray, np.ndarray]], thresholds: Sequence[float]) -> list[tuple[int, Box]]:
    """Return the boxes with the highest mean accuracy over the boxes of some records.

    Args:
        samples: for each record its boxes, of shape (n, 4), in shares of the image's sides, and their labels (n,);
            only boxes of one label match.
        thresholds: the IoUs at which boxes match; the mean over them counts.

    Returns:
        Label and box of each, at least one.
    """
    samples = [samples[index] for index in spread(len(samples), _MOST_RECORDS)]
    fewer = max(1, sum(len(boxes) for boxes, _ in samples) // _MOST_BOXES)
    samples = samples[::fewer]
    sizes = np.array([len(boxes) for boxes, _ in samples])
    starts = np.concatenate(([0], sizes.cumsum()[:-1]))
    boxes, labels = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    some = spread(len(boxes), _MOST_CANDIDATES)
    candidates = np.concatenate([_scaled(boxes[some], scale) for scale in _SCALES])
    names = np.tile(labels[some], len(_SCALES))
    iou = np.where(names[:, None] == labels, box_iou(candidates, boxes), 0.0)
    hits = [iou >= threshold for threshold in thresholds]
    found = np.zeros((len(thresholds), len(samples)))
    chosen: list[tuple[int, Box]] = []
    best = 0.0
    while len(chosen) < _MOST_PARTS:
        gains = [np.logical_or.reduceat(open_, starts, axis=1) for open_ in hits]
        tps = [before + gain for before, gain in zip(found, gains, strict=True)]
        values = sum((tp / (sizes + len(chosen) + 1 - tp)).mean(axis=1) for tp in tps)
        number = int(np.argmax(values))
        if chosen and values[number] <= best + _SMALLEST_GAIN:
            break
        best = values[number]
        left, top, right, bottom = candidates[number].tolist()
        chosen.append((int(names[number]), (left, top, right, bottom)))
        for index, open_ in enumerate(hits):
            found[index] = tps[index][number]
            # In each record the box with the highest IoU is taken, and no other candidate can match it.
            own = np.where(open_[number], iou[number], -1.0)
            highest = np.maximum.reduceat(own, starts)
            open_[:, (own == highest.repeat(sizes)) & (own >= 0)] = False
    return chosen


def _scaled(boxes: np.ndarray, scale: float) -> np.ndarray:
    """Return boxes scaled about their centres, cut at the edges of the image."""
    centers, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.concatenate((centers - scale * halves, centers + scale * halves), axis=1).clip(0.0, 1.0)
