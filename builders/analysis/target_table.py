"""The targets of a built split as NumPy arrays, read from one of its tasks without any image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from builders.folder.reader import Build

_COLUMNS = ("width", "height", "objects")


class TargetTable(NamedTuple):
    """The N targets of a split, each listed once.

    Attributes:
        category: class labels; ints of shape (N,).
        bbox: COCO x, y, w, h in pixels; floats of shape (N, 4).
        image_size: width and height of each target's image in pixels; ints of shape (N, 2).
    """

    category: np.ndarray
    bbox: np.ndarray
    image_size: np.ndarray

    @property
    def aspect_ratio(self) -> np.ndarray:
        """Width over height of each target; floats of shape (N,)."""
        return self.bbox[:, 2] / self.bbox[:, 3]

    @property
    def area_share(self) -> np.ndarray:
        """The share of its image's area that each target covers, 0 to 1; floats of shape (N,)."""
        return self.bbox[:, 2] * self.bbox[:, 3] / self.image_size.prod(axis=1)

    @property
    def center(self) -> np.ndarray:
        """Each target's centre as shares of its image's width and height, 0 to 1; floats of shape (N, 2)."""
        return (self.bbox[:, :2] + self.bbox[:, 2:] / 2) / self.image_size


def _every(objects_of_row: np.ndarray) -> np.ndarray:
    return np.ones(len(objects_of_row), bool)


def _alone(objects_of_row: np.ndarray) -> np.ndarray:
    return objects_of_row == 1


# Tasks that contain every target, and their rows that contain each one once. Description omits targets; identification
# has each target alone in one row and again in pairs. The smallest table comes first.
_SOURCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "classification": _every,
    "grounding": _every,
    "referring": _every,
    "counting": _every,
    "identification": _alone,
}


def read_targets(build: Build, split: str) -> TargetTable | None:
    """Read a split's targets, or return `None` if no task with all of them was built."""
    task = next((task for task in _SOURCES if split in build.configs.get(task, {})), None)
    if task is None:
        return None
    return concatenate(_read_batch(batch, _SOURCES[task]) for batch in build.batches(task, split, _COLUMNS))


def concatenate(tables: Iterable[TargetTable]) -> TargetTable:
    """Return the targets of all tables as one."""
    return TargetTable(*map(np.concatenate, zip(*tables, strict=True)))


def _read_batch(batch: pa.RecordBatch, choose: Callable[[np.ndarray], np.ndarray]) -> TargetTable:
    objects = batch.column("objects")
    bbox, category = objects.field("bbox"), objects.field("category")
    lengths = bbox.value_lengths().to_numpy()
    of_chosen_row = np.repeat(choose(lengths), lengths)
    sizes = np.column_stack([batch.column(side).to_numpy() for side in ("width", "height")])
    return TargetTable(
        category.flatten().to_numpy()[of_chosen_row],
        bbox.flatten().flatten().to_numpy().reshape(-1, 4)[of_chosen_row],
        np.repeat(sizes, lengths, axis=0)[of_chosen_row],
    )
