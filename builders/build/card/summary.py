"""What the card needs of a part of the records: counts that add up, and candidates for the examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builders.build.card.example_records import Record, best_of, propose_examples
from builders.core.schema import TASKS
from builders.data.analysis.statistics import TextStatistics, add_up, count_texts
from builders.data.analysis.targets import TargetCounts, add_counts, count_targets, read_targets
from builders.data.reader import Build


@dataclass(frozen=True)
class Summary:
    """The summary of a part of one split.

    Attributes:
        targets: the counts of its targets, or `None` if no task contains every target.
        texts: the statistics of its texts, or `None` if they were not asked for.
        examples: candidates for the card's examples by task, see `propose_examples`.
    """

    targets: TargetCounts | None
    texts: TextStatistics | None
    examples: Mapping[str, Sequence[Record]]

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of two parts of one split; the order does not matter."""
        targets = [part.targets for part in (self, other) if part.targets is not None]
        texts = [part.texts for part in (self, other) if part.texts is not None]
        proposed = {
            task: best_of([*self.examples.get(task, ()), *other.examples.get(task, ())])
            for task in TASKS
            if task in self.examples or task in other.examples
        }
        return Summary(add_counts(targets) if targets else None, add_up(texts) if texts else None, proposed)


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
        count_texts(build, split) if with_texts else None,
        {task: propose_examples(build, task, split) for task in TASKS if build.has(task, split)},
    )
