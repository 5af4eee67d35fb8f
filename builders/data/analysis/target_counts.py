"""Counts of targets by category, shape, size and position, which add up over the parts of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from builders.data.analysis.target_table import TargetTable
from builders.tasks.geometry import IDENTIFICATION_SIZES, SHAPES, identification_size, shape

# Bins per side of the finest grid of positions. Any grid whose number of bins divides it is a sum over its bins.
FINEST_BINS = 48


class TargetCounts(NamedTuple):
    """Numbers of targets, for C categories in the order of their class labels.

    Attributes:
        names: the categories' names, C texts.
        shapes: by category and shape; ints of shape (C, 3), in the order of `SHAPES`.
        sizes: by category and size; ints of shape (C, 5), in the order of `IDENTIFICATION_SIZES`.
        positions: by category and place of the centre in the image: rows from the top, columns from the left; ints of
            shape (C, `FINEST_BINS`, `FINEST_BINS`).
    """

    names: tuple[str, ...]
    shapes: np.ndarray
    sizes: np.ndarray
    positions: np.ndarray

    @property
    def by_category(self) -> np.ndarray:
        """The number of targets of each category; ints of shape (C,)."""
        return self.shapes.sum(axis=1)

    @property
    def present(self) -> list[int]:
        """The indices of the categories that have targets."""
        return np.flatnonzero(self.by_category).tolist()

    def boxes(self) -> dict[str, int]:
        """Return the number of targets of each category, by its name."""
        return dict(zip(self.names, self.by_category.tolist(), strict=True))

    def grid(self, category: int, bins: int) -> np.ndarray:
        """Return the numbers of a category's targets by place on a coarser grid.

        Args:
            category: a class label.
            bins: the number of bins per side, a divisor of `FINEST_BINS`.

        Returns:
            Ints of shape (bins, bins).
        """
        step = FINEST_BINS // bins
        return self.positions[category].reshape(bins, step, bins, step).sum(axis=(1, 3))


def count_targets(targets: TargetTable, names: tuple[str, ...]) -> TargetCounts:
    """Count the targets of a table; a centre between two bins is in the right or lower one.

    Args:
        targets: the table.
        names: the categories' names.
    """
    x, y, w, h = targets.bbox.T
    boxes = zip(x, y, x + w, y + h, strict=True)
    columns, rows = np.minimum((targets.center * FINEST_BINS).astype(int), FINEST_BINS - 1).T
    sizes = _indices(identification_size, targets.area_share, IDENTIFICATION_SIZES)

    def tabulate(column: np.ndarray, columns: int) -> np.ndarray:
        counts = np.bincount(targets.category * columns + column, minlength=len(names) * columns)
        return counts.reshape(len(names), columns)

    return TargetCounts(
        names,
        tabulate(_indices(shape, boxes, SHAPES), len(SHAPES)),
        tabulate(sizes, len(IDENTIFICATION_SIZES)),
        tabulate(rows * FINEST_BINS + columns, FINEST_BINS**2).reshape(-1, FINEST_BINS, FINEST_BINS),
    )


def add_counts(parts: Iterable[TargetCounts]) -> TargetCounts:
    """Return the counts of all parts together; at least one part is needed."""
    (names, *_), *arrays = zip(*parts, strict=True)
    return TargetCounts(names, *(np.sum(array, axis=0) for array in arrays))


def _indices(name: Callable[..., str], values: Iterable[object], names: tuple[str, ...]) -> np.ndarray:
    places = {found: place for place, found in enumerate(names)}
    return np.array([places[name(value)] for value in values], int)
