"""The contents of a build that its card describes, read from its files once."""

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
    """The contents of a build; writing its card needs no further reading.

    Attributes:
        build: the build.
        files: its Parquet files.
        examples: one record with its image per built task, in the order of `TASKS`.
        targets: the targets of each split, except splits in which no task contains every target.
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
        """Return the number of records of the given tasks and split, or of all if not given."""
        among = self.tasks if tasks is None else tasks
        return sum(file.rows for file in self.files if file.task in among and split in (None, file.split))


def read_contents(build: Build, files: Sequence[ParquetFile]) -> Contents:
    """Read the contents of a build; of its images, only those of the examples.

    Args:
        build: the build, whose card need not exist yet.
        files: its Parquet files.
    """
    targets = {split: read_targets(build, split) for split in build.splits}
    found = {split: table for split, table in targets.items() if table is not None}
    return Contents(build, files, choose_examples(build), found)
