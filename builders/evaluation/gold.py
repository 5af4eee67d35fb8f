"""The records of a split that answers are scored against, without their images."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from builders.open_data import OpenData, open_data

# The columns of a record that scoring needs.
COLUMNS = ("id", "task", "scenario", "messages", "width", "height")


@dataclass(frozen=True)
class Gold:
    """The records of a split, or a part of them.

    Attributes:
        data: the data set.
        config: a task, or `all`.
        tasks: its tasks that have the split.
        split: the split.
        limit: the maximum number of records per task and scenario; `None` for all.
        records: the chosen columns of each record, by id, in the order of the data set.
    """

    data: OpenData
    config: str
    tasks: tuple[str, ...]
    split: str
    limit: int | None
    records: dict[str, dict[str, Any]]

    def read(
        self, keep: Container[str] | None = None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield id and columns of records of the split, whatever the limit."""
        return read_rows(self.data, self.tasks, self.split, keep, columns)


def read_gold(
    location: str, config: str, split: str, limit: int | None = None, columns: Sequence[str] = COLUMNS
) -> Gold:
    """Read the records of a split into memory.

    Args:
        location: the data set, as `open_data` takes it.
        config: a task, or `all`.
        split: the split.
        limit: read only this many records of each task and scenario, see `choose_subset`.
        columns: the columns of each record, including `id`, without `image`.

    Raises:
        SARChatError: if there is no such data set, config or split, or it cannot be read.
    """
    data = open_data(location)
    tasks = data.select(config, split)
    keep = data.subset(tasks, split, limit)
    return Gold(data, config, tasks, split, limit, dict(read_rows(data, tasks, split, keep, columns)))


def read_rows(
    data: OpenData,
    tasks: Sequence[str],
    split: str,
    keep: Container[str] | None = None,
    columns: Sequence[str] = COLUMNS,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield id and columns of the records of some tasks; no image is read unless it is among the columns."""
    for task in tasks:
        for row in data.rows(task, split, keep, columns):
            yield row.pop("id"), row
