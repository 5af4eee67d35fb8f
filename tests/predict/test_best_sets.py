"""The best answer on average: worked by hand, and against all other answers of as many parts."""

from __future__ import annotations

import random
from itertools import combinations_with_replacement

import numpy as np
import pytest

from builders.predict.best_sets import best_boxes, best_labels, halves
from sarchat_metric import match_boxes

LEFT, RIGHT = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)


def jaccard(answer: list, gold: list) -> float:
    common = sum(min(answer.count(label), gold.count(label)) for label in {*answer})
    return common / (len(answer) + len(gold) - common)


def test_labels_by_hand():
    # "a" alone: (1 + 1 + 1/2) / 3 = 0.83; with "b": (1/2 + 1/2 + 1) / 3 = 0.67.
    assert best_labels([["a"], ["a"], ["a", "b"]]) == ["a"]
    assert best_labels([["a"], ["a", "b"], ["b", "a"]]) == ["a", "b"]
    assert best_labels([["a", "a"], ["a", "a"], ["b"]]) == ["a", "a"]


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_nearly_the_best_of_all(seed):
    rng = random.Random(seed)
    samples = [rng.choices("abc", weights=[5, 2, 1], k=rng.choice([1, 1, 2, 3])) for _ in range(12)]

    def value(answer: list) -> float:
        return sum(jaccard(answer, gold) for gold in samples) / len(samples)

    found = best_labels(samples)
    best = max(value([*answer]) for size in range(1, 5) for answer in combinations_with_replacement("abc", size))
    assert value(found) >= 0.93 * best
    # Neither another label nor one less is better.
    assert all(value([*found, label]) <= value(found) + 1e-9 for label in "abc")


def records(*boxes: list) -> list:
    return [(np.array(own), np.zeros(len(own), dtype=int)) for own in boxes]


def value(answer: list, samples: list, thresholds: tuple) -> float:
    total = 0.0
    for threshold in thresholds:
        for boxes, _ in samples:
            hits = len(match_boxes([box for _, box in answer], boxes.tolist(), threshold))
            total += hits / (len(answer) + len(boxes) - hits)
    return total / len(thresholds) / len(samples)


def test_boxes_by_hand():
    assert best_boxes(records([LEFT], [LEFT], [RIGHT]), (0.25, 0.5)) == [(0, LEFT)]
    assert {box for _, box in best_boxes(records([LEFT, RIGHT], [RIGHT, LEFT]), (0.5,))} == {LEFT, RIGHT}
    # One box of a category matches no box of another one.
    mixed = [(np.array([LEFT]), np.array([0])), (np.array([LEFT]), np.array([1])), (np.array([LEFT]), np.array([1]))]
    assert best_boxes(mixed, (0.25,)) == [(1, LEFT)]


def test_a_larger_box_catches_a_target_that_may_be_anywhere_in_it():
    places = [(x / 40, y / 40) for x in range(16, 21) for y in range(16, 21)]
    samples = records(*([(x, y, x + 0.125, y + 0.125)] for x, y in places))
    ((_, box),) = best_boxes(samples, (0.25,))
    assert (box[2] - box[0]) > 0.15
    assert value([(0, box)], samples, (0.25,)) > max(
        value([(0, tuple(boxes[0]))], samples, (0.25,)) for boxes, _ in samples
    )


@pytest.mark.parametrize("seed", range(6))
def test_no_box_of_the_sample_improves_the_boxes_that_are_found(seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 0.7, (40, 2))
    boxes = np.concatenate((corners, corners + rng.uniform(0.1, 0.3, (40, 2))), axis=1)
    samples = records(
        *(boxes[start : start + size].tolist() for start, size in zip(range(0, 36, 3), [1, 2, 3] * 4, strict=True))
    )
    found = best_boxes(samples, (0.25, 0.5))
    own = value(found, samples, (0.25, 0.5))
    for box in boxes:
        assert value([*found, (0, tuple(box))], samples, (0.25, 0.5)) <= own + 1e-9


def test_halves_are_disjoint_and_complete():
    for length in range(1, 40):
        first, second = halves(length)
        assert sorted(first + second) == list(range(length))
