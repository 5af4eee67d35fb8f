"""The published results (Table 3) with their scores by Eq. 4 and 5, and the user's own results."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from builders.analysis.paper import read_test_sizes
from builders.errors import SARChatError, check_name, near
from builders.evaluation.scores_file import SavedScores
from builders.evaluation.weights import OWN, PUBLISHED, WEIGHTS, describe_size, is_published_size
from builders.resources import read_text
from builders.schema import in_order_of_table_3, task_facts
from builders.tables import Figure, Table
from sarchat_metric import SUB_SCORES, TASKS, overall_score, task_scores

# The columns of tasks, as the paper's Table 3 heads them.
_COLUMNS = {
    facts["paper"]["column"]: task for task in in_order_of_table_3() if "paper" in (facts := task_facts()[task])
}
_PARAMETERS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([KMBT])", re.IGNORECASE)
_POWERS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@dataclass(frozen=True)
class Entry:
    """A model's results.

    Attributes:
        name: the model's name.
        params: its number of parameters as it is written, such as `7B`; empty if unknown.
        printed: the average as the paper prints it.
        sub_scores: the sub-scores in percent.
        sizes: the number of records of each task that was scored; empty if unknown.
        costs: mean and median per answer, see `Scores.costs`.
        is_own: whether it is the user's own.
    """

    name: str
    params: str
    printed: float | None
    sub_scores: Mapping[str, float]
    sizes: Mapping[str, int] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    is_own: bool = False

    @property
    def tasks(self) -> dict[str, float]:
        """The score of each task, Eq. 5."""
        return task_scores(self.sub_scores)

    @property
    def overall(self) -> float | None:
        """The overall score, Eq. 4, with the sizes of the published test set, or `None` if a task is missing."""
        return self.overall_by(read_test_sizes())

    def overall_by(self, sizes: Mapping[str, int]) -> float | None:
        """Return the overall score, Eq. 4, with given weights, or `None` if a task is missing."""
        tasks = self.tasks
        return overall_score({task: tasks[task] for task in sizes}, sizes) if sizes.keys() <= tasks.keys() else None

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
        """Whether it was scored on a test set of about the published size; published results were."""
        return not self.is_own or is_published_size(self.sizes)


def published_results() -> list[Entry]:
    """Return the 16 models of Table 3."""
    entries = []
    for row in csv.DictReader(read_text("paper/results.csv").splitlines()):
        model, params, printed = row.pop("model"), row.pop("params"), float(row.pop("avg"))
        scores = {_metric_key(name): float(row[name]) for name in row}
        entries.append(Entry(model, params, printed, scores, read_test_sizes()))
    return entries


def choose_published(names: Sequence[str]) -> list[Entry]:
    """Return the published models of some names, or all if there are none.

    Args:
        names: names with or without a size, such as `Qwen2-VL` or `Qwen2-VL 7B`, in any case.

    Raises:
        SARChatError: no published model has one of the names.
    """
    entries = published_results()
    known = {name.lower() for entry in entries for name in (entry.name, entry.label)}
    for name in names:
        if name.lower() not in known:
            labels = [entry.label for entry in entries]
            hint = near(name, [*labels, *(entry.name for entry in entries)])
            raise SARChatError(f"there is no published model {name!r}{hint}; choose from {', '.join(labels)}")
    wanted = {name.lower() for name in names}
    return [entry for entry in entries if not names or wanted & {entry.name.lower(), entry.label.lower()}]


def own_entry(saved: SavedScores) -> Entry:
    """Return the entry of a file of scores."""
    return Entry(saved.name, saved.params, None, saved.sub_scores, saved.sizes, saved.costs, is_own=True)


def leaderboard_sizes(own: Sequence[Entry], weights: str) -> dict[str, int]:
    """Return the weights of a leaderboard's overall score, the same for every model in it.

    Raises:
        SARChatError: if the weights are unknown, or there is not one own test set with all six tasks.
    """
    check_name("weights", weights, WEIGHTS)
    if weights == PUBLISHED:
        return read_test_sizes()
    sizes = [dict(entry.sizes) for entry in own]
    if not sizes:
        raise SARChatError(f"--weights {OWN} needs a file of your own scores; give one, or choose {PUBLISHED}")
    if any(other != sizes[0] for other in sizes) or sizes[0].keys() != set(TASKS):
        raise SARChatError(
            f"--weights {OWN} needs files scored on one test set with all six tasks; choose {PUBLISHED}, or score all "
            "models on the same records"
        )
    return sizes[0]


def tabulate_leaderboard(own: Sequence[Entry], weights: str = PUBLISHED) -> Table:
    """Return all models as a table, best first; those that cannot be ranked come last.

    Raises:
        SARChatError: if the weights are unknown, or cannot be applied.
    """
    sizes = leaderboard_sizes(own, weights)
    # A score that the paper's models have, to be ranked by: none on a small test set or without every task.
    scored = [(entry, entry.overall_by(sizes)) for entry in (*published_results(), *own)]
    ranked = [(entry, overall) for entry, overall in scored if overall is not None and entry.is_comparable]
    ranked.sort(key=lambda pair: -(pair[1] or 0.0))
    unranked = [pair for pair in scored if pair not in ranked]
    rows = [
        [
            place,
            f"> {entry.name}" if entry.is_own else entry.name,
            entry.params,
            _percent(entry.printed),
            _percent(overall),
            *(_percent(entry.tasks.get(task)) for task in _COLUMNS.values()),
        ]
        for place, (entry, overall) in [*enumerate(ranked, 1), *((None, pair) for pair in unranked)]
    ]
    notes = [
        "Ranked by Eq. 4: the overall score by the paper's equations from its sub-scores, tasks weighted by the "
        + (
            f"published test set's numbers of records (--weights {PUBLISHED})."
            if weights == PUBLISHED
            else f"numbers of records of your test set (--weights {OWN})."
        )
        + " Avg, as the paper prints it, does not follow from them and is not ranked by."
    ]
    if own:
        notes.append(
            f">: your models. `sarchat score` weighs by their own numbers of records unless --weights {PUBLISHED} is "
            "given."
        )
    return Table("", ["rank", "model", "params", "Avg", "Eq. 4", *_COLUMNS], rows, notes)


def list_warnings(own: Sequence[Entry]) -> list[str]:
    """Return for each own model that cannot be ranked why, a line each."""
    return [
        f"{entry.name} is not ranked: "
        + (describe_size(entry.sizes) if entry.sizes else "its file does not say on how many records it was scored")
        for entry in own
        if not entry.is_comparable
    ]


def _metric_key(column: str) -> str:
    """Return the metric's key for a column of Table 3, which omits parts that are the same for all columns."""
    keys = [key for keys in SUB_SCORES.values() for key in keys]
    return next(key for key in keys if key == column or key.startswith(f"{column}/"))


def _percent(value: float | None) -> Figure | None:
    return None if value is None else Figure(value)
