"""What a card says of a build, read from its files once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builders.analysis.target_table import TargetTable, read_targets
from builders.card.example_records import choose_examples
from builders.folder.parquet_file import ParquetFile
from builders.folder.reader import Build


@dataclass(frozen=True)
class Contents:
    """A build's contents; no more of it is read to write its card.

    Attributes:
        build: the build.
        files: its Parquet files.
        examples: a record with its image for each task that was built, in the order of `TASKS`.
        targets: the targets of each split; without the splits of which no task has every target.
    """

    build: Build
    files: Sequence[ParquetFile]
    examples: Mapping[str, Mapping[str, Any]]
    targets: Mapping[str, TargetTable]

    @property
    def tasks(self) -> list[str]:
        """The tasks that were built."""
        return list(self.examples)

    @property
    def splits(self) -> list[str]:
        """The splits that were built."""
        return self.build.splits

    def count(self, tasks: Iterable[str] | None = None, split: str | None = None) -> int:
        """Return the number of records of some tasks and a split; of all where one is not given."""
        among = self.tasks if tasks is None else tasks
        return sum(file.rows for file in self.files if file.task in among and split in (None, file.split))


def read_contents(build: Build, files: Sequence[ParquetFile]) -> Contents:
    """Read what the card of a build shows; of its images only those of the examples.

    Args:
        build: the build, whose card need not be there yet.
        files: its Parquet files.
    """
    targets = {split: read_targets(build, split) for split in build.splits}
    found = {split: table for split, table in targets.items() if table is not None}
    return Contents(build, files, choose_examples(build), found)
