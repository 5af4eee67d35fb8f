"""What the card needs of a part of the records: counts that add up, and candidates for the examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from builders.build.card.example_records import Record, best_of, propose_examples
from builders.core.schema import TASKS
from builders.data.analysis.targets import FINEST_BINS, TargetCounts, add_counts, count_targets, read_targets
from builders.data.analysis.texts import TextStatistics, add_up, count_texts
from builders.data.reader import Build
from builders.tasks.geometry import IDENTIFICATION_SIZES, SHAPES


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

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON can hold it."""
        return {
            "targets": self.targets and _targets_to_json(self.targets),
            "texts": self.texts and self.texts._asdict(),
            "examples": {task: list(records) for task, records in self.examples.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Summary:
        """Return the summary that `to_json` returned.

        Raises:
            KeyError, TypeError, ValueError: if it is not one.
        """
        targets, texts = content["targets"], content["texts"]
        return cls(
            targets and _targets_from_json(targets),
            texts and TextStatistics(**{**texts, "frequencies": Counter(texts["frequencies"])}),
            content["examples"],
        )


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


# Most bins of the finest grid are empty in a shard: only the others are listed, as pairs of a place and a number.
def _targets_to_json(counts: TargetCounts) -> dict[str, Any]:
    flat = counts.positions.ravel()
    filled = np.flatnonzero(flat)
    return {
        "names": list(counts.names),
        "shapes": counts.shapes.tolist(),
        "sizes": counts.sizes.tolist(),
        "positions": [filled.tolist(), flat[filled].tolist()],
    }


def _targets_from_json(content: Mapping[str, Any]) -> TargetCounts:
    names = tuple(content["names"])
    places, numbers = content["positions"]
    positions = np.zeros(len(names) * FINEST_BINS**2, int)
    positions[places] = numbers
    return TargetCounts(
        names,
        np.array(content["shapes"], int).reshape(len(names), len(SHAPES)),
        np.array(content["sizes"], int).reshape(len(names), len(IDENTIFICATION_SIZES)),
        positions.reshape(len(names), FINEST_BINS, FINEST_BINS),
    )
