"""Drawing records again, one by one: what the intervals of scores are checked against."""

from __future__ import annotations

import numpy as np


def draw_records(tasks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw as many records of each task as there are, with replacement; return how often each was drawn."""
    times = np.zeros(len(tasks), dtype=int)
    for task in np.unique(tasks):
        own = np.flatnonzero(tasks == task)
        np.add.at(times, rng.choice(own, len(own)), 1)
    return times
