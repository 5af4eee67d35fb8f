"""What a card needs of a build: summaries of its parts, which add up, and the contents that it describes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builders.build.card.example_records import Record, best_of, choose_examples, propose_examples
from builders.core.schema import IN_ALL, SPLITS, TASKS
from builders.data.analysis.statistics import TextStatistics, add_up, count_texts
from builders.data.analysis.targets import TargetCounts, add_counts, count_targets, read_targets
from builders.data.reader import Build, ParquetFile


@dataclass(frozen=True)
class Summary:
    """The summary of a part of one split.

    Attributes:
        targets: the counts of its targets, or `None` if no task contains every target.
        texts: the statistics of its texts, which are empty if they were not asked for.
        examples: candidates for the card's examples by task, see `propose_examples`.
    """

    targets: TargetCounts | None
    texts: TextStatistics
    examples: Mapping[str, Sequence[Record]]

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of two parts of one split; the order does not matter."""
        targets = [part.targets for part in (self, other) if part.targets is not None]
        proposed = {
            task: best_of([*self.examples.get(task, ()), *other.examples.get(task, ())])
            for task in TASKS
            if task in self.examples or task in other.examples
        }
        return Summary(add_counts(targets) if targets else None, add_up([self.texts, other.texts]), proposed)


def summarize(build: Build, split: str, *, with_texts: bool, with_targets: bool = True) -> Summary:
    """Summarize a split of a build, reading no image.

    Args:
        build: the build, which may be a part of one.
        split: the split.
        with_texts: whether to count its texts: reading them takes about as long as writing them.
        with_targets: whether to count its targets, which another part of it may have too.
    """
    targets = read_targets(build, split) if with_targets else None
    return Summary(
        count_targets(targets, build.info.names) if targets else None,
        count_texts(build, split) if with_texts else add_up([]),
        {task: propose_examples(build, task, split) for task in TASKS if build.has(task, split)},
    )


@dataclass(frozen=True)
class Contents:
    """The contents of a build, from which its card is written without reading it.

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
    def in_all(self) -> list[str]:
        """Those of the config `all`."""
        return [task for task in self.tasks if task in IN_ALL]

    @property
    def splits(self) -> list[str]:
        """The splits that were built, in the usual order."""
        found = {file.split for file in self.files}
        return [split for split in SPLITS if split in found]

    def has(self, task: str, split: str) -> bool:
        """Return whether a task has records in a split."""
        return any((file.task, file.split) == (task, split) for file in self.files)

    def count(self, tasks: Iterable[str] | None = None, split: str | None = None) -> int:
        """Return the number of records of the given tasks and split, or of all if not given."""
        among = self.tasks if tasks is None else tasks
        return sum(file.rows for file in self.files if file.task in among and split in (None, file.split))


def gather_contents(
    files: Sequence[ParquetFile],
    summaries: Mapping[str, Summary],
    read_image: Callable[[str, Record], bytes],
) -> Contents:
    """Put the contents of a build together.

    Args:
        files: its Parquet files.
        summaries: the summary of each split; at least one has counted its texts.
        read_image: returns the encoded image of a record, given its split and the record.

    Raises:
        SARChatError: if no image of a task's candidates can be decoded.
    """
    ordered = {split: summaries[split] for split in SPLITS if split in summaries}
    # Examples come from the first split of a task.
    split_of = {task: split for split in reversed(ordered) for task in ordered[split].examples}
    candidates = {task: ordered[split_of[task]].examples[task] for task in TASKS if task in split_of}
    return Contents(
        files,
        choose_examples(candidates, lambda record: read_image(split_of[record["task"]], record)),
        {split: summary.targets for split, summary in ordered.items() if summary.targets is not None},
        add_up(summary.texts for summary in ordered.values()),
    )
