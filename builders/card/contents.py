"""The contents of a build that its card describes, put together from the summaries of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builders.analysis.target_counts import TargetCounts, add_counts
from builders.analysis.texts import TextStatistics, add_up
from builders.card.example_records import Record, best_of, choose_examples
from builders.card.summary import Summary
from builders.folder.parquet_file import ParquetFile
from builders.schema import SPLITS, TASKS


@dataclass(frozen=True)
class Contents:
    """The contents of a build; writing its card needs no reading.

    Attributes:
        files: its Parquet files.
        examples: one record with its image per built task, in the order of `TASKS`.
        targets: the counts of the targets of each split, except splits in which no task contains every target.
        texts: the statistics of the texts of the last split.
    """

    files: Sequence[ParquetFile]
    examples: Mapping[str, Mapping[str, Any]]
    targets: Mapping[str, TargetCounts]
    texts: TextStatistics

    @property
    def tasks(self) -> list[str]:
        """The tasks that were built."""
        return list(self.examples)

    @property
    def splits(self) -> list[str]:
        """The splits that were built."""
        return built_splits(self.files)

    def has(self, task: str, split: str) -> bool:
        """Return whether a task has records in a split."""
        return any((file.task, file.split) == (task, split) for file in self.files)

    def count(self, tasks: Iterable[str] | None = None, split: str | None = None) -> int:
        """Return the number of records of the given tasks and split, or of all if not given."""
        among = self.tasks if tasks is None else tasks
        return sum(file.rows for file in self.files if file.task in among and split in (None, file.split))


def built_splits(files: Iterable[ParquetFile]) -> list[str]:
    """Return the splits that have files, in the usual order."""
    found = {file.split for file in files}
    return [split for split in SPLITS if split in found]


def gather_contents(
    files: Sequence[ParquetFile],
    summaries: Iterable[tuple[str, Summary]],
    read_image: Callable[[str, Record], bytes],
) -> Contents:
    """Put the contents of a build together.

    Args:
        files: its Parquet files.
        summaries: split and summary of each of its parts, in any order.
        read_image: returns the encoded image of a record, given its split and the record.

    Raises:
        SARChatError: if no image of a task's candidates can be decoded.
    """
    by_split: dict[str, list[Summary]] = {}
    for split, summary in summaries:
        by_split.setdefault(split, []).append(summary)
    targets = {
        split: add_counts(counts)
        for split in SPLITS
        if (counts := [part.targets for part in by_split.get(split, []) if part.targets is not None])
    }
    candidates, split_of = {}, {}
    for task in TASKS:
        # Examples come from the first split of a task.
        first = next(
            (split for split in SPLITS if any(part.examples.get(task) for part in by_split.get(split, []))), None
        )
        if first is not None:
            split_of[task] = first
            candidates[task] = best_of(record for part in by_split[first] for record in part.examples.get(task, ()))
    texts = [part.texts for parts in by_split.values() for part in parts if part.texts is not None]
    examples = choose_examples(candidates, lambda record: read_image(split_of[record["task"]], record))
    return Contents(files, examples, targets, add_up(texts))
