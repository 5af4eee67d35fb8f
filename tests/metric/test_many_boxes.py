"""Answers of hundreds and thousands of boxes: the scores are those of a few boxes' plain way, in bounded time."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from sarchat_metric import best_ious, box_iou, match_boxes

edges = st.integers(0, 40)
sides = st.integers(1, 15)
crowds = st.lists(st.tuples(edges, edges, sides, sides), min_size=9, max_size=30).map(
    lambda boxes: [(x, y, x + w, y + h) for x, y, w, h in boxes]
)
thresholds = st.sampled_from([0.1, 0.25, 0.5])


def dense_matching(predicted, gold, threshold):
    """Number of pairs and total IoU of the best matching, by one assignment over all boxes."""
    iou = box_iou(predicted, gold)
    iou = np.where(iou >= threshold, iou, 0.0)
    rows, columns = linear_sum_assignment(np.where(iou > 0, iou + len(predicted) + len(gold), 0.0), maximize=True)
    chosen = iou[rows, columns]
    return (chosen > 0).sum(), chosen.sum()


@given(crowds, crowds)
def test_the_best_iou_of_each_box_is_the_highest_of_its_pairs(predicted, gold):
    assert best_ious(predicted, gold) == pytest.approx(box_iou(predicted, gold).max(axis=0).tolist())
    assert best_ious([], gold) == [0.0] * len(gold) and best_ious(predicted, []) == []


@given(crowds, crowds, thresholds)
def test_components_together_match_as_all_boxes_at_once(predicted, gold, threshold):
    matches = match_boxes(predicted, gold, threshold)
    number, total = dense_matching(predicted, gold, threshold)
    assert (len(matches), sum(iou for *_, iou in matches)) == (number, pytest.approx(total))
    assert matches == sorted(matches)


@pytest.mark.parametrize("number", [600, 1414])
def test_boxes_within_each_other_are_all_matched(number):
    """Of such boxes every one may match hundreds: the worst case of an assignment."""
    rng = random.Random(number)
    widths = np.linspace(100, 1000, number)
    predicted = [(0.0, 0.0, float(width), 10.0) for width in widths]
    gold = [(0.0, 0.0, 3.9 * float(width), 10.0) for width in widths]
    for boxes in (predicted, gold):
        rng.shuffle(boxes)
    matches = match_boxes(predicted, gold, 0.25)
    assert len(matches) == number
    assert all(iou >= 0.25 for *_, iou in matches)


def test_nothing_overlaps():
    far = [(1000.0 + i, 0.0, 1000.5 + i, 1.0) for i in range(40)]
    assert match_boxes([(0.0, 0.0, 1.0, 1.0)] * 40, far) == []
