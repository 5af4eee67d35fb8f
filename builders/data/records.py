"""The records of a data set, read in one way from a build, the Hub, object storage or a corpus."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from builders.core.errors import SARChatError, near
from builders.core.schema import ALL, COLUMNS, IN_ALL, is_scored
from builders.corpus.info import CorpusInfo
from builders.data.subset import choose_subset

BATCH_ROWS = 20_000


class Records(ABC):
    """A data set whose records can be read in order, by config (a task, or `all`) and split.

    Attributes:
        location: the path, URL or repo id that the user gave.
        tasks: its tasks, in order; `all` has the records of those that are `IN_ALL`.
        info: what its corpus is about.
        version: the version of the data set, if known.
    """

    def __init__(
        self, location: str, splits: Mapping[str, Sequence[str]], info: CorpusInfo, version: str | None = None
    ) -> None:
        """Set what is known without reading a record; `splits` are those of each task."""
        self.location = location
        self.tasks = tuple(splits)
        self.info = info
        self.version = version
        self._splits = splits

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes with the records and the images."""

    @abstractmethod
    def count(self, config: str, split: str) -> int:
        """Return the number of records of a split."""

    @abstractmethod
    def rows(
        self, config: str, split: str, keep: Container[str] | None = None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a split in order.

        Args:
            config: a task, or `all`.
            split: the split.
            keep: the ids of the records to yield; all if `None`.
            columns: the columns of each dict.

        Yields:
            A dict. Its `image` is an `EncodedImage`, the same object for consecutive records of one image, so an
            image is read once if `read` is called once per object. Otherwise no image is read or decoded.

        Raises:
            SARChatError: if there is no such config or split, or a file cannot be read.
        """

    def read_text(self, name: str) -> str | None:
        """Return the text of a small file that belongs to the data set; `None` if there is none.

        Raises:
            SARChatError: if it cannot be read.
        """
        return None

    def splits(self, config: str | None = None) -> tuple[str, ...]:
        """Return the splits that a config has, or those of any task.

        Raises:
            SARChatError: if the config does not exist.
        """
        tasks = self.tasks if config is None else self._members(config)
        return tuple(dict.fromkeys(split for task in tasks for split in self._splits[task]))

    def has(self, task: str, split: str) -> bool:
        """Return whether there is such a task with such a split."""
        return split in self._splits.get(task, ())

    def select(self, config: str, split: str) -> tuple[str, ...]:
        """Return the tasks of a config that have a split.

        Raises:
            SARChatError: if the config does not exist or has no such split.
        """
        tasks = tuple(task for task in self._members(config) if self.has(task, split))
        if not tasks:
            splits = self.splits(config)
            raise SARChatError(
                f"{self.location}: config {config} has no split {split!r}{near(split, splits)}; "
                f"it has {', '.join(splits) or 'none'}"
            )
        return tasks

    def select_scored(self, config: str, split: str) -> tuple[str, ...]:
        """Return the tasks of a config that have a split, whose answers can be scored.

        Raises:
            SARChatError: as `select`, or if the config is for training alone.
        """
        tasks = self.select(config, split)
        if unscored := [task for task in tasks if not is_scored(task)]:
            known = [task for task in self.tasks if is_scored(task)]
            raise SARChatError(
                f"{self.location}: {unscored[0]} is for training, and has no score; choose from {', '.join(known)}"
            )
        return tasks

    def _members(self, config: str) -> tuple[str, ...]:
        """Return the tasks of a config; a data set that has none of the tasks of `all` has no such config."""
        members = {ALL: tuple(task for task in self.tasks if task in IN_ALL)} | {task: (task,) for task in self.tasks}
        if not members.get(config):
            known = [name for name, tasks in members.items() if tasks]
            raise SARChatError(
                f"{self.location} has no config {config!r}{near(config, known)}; it has {', '.join(known)}"
            )
        return members[config]

    def batches(
        self, config: str, split: str, columns: Sequence[str], rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of a split's records in order, without images, at most `rows` records at a time.

        Raises:
            SARChatError: as `rows`.
        """
        records = iter(tqdm(self.rows(config, split, columns=columns), f"{config}, {split}", delay=1, disable=None))
        while batch := list(islice(records, rows)):
            yield pa.RecordBatch.from_pylist(batch)

    def record(self, config: str, split: str, index: int) -> dict[str, Any]:
        """Return one record by its index in a split, as `rows` has it.

        Raises:
            SARChatError: if the config, the split or the index does not exist.
        """
        found = next(islice(self.rows(config, split), index, None), None) if index >= 0 else None
        return found or self._refuse_index(config, split, index)

    def _refuse_index(self, config: str, split: str, index: int) -> Any:  # noqa: ANN401
        total = self.count(config, split)
        raise SARChatError(
            f"{self.location}: no record {index} in {config}, {split}; it has {total:,} records, counted from 0"
        )

    def record_with_id(self, config: str, record_id: str, splits: Sequence[str] = ()) -> dict[str, Any]:
        """Return one record by its id, from some splits or from all, as `rows` has it.

        Raises:
            SARChatError: if the config, the split or the id does not exist.
        """
        splits = splits or self.splits(config)
        for split in splits:
            for row in self.rows(config, split, {record_id}):
                return row
        raise SARChatError(
            f"{self.location}: no record with id {record_id!r} in {config}, {', '.join(splits)}; "
            "ids look like 'referring/test/0000026/0'"
        )

    def subset(self, tasks: Sequence[str], split: str, limit: int | None) -> frozenset[str] | None:
        """Choose the ids of `--limit`, that many records per sub-score; see `choose_subset`.

        Returns:
            The ids, or `None` for all records if there is no limit.
        """
        if limit is None:
            return None
        rows = (row for task in tasks for row in self.rows(task, split, columns=("id", "task", "scenario")))
        return choose_subset(((row["id"], row["task"], row["scenario"]) for row in rows), limit)
