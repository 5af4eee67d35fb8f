"""The records of a split that answers are scored against, without their images."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from builders.core.errors import SARChatError, one_line
from builders.data.open_data import open_data
from builders.data.records import Records

Row = TypeVar("Row")
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

    data: Records
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

    def ids_left_out(self, ids: Collection[str]) -> set[str]:
        """Return those of some ids that belong to other records of the split, of any task."""
        tasks = [task for task in self.data.tasks if ids and self.data.has(task, self.split)]
        return {record_id for record_id, _ in read_rows(self.data, tasks, self.split, ids, ("id",))}


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
        SARChatError: if there is no such data set, config or split, it cannot be read, or two records have one id.
    """
    data = open_data(location)
    tasks = data.select_scored(config, split)
    rows = read_rows(data, tasks, split, data.subset(tasks, split, limit), columns)
    return Gold(data, config, tasks, split, limit, dict(require_unique(rows, location)))


def require_unique(rows: Iterable[tuple[str, Row]], location: str) -> Iterator[tuple[str, Row]]:
    """Yield records with their ids, which must be unique and printable.

    Raises:
        SARChatError: if an id is repeated, or is not one line of printable text.
    """
    seen: set[str] = set()
    for record_id, row in rows:
        if record_id in seen:
            raise SARChatError(f"{location}: two records have the id {record_id!r}; give every record an id of its own")
        if one_line(record_id) != record_id:
            raise SARChatError(f"{location}: the id {record_id!r} is not one line of text; give the record another one")
        seen.add(record_id)
        yield record_id, row


def read_rows(
    data: Records,
    tasks: Sequence[str],
    split: str,
    keep: Container[str] | None = None,
    columns: Sequence[str] = COLUMNS,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield id and columns of the records of some tasks; no image is read unless it is among the columns."""
    for task in tasks:
        for row in data.rows(task, split, keep, columns):
            yield row.pop("id"), row


def number_of_wordings(numbers: Collection[int], location: str) -> int:
    """Return the number of wordings of each record, given the different ones that were counted.

    Raises:
        SARChatError: if some records have more than others.
    """
    if len(numbers) > 1:
        raise SARChatError(
            f"{location}: records have from {min(numbers)} to {max(numbers)} wordings; build the split with one number "
            "of --wordings"
        )
    return max(numbers, default=1)
