"""The targets of a built split as NumPy arrays, read from one of its tasks without any image, and their counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builders.core.polygons import covered_area
from builders.core.schema import CORNERS, fewest_records_first, task_facts
from builders.data.records import Records
from builders.tasks.geometry import IDENTIFICATION_SIZES, SHAPES, identification_size, shape

_COLUMNS = ("id", "width", "height", "objects")


class TargetTable(NamedTuple):
    """The N targets of a split, each listed once.

    Attributes:
        category: class labels; ints of shape (N,).
        bbox: COCO x, y, w, h in pixels; floats of shape (N, 4).
        image_size: width and height of each target's image in pixels; ints of shape (N, 2).
        area_share: the share of its image's area that each target covers, 0 to 1: that of its corners, if it is
            oriented; floats of shape (N,).
    """

    category: np.ndarray
    bbox: np.ndarray
    image_size: np.ndarray
    area_share: np.ndarray

    @property
    def aspect_ratio(self) -> np.ndarray:
        """Width over height of each target; floats of shape (N,)."""
        return self.bbox[:, 2] / self.bbox[:, 3]

    @property
    def center(self) -> np.ndarray:
        """Each target's centre as shares of its image's width and height, 0 to 1; floats of shape (N, 2)."""
        return (self.bbox[:, :2] + self.bbox[:, 2:] / 2) / self.image_size


# Which rows of a task have every target once, given the number of objects of each row; no such rows otherwise.
_ROWS_WITH_TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "every": lambda objects: np.ones(len(objects), bool),
    "alone": lambda objects: objects == 1,
}


def sources_of_targets() -> list[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Return the tasks that have every target, the smallest table first, each with a choice of its rows.

    The choice takes the number of objects of each row, and marks the rows that have each target once.
    """
    kinds = {task: task_facts()[task]["targets"] for task in fewest_records_first()}
    return [(task, _ROWS_WITH_TARGETS[kind]) for task, kind in kinds.items() if kind in _ROWS_WITH_TARGETS]


def read_targets(data: Records, split: str) -> TargetTable | None:
    """Read a split's targets, or return `None` if no task with all of them was built."""
    for task, choose in sources_of_targets():
        if data.has(task, split):
            return concatenate(_read_batch(batch, choose) for batch in data.batches(task, split, _COLUMNS))
    return None


def concatenate(tables: Iterable[TargetTable]) -> TargetTable:
    """Return the targets of all tables as one."""
    return TargetTable(*map(np.concatenate, zip(*tables, strict=True)))


def _read_batch(batch: pa.RecordBatch, choose: Callable[[np.ndarray], np.ndarray]) -> TargetTable:
    objects = batch.column("objects")
    bbox, category = objects.field("bbox"), objects.field("category")
    lengths = bbox.value_lengths().to_numpy()
    # Of a record in several wordings, the first.
    is_further = pc.match_substring_regex(batch.column("id"), "/[0-9]+#[0-9]+$").to_numpy(zero_copy_only=False)
    of_chosen_row = np.repeat(choose(lengths) & ~is_further, lengths)
    sizes = np.column_stack([batch.column(side).to_numpy() for side in ("width", "height")])
    boxes = bbox.flatten().flatten().to_numpy().reshape(-1, 4)[of_chosen_row]
    image_size = np.repeat(sizes, lengths, axis=0)[of_chosen_row]
    area = boxes[:, 2] * boxes[:, 3]
    if any(field.name == CORNERS for field in objects.type):
        eights = objects.field(CORNERS).flatten().flatten().to_numpy().reshape(-1, 8)[of_chosen_row]
        area = np.array([covered_area(*both) for both in zip(eights.tolist(), *image_size.T.tolist(), strict=True)])
    return TargetTable(category.flatten().to_numpy()[of_chosen_row], boxes, image_size, area / image_size.prod(axis=1))


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
