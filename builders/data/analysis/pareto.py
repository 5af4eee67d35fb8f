"""The Pareto front of models: those that no other beats in both cost and score."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return the models on the front, from the cheapest on.

    A model is on it if no other costs at most as much and scores at least as high, one of the two strictly.

    Args:
        costs: the cost of each of N models, in any unit; lower is better.
        scores: the score of each; higher is better.

    Returns:
        Indices of the models; models of equal cost and score are all on the front or all off it.
    """
    order = sorted(range(len(costs)), key=lambda index: (costs[index], -scores[index]))
    front: list[int] = []
    for index in order:
        best = front[-1] if front else None
        is_equal = best is not None and (costs[index], scores[index]) == (costs[best], scores[best])
        if best is None or scores[index] > scores[best] or is_equal:
            front.append(index)
    return front
