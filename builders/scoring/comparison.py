"""Models compared with a baseline on the same records: differences of every score, and records that changed.

A probe compares a model with itself: its scores with each record's own image, with another image, and with a grey one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from builders.core.errors import SARChatError
from builders.core.tables import Figure, Interval, Table
from builders.scoring.bootstrap import count_table, paired_intervals
from builders.scoring.result import AVERAGES, OWN_IMAGE, Result, choose_sizes
from builders.scoring.result_files import read_result
from builders.scoring.score_table import list_rows
from sarchat_metric import SUB_SCORES, TASKS

# The files of a probe, in its folder: the answers by the image that was shown, and the scores.
PROBE_FILES = {OWN_IMAGE: "own.jsonl", "another image": "another.jsonl", "grey image": "grey.jsonl"}
PROBE_SCORES = "probe.json"


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


def compare(model: Result, baseline: Result) -> Comparison:
    """Compare a model with the baseline, scored on the same records, with one average and the same weights.

    Raises:
        SARChatError: if they were not scored on the same records, or the weights cannot be applied.
    """
    shared = [key for _, _, key in list_rows(model.sizes) if key in model.figures and key in baseline.figures]
    differences = {key: model.figures[key] - baseline.figures[key] for key in shared}
    if model.tally is None or baseline.tally is None:
        return Comparison(differences, {}, {}, {}, np.empty(0))
    average, sizes = model.average or AVERAGES[0], choose_sizes(model.weights, model.sizes, model.corpus)
    try:
        ends = paired_intervals(model.tally, baseline.tally, average, sizes, model.wordings)
    except ValueError as error:
        raise _other_records(baseline, model) from error
    changes = record_accuracies(model) - record_accuracies(baseline)
    better, worse = (
        {task: int((sign * changes[model.tally.tasks == TASKS.index(task)] > 1e-9).sum()) for task in model.sizes}
        for sign in (1, -1)
    )
    return Comparison(differences, {key: ends[key] for key in shared}, better, worse, changes)


def record_accuracies(result: Result) -> np.ndarray:
    """Return each record's score in percent, Eq. 5 for it alone; floats of shape (N,), empty if they are not known."""
    tally = result.tally
    if tally is None:
        return np.empty(0)
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


def tabulate_comparison(baseline: Result, models: Sequence[Result], comparisons: Sequence[Comparison]) -> Table:
    """Return every score of the baseline and of each model, with the difference and its 95 % interval.

    The last rows count the records that each model answers better or worse than the baseline.
    """
    header = ["task", "sub-score", "n", baseline.name]
    for model in models:
        of = f" ({model.name})" if len(models) > 1 else ""
        header += [model.name, f"difference{of}", f"95 % interval{of}"]
    rows: list[list[object]] = []
    for task, name, key in list_rows(baseline.sizes):
        if key in baseline.figures:
            row: list[object] = [task, name, baseline.numbers.get(key), Figure(baseline.figures[key])]
            for model, comparison in zip(models, comparisons, strict=True):
                row += difference_cells(model, comparison, key)
            rows.append(row)
    notes = ["Differences are in points, each model minus the first; * marks an interval without 0."]
    if all(comparison.intervals for comparison in comparisons):
        notes.append("Intervals: paired bootstrap; every draw scores all models on the same records.")
        notes += [
            f"{model.name} is better than {baseline.name} on {sum(comparison.better.values()):,} records, "
            f"and worse on {sum(comparison.worse.values()):,}."
            for model, comparison in zip(models, comparisons, strict=True)
        ]
    else:
        notes.append("No interval: a file has no counts of records; write it with `sarchat score --output`.")
    return Table("", header, rows, notes)


def check_same_records(results: Sequence[Result]) -> None:
    """Check that files of scores are of the same records.

    Raises:
        SARChatError: if they are not.
    """
    first = results[0]
    for other in results[1:]:
        if other.sizes != first.sizes or (other.records and first.records and other.records != first.records):
            raise _other_records(first, other)


def name_apart(results: Sequence[Result]) -> list[Result]:
    """Return results whose names are all different, by numbers after those that repeat."""
    seen = Counter[str]()
    apart = []
    for result in results:
        seen[result.name] += 1
        number = seen[result.name]
        apart.append(result if number == 1 else replace(result, name=f"{result.name} ({number})"))
    return apart


def _other_records(first: Result, other: Result) -> SARChatError:
    return SARChatError(
        f"{first.location} and {other.location} were not scored on the same records; score both on the same data, "
        "split and limit"
    )


def difference_cells(model: Result, comparison: Comparison, key: str) -> list[object]:
    """Return the model's score, its difference from the baseline and the interval; blanks where there is none."""
    if key not in comparison.differences:
        return [None, None, None]
    ends = comparison.intervals.get(key)
    interval = None if ends is None else Interval(*ends, sign=True, mark=ends[0] > 0 or ends[1] < 0)
    return [Figure(model.figures[key]), Figure(comparison.differences[key], sign=True), interval]


def tabulate_probe(probe: Sequence[Result]) -> Table:
    """Return the scores with the own images and with others, the differences, and what they say.

    Args:
        probe: as `Result.probe`: own, another, grey.

    Raises:
        SARChatError: if the scores are not of the same records.
    """
    own, *others = probe
    compared = [compare(other, own) for other in others]
    table = tabulate_comparison(own, others, compared)
    return replace(table, notes=[*table.notes, *_conclude_probe(own, compared[0])])


def _conclude_probe(own: Result, another: Comparison) -> list[str]:
    """Return a line for the overall score, or for each task if none enters it."""
    lines = []
    for key in ("overall",) if "overall" in own.figures else own.tasks:
        low, high = another.intervals[key]
        words = "overall" if key == "overall" else f"in {key}"
        lines.append(
            f"The model looks: with another image it loses {-high:.2f} to {-low:.2f} points {words}."
            if high < 0
            else f"No sign that the model looks: with another image it scores no less {words}, within the interval."
        )
    return lines


def find_probe(answers: str, given: Path | None) -> Result | None:
    """Return the scores of `sarchat probe`: those in a file that is given, or beside answers that a probe wrote.

    Raises:
        SARChatError: if the file cannot be read, or holds other scores.
    """
    if given is None:
        path = Path(answers).expanduser()
        given = path.with_name(PROBE_SCORES)
        if path.name != PROBE_FILES[OWN_IMAGE] or not given.exists():
            return None
    result = read_result(given)
    if not result.probe:
        raise SARChatError(
            f"{given} has no scores with other images; give {PROBE_SCORES} of the folder of `sarchat probe`"
        )
    return result


def join_probes(results: Sequence[Result]) -> list[Result]:
    """Give what a probe found to the scores of the model of that name; a probe without such scores stays by itself.

    Raises:
        SARChatError: if two probes are of the model of one file of scores.
    """
    probes = [result for result in results if result.probe]
    joined = [result for result in results if not result.probe]
    names = {result.name for result in joined}
    for result in probes:
        same = [other.location for other in probes if other.name == result.name]
        if result.name in names and len(same) > 1:
            raise SARChatError(f"{' and '.join(same)} are both probes of {result.name}; give one of them")
    found = {result.name: result.probe for result in probes}
    joined = [replace(result, probe=found.get(result.name, ())) for result in joined]
    return joined + [result for result in probes if result.name not in names]
