"""The records that a report shows: the worst and a random choice of each task, and those that changed most."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import numpy as np

from builders.data.subset import rank
from builders.scoring.error_kinds import RIGHT_FROM

WORST, RANDOM, BETTER, WORSE = "worst", "random", "better", "worse"
_LEAST_CHANGE = 1e-9


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
