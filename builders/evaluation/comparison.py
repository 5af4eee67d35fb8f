"""Models compared with a baseline on the same records: differences of every score, and records that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from builders.errors import SARChatError
from builders.evaluation.bootstrap import count_table, paired_intervals
from builders.evaluation.score_table import sub_scores_of
from builders.evaluation.scores_file import SavedScores
from builders.evaluation.weights import choose_sizes
from builders.schema import in_order_of_table_3
from builders.tables import Figure, Interval, Table
from sarchat_metric import SUB_SCORES, TASKS, Tally, overall_score, summarise, task_scores


class Candidate(NamedTuple):
    """A model to compare.

    Attributes:
        name: its name, for the columns of the table.
        tally: the counts of its records; `None` if only its scores are known.
        scores: its sub-scores, the tasks' scores and `overall`, in percent.
        sizes: the number of records of each task.
    """

    name: str
    tally: Tally | None
    scores: Mapping[str, float]
    sizes: Mapping[str, int]


class Comparison(NamedTuple):
    """A model against the baseline.

    Attributes:
        differences: model minus baseline in points, by score.
        intervals: the ends of the 95 % interval of each; empty if the records are not known.
        better: by task, the number of records that score higher than with the baseline.
        worse: by task, the number that score lower.
        changes: how much higher each record scores than with the baseline, in points, of shape (N,); empty likewise.
    """

    differences: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    better: dict[str, int]
    worse: dict[str, int]
    changes: np.ndarray


def make_candidate(name: str, tally: Tally, average: str, weights: str) -> Candidate:
    """Return a model whose records were scored here."""
    result = summarise(tally, average)
    return _weigh(
        name, tally, {key: result[key] for key in _keys_of(result["n"]) if key in result}, result["n"], weights
    )


def read_candidate(saved: SavedScores, average: str, weights: str) -> Candidate:
    """Return a model of a file of scores.

    Raises:
        SARChatError: if the file does not say how many records were scored, or has only scores of another average.
    """
    if not saved.sizes:
        raise SARChatError(f"{saved.path} has no numbers of records (n); write it with `sarchat score --output`")
    if saved.tally is not None:
        return make_candidate(saved.name, saved.tally, average, weights)
    if saved.average != average:
        raise SARChatError(f"{saved.path} has scores of average {saved.average}, not {average}; score it again")
    return _weigh(saved.name, None, saved.sub_scores, saved.sizes, weights)


def compare(candidate: Candidate, baseline: Candidate, average: str, weights: str) -> Comparison:
    """Compare a model with the baseline, scored on the same records."""
    keys = [key for key in candidate.scores if key in baseline.scores]
    differences = {key: candidate.scores[key] - baseline.scores[key] for key in keys}
    if candidate.tally is None or baseline.tally is None:
        return Comparison(differences, {}, {}, {}, np.empty(0))
    sizes = choose_sizes(weights, candidate.sizes)
    ends = paired_intervals(candidate.tally, baseline.tally, average, sizes)
    changes = record_accuracies(candidate.tally) - record_accuracies(baseline.tally)
    tasks = candidate.tally.tasks
    better, worse = (
        {task: int((sign * changes[tasks == TASKS.index(task)] > 1e-9).sum()) for task in candidate.sizes}
        for sign in (1, -1)
    )
    return Comparison(differences, {key: ends[key] for key in keys}, better, worse, changes)


def record_accuracies(tally: Tally) -> np.ndarray:
    """Return each record's score in percent, Eq. 5 for the record alone; floats of shape (N,)."""
    accuracies = np.empty(len(tally.tasks))
    for number, task in enumerate(TASKS):
        keys, table = count_table(tally, task)
        columns = [table[:, 3 * place : 3 * place + 3] for place, key in enumerate(keys) if key in SUB_SCORES[task]]
        if columns:
            has_part = np.array([column[:, 0] >= 0 for column in columns])
            parts = np.array([column[:, 0] / np.abs(column.sum(axis=1)) for column in columns])
            means = np.where(has_part, parts, 0.0).sum(axis=0) / has_part.sum(axis=0)
            accuracies[tally.tasks == number] = 100 * means
    return accuracies


def tabulate_comparison(
    baseline: Candidate, candidates: Sequence[Candidate], comparisons: Sequence[Comparison]
) -> Table:
    """Return every score of the baseline and of each model, with the difference and its 95 % interval.

    The last rows count the records that each model answers better or worse than the baseline.
    """
    header = ["task", "sub-score", "n", baseline.name]
    several = len(candidates) > 1
    for candidate in candidates:
        of = f" ({candidate.name})" if several else ""
        header += [candidate.name, f"difference{of}", f"95 % interval{of}"]
    records = _count_records(baseline)
    rows: list[list[object]] = []
    for task, name, key in list_rows(baseline.sizes):
        if key in baseline.scores:
            row: list[object] = [task, name, records.get(key), Figure(baseline.scores[key])]
            for candidate, comparison in zip(candidates, comparisons, strict=True):
                row += _cells(candidate, comparison, key)
            rows.append(row)
    notes = ["Differences are in points, each model minus the first; * marks an interval without 0."]
    if all(comparison.intervals for comparison in comparisons):
        notes.append("Intervals: paired bootstrap; every draw scores all models on the same records.")
        notes += [
            f"{candidate.name} is better than {baseline.name} on {sum(comparison.better.values()):,} records, "
            f"and worse on {sum(comparison.worse.values()):,}."
            for candidate, comparison in zip(candidates, comparisons, strict=True)
        ]
    else:
        notes.append("No interval: a file has no counts of records; write it with `sarchat score --output`.")
    return Table("", header, rows, notes)


def list_rows(sizes: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Return task, sub-score and key of the rows of a table of scores, in the order of Table 3."""
    rows = []
    for task in in_order_of_table_3():
        if task in sizes:
            rows += [(task, key.partition("/")[2], key) for key in sub_scores_of(task)]
            rows.append((task, "= mean", task))
    return [*rows, ("overall", "", "overall")]


def check_same_records(saved: Sequence[SavedScores]) -> None:
    """Check that files of scores are of the same records.

    Raises:
        SARChatError: if they are not.
    """
    first = saved[0]
    for other in saved[1:]:
        if other.sizes != first.sizes or (other.records and first.records and other.records != first.records):
            raise SARChatError(
                f"{first.path} and {other.path} were not scored on the same records; score both on the same data, "
                "split and limit"
            )


def name_apart(names: Sequence[str]) -> list[str]:
    """Return names that are all different, by numbers after those that repeat."""
    seen: dict[str, int] = {}
    apart = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        apart.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return apart


def stem_of(location: str) -> str:
    """Return the name of a model's file without its endings."""
    return Path(location).name.partition(".")[0] or location


def _weigh(
    name: str, tally: Tally | None, sub_scores: Mapping[str, float], sizes: Mapping[str, int], weights: str
) -> Candidate:
    tasks = task_scores(sub_scores)
    chosen = choose_sizes(weights, sizes)
    overall = overall_score({task: tasks[task] for task in chosen}, chosen)
    return Candidate(name, tally, {**sub_scores, **tasks, "overall": overall}, sizes)


def _keys_of(sizes: Mapping[str, int]) -> list[str]:
    return [key for task in sizes for key in SUB_SCORES[task]]


def _count_records(candidate: Candidate) -> dict[str, int]:
    counts = dict(candidate.sizes) | {"overall": sum(candidate.sizes.values())}
    if candidate.tally is not None:
        counts |= {key: len(rows) for key, rows in candidate.tally.records.items()}
    return counts


def _cells(candidate: Candidate, comparison: Comparison, key: str) -> list[object]:
    if key not in comparison.differences:
        return [None, None, None]
    ends = comparison.intervals.get(key)
    interval = None if ends is None else Interval(*ends, sign=True, mark=ends[0] > 0 or ends[1] < 0)
    return [Figure(candidate.scores[key]), Figure(comparison.differences[key], sign=True), interval]
