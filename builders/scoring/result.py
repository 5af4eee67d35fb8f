"""A model's scores, to be written, compared, ranked and drawn; the paper's published ones are of the same type."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from builders.core.checksums import new_digest
from builders.core.errors import SARChatError, check_name
from builders.corpus.info import DEFAULT, known_corpus
from builders.data.analysis.paper import read_test_sizes
from sarchat_metric import AVERAGED, Tally, averages, sub_scores, task_scores

_PERFECT = 100.0
# By kind of blind player, the sub-scores in percent.
BlindScores = Mapping[str, Mapping[str, float]]
AVERAGES = ("sample", "corpus")
# What the metric counts of the answers that say nothing, or too much, and of those with upright boxes where oriented
# ones were asked for.
UNREAD = ("unparsed", "hedged", "upright")
# Further counts of answers and of the boxes in them: `truncated` and `failed` are answers that were cut off and
# requests that failed; `boxes` are those of the answers, of which `out_of_image` reach beyond their image; `rotated`
# boxes and other coordinates (`not_boxes`) are not scored.
COUNTED = ("truncated", "failed", "boxes", "out_of_image", "rotated", "not_boxes")
# Whose numbers of records weight the tasks in Eq. 4: those of one's own test set, or of the published one.
OWN, PUBLISHED = "own", "published"
WEIGHTS = (OWN, PUBLISHED)
# The name of a probe's scores with the records' own images.
OWN_IMAGE = "own image"
# A task's test set counts as one of the published size from 80 % of its records to 125 %.
_NARROWEST, _WIDEST = 0.8, 1.25
_PARAMETERS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([KMBT])", re.IGNORECASE)
_POWERS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@dataclass(frozen=True)
class Result:
    """The scores of a model on a set of records.

    Attributes:
        name: the model's name.
        scores: the sub-scores in percent, and additional ones that enter no average, by the metric's keys.
        sizes: the number of records of each task; empty if unknown.
        params: the model's number of parameters as it is written, such as `7B`; empty if unknown.
        average: `sample` or `corpus`; `None` if unknown.
        weights: the weights of `overall`: `own` or `published`.
        tally: the counts of each record; `None` if only the scores are known.
        records: a hash of the records and their gold answers; empty if unknown.
        corpus: the name of the corpus that the records are about; empty if unknown.
        intervals: for each score, the ends of its 95 % interval; empty if they were not computed.
        counts: numbers of answers and of boxes by name and task, `UNREAD` and `COUNTED`; a file of an older
            version has fewer.
        wordings: the number of wordings of each record; `counts` then has `alike`, the records answered alike in all.
        costs: mean and median per answer by the names of `COSTS`, where the file of answers has them.
        missing: the number of records without a prediction.
        left_out: the number of answers to other records of the split, see `JoinedAnswers`.
        blind_scores: the sub-scores of blind players on the split, by kind of player; empty if unknown.
        probe: the scores on the same or fewer records with their own images, with another image each, and with a grey
            one, as `sarchat probe` asked for them; empty if unknown.
        printed: the average as the paper prints it; `None` for the user's own models.
        location: the file that the scores were read from, for messages.
    """

    name: str
    scores: Mapping[str, float]
    sizes: Mapping[str, int] = field(default_factory=dict)
    params: str = ""
    average: str | None = None
    weights: str = OWN
    tally: Tally | None = field(default=None, compare=False, repr=False)
    records: str = ""
    corpus: str = ""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    wordings: int = 1
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing: int = 0
    left_out: int = 0
    blind_scores: BlindScores = field(default_factory=dict)
    probe: tuple[Result, ...] = ()
    printed: float | None = None
    location: str = field(default="", compare=False)

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own; else it is from the paper."""
        return self.printed is None

    @cached_property
    def tasks(self) -> dict[str, float]:
        """The score of each task, Eq. 5."""
        return task_scores(self.scores)

    @property
    def overall(self) -> float | None:
        """The overall score, Eq. 4, with its own `weights`; `None` if a task or the numbers of records are missing.

        Raises:
            SARChatError: if the weights are the published ones, but not all six tasks were scored.
        """
        return self.overall_by(choose_sizes(self.weights, self.sizes, self.corpus))

    def overall_by(self, sizes: Mapping[str, int]) -> float | None:
        """Return the overall score, Eq. 4, with given weights, or `None` if a task is missing."""
        return self.averages_by(sizes).get("overall")

    def averages_by(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return `overall`, with given weights, and `balanced`; empty if a task is missing."""
        if not sizes.keys() <= self.tasks.keys():
            return {}
        return averages({task: self.tasks[task] for task in sizes}, sizes)

    @cached_property
    def figures(self) -> dict[str, float]:
        """All scores in percent: `scores`, those of the tasks, and, if known, the averages; errors as `overall`."""
        return {**self.scores, **self.tasks, **self.averages_by(choose_sizes(self.weights, self.sizes, self.corpus))}

    @cached_property
    def blind(self) -> dict[str, float]:
        """The highest score of a blind player for each of `figures`, where it is known."""
        best: dict[str, float] = {}
        for player in self._players():
            for key, value in player.figures.items():
                if key in self.figures:
                    best[key] = max(value, best.get(key, 0.0))
        return best

    def blind_by(self, sizes: Mapping[str, int]) -> float | None:
        """Return the highest overall score of a blind player, with given weights, or `None` if it is not known."""
        found = [overall for player in self._players() if (overall := player.overall_by(sizes)) is not None]
        return max(found, default=None)

    def _players(self) -> list[Result]:
        return [replace(self, scores=scores, blind_scores={}) for scores in self.blind_scores.values()]

    @property
    def lifts(self) -> dict[str, float]:
        """What a model has of what sight can add, in percent; see `lift`. Below 0 if a blind player does better."""
        return {key: lift(self.figures[key], blind) for key, blind in self.blind.items() if blind < _PERFECT}

    @property
    def flat(self) -> dict[str, Any]:
        """The metric's flat dict, with the chosen weights: the scores, and numbers of answers by name and task."""
        return {
            **self.figures,
            "n": dict(self.sizes),
            **{name: self.counts[name] for name in UNREAD if name in self.counts},
        }

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of records behind each task's score and the averages, and behind each sub-score if it is known."""
        behind = {} if self.tally is None else {key: len(rows) for key, rows in self.tally.records.items()}
        averaged = sum(size for task, size in self.sizes.items() if task in AVERAGED)
        return {**behind, **self.sizes, "overall": averaged, "balanced": averaged}

    def total(self, name: str) -> int:
        """Return one of `counts` over all tasks; 0 if it is not known."""
        return sum(self.counts.get(name, {}).values())

    @property
    def parameters(self) -> float | None:
        """The number of parameters, or `None` if it is not written as a number above 0 and a unit."""
        found = _PARAMETERS.fullmatch(self.params.strip())
        return float(found[1]) * _POWERS[found[2].upper()] or None if found else None

    @property
    def label(self) -> str:
        """Name and size, and of an own model that cannot be ranked the number of its records."""
        few = "" if self.is_comparable or not self.sizes else f"({sum(self.sizes.values()):,} records)"
        return " ".join(filter(None, (self.name, self.params, few)))

    @property
    def is_comparable(self) -> bool:
        """Whether it was scored on about as many records of each task as the published results."""
        published = read_test_sizes()
        return self.sizes.keys() >= published.keys() and all(
            _NARROWEST <= self.sizes[task] / published[task] <= _WIDEST for task in published
        )

    def scored_by(self, average: str, weights: str) -> Result:
        """Return the result with another average and other weights.

        Raises:
            SARChatError: if it does not say how many records were scored, or has only scores of another average.
        """
        if not self.sizes:
            raise SARChatError(f"{self.location} has no numbers of records (n); write it with `sarchat score --output`")
        if self.tally is not None:
            return replace(self, scores=scores_of(self.tally, average), average=average, weights=weights)
        if self.average != average:
            raise SARChatError(f"{self.location} has scores of average {self.average}, not {average}; score it again")
        return replace(self, weights=weights)


def scores_of(tally: Tally, average: str) -> dict[str, float]:
    """Return the sub-scores and additional scores of records in percent."""
    return {key: float(value) for key, value in sub_scores(tally, average).items()}


def lift(score: float, blind: float) -> float:
    """Return the part of what a blind player lacks that a score has, in percent: 100 (score - blind) / (100 - blind).

    0 is what is reached without looking at the image, 100 is perfect. Both scores are in percent; `blind` is below 100.
    """
    return 100 * (score - blind) / (_PERFECT - blind)


def refuse_other_corpus(corpus: str, use: str) -> None:
    """Refuse to use scores beside the paper's if they are of another corpus.

    Args:
        corpus: the name of the corpus; empty if unknown.
        use: what cannot be done, for the message.

    Raises:
        SARChatError: if it is not the paper's.
    """
    paper = known_corpus(DEFAULT).name
    if corpus not in ("", paper):
        raise SARChatError(f"{use}: the records are about {corpus}, but the paper's are about {paper}")


def choose_sizes(weights: str, own: Mapping[str, int], corpus: str = "") -> dict[str, int]:
    """Return the number of records by which each task is weighted: its own, or that of the published test set.

    Raises:
        SARChatError: if the name is unknown, or the published sizes are wanted but not all six tasks were scored or the
            records are of another corpus.
    """
    check_name("weights", weights, WEIGHTS)
    if weights == OWN:
        return dict(own)
    refuse_other_corpus(corpus, f"--weights {PUBLISHED} cannot be used, choose {OWN}")
    published = read_test_sizes()
    if missing := [task for task in published if task not in own]:
        raise SARChatError(
            f"the published weights need the scores of all six tasks, but {', '.join(missing)} is missing; choose "
            f"--weights {OWN}"
        )
    return published


def hash_records(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a hash of the ids and gold answers of records, in order."""
    digest = new_digest()
    for record_id, record in records.items():
        update_hash(digest, record_id, record["messages"][-1]["content"])
    return digest.hexdigest()


def update_hash(digest: hashlib.blake2b, record_id: str, answer: str) -> None:
    """Add a record's id and gold answer to a hash."""
    digest.update(f"{record_id}\0{answer}\0".encode("utf-8", "replace"))
