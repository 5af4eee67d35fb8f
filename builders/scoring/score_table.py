"""A table of scores, in the order of the paper's Table 3."""

from __future__ import annotations

from collections.abc import Mapping

from builders.core.schema import in_order_of_table_3
from builders.core.tables import Figure, Interval, Table
from builders.data.analysis.paper import read_test_sizes
from builders.scoring.bootstrap import share_interval
from builders.scoring.result import OWN, PUBLISHED, Result
from sarchat_metric import AVERAGED, EXTRA_SCORES, SUB_SCORES, TASKS

# Within a task, Table 3's order of scenarios.
_FIRST = ("multi", "single")
# What is lost of the answers.
_LOST = ("unparsed", "hedged", "upright", "truncated", "out_of_image")
# A share of boxes outside their images that is far above that of good answers in the right format.
_TOO_MANY_OUTSIDE = 0.2


def tabulate_scores(result: Result) -> list[Table]:
    """Return every score with its number of records and 95 % interval, and what could not be read.

    If the scores of blind players are known, the best one stands beside each score, with the lift over it.
    Columns at the right: answers from which nothing could be read, answers that offer a choice, answers with upright
    boxes where oriented ones were asked for, answers that were cut off, and boxes that reach beyond their image.
    """
    rows = []
    lost = [column for column in _LOST if column in result.counts]
    for task, name, key in list_rows(result.sizes):
        if key in TASKS:
            rows.append([*_row(result, task, name, key), *(result.counts[column][task] for column in lost)])
        elif key in ("overall", "balanced") and key in result.figures:
            totals = [sum(result.counts[column].get(task, 0) for task in AVERAGED) for column in lost]
            rows.append([*_row(result, task, name or f"{result.weights} weights", key), *totals])
        elif key in result.figures:
            rows.append([*_row(result, task, name, key), *[None] * len(lost)])
    columns = ["task", "sub-score", "n", "score", *(["95 % interval"] if result.intervals else [])]
    columns += ["blind", "lift"] if result.blind_scores else []
    lost_columns = [name.replace("_", " ") for name in lost]
    notes = list(filter(None, [describe_weights(result), describe_blind(result)]))
    tables = [Table("", [*columns, *lost_columns], rows, notes)]
    further = [
        _row(result, key.partition("/")[0], key.partition("/")[2], key, seen=False)
        for key in EXTRA_SCORES
        if key in result.scores
    ]
    if further:
        header = [columns[0], "figure", *columns[2 : len(further[0])]]
        tables.append(Table("Additional scores, not in any average:", header, further))
    if "alike" in result.counts:
        tables.append(_tabulate_alike(result))
    return tables


def _tabulate_alike(result: Result) -> Table:
    """Return the share of the records whose answers are alike in all wordings."""
    numbers = {task: (result.counts["alike"][task], size // result.wordings) for task, size in result.sizes.items()}
    rows: list[list[object]] = [
        [task, records, Figure(100 * alike / records), Interval(*share_interval(alike, records))]
        for task in in_order_of_table_3()
        if task in numbers
        for alike, records in [numbers[task]]
    ]
    note = (
        "Alike: with the answer to the first wording as the gold answer, the others score 100. The scores "
        "above are the means over all wordings; their intervals draw a record's wordings together."
    )
    title = f"Records answered alike in all {result.wordings} wordings, in percent:"
    return Table(title, ["task", "records", "alike", "95 % interval"], rows, [note])


def list_rows(sizes: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Return task, sub-score and key of the rows of a table of scores, in the order of Table 3."""
    rows = []
    for task in in_order_of_table_3():
        if task in sizes:
            rows += [(task, key.partition("/")[2], key) for key in sub_scores_of(task)]
            rows.append((task, "= mean", task))
    return [*rows, ("balanced", "mean of tasks", "balanced"), ("overall", "", "overall")]


def sub_scores_of(task: str) -> list[str]:
    """Return the keys of a task's sub-scores in the order of Table 3, with the order of the rest kept."""
    return sorted(SUB_SCORES[task], key=lambda key: next((i for i, name in enumerate(_FIRST) if f"/{name}/" in key), 0))


def describe_weights(result: Result) -> str:
    """Return how the overall score weights the tasks, and what it is with the other weights; empty without one."""
    published = read_test_sizes()
    if "overall" not in result.figures:
        return ""
    if result.weights == PUBLISHED:
        return (
            f"The overall score weighs the tasks by the published test set's numbers of records. With their own "
            f"(--weights {OWN}) it is {result.overall_by(result.sizes):.2f}."
        )
    text = "The overall score weighs the tasks by their own numbers of records."
    if not result.sizes.keys() >= published.keys():
        return text
    return (
        f"{text} With the published test set's (--weights {PUBLISHED}, as in `sarchat leaderboard`) it is "
        f"{result.overall_by(published):.2f}."
    )


def list_warnings(result: Result, box_format: str) -> list[str]:
    """Return what a reader of the scores should know, a line each, such as how many records failed."""
    warnings = []
    if result.missing:
        warnings.append(f"{result.missing:,} records have no prediction; each scored 0.")
    if result.left_out:
        warnings.append(f"{result.left_out:,} answers are to records that --config or --limit leave out.")
    if failed := result.total("failed"):
        warnings.append(f"{failed:,} requests failed in the tool that asked the model; each scored 0.")
    boxes, outside = result.total("boxes"), result.total("out_of_image")
    if outside > _TOO_MANY_OUTSIDE * boxes:
        warnings.append(
            f"{outside:,} of {boxes:,} boxes ({100 * outside / boxes:.0f} %) lie outside their images; {box_format} is "
            "probably not the format of these answers (--box-format)."
        )
    if rotated := result.total("rotated"):
        warnings.append(f"{rotated:,} boxes are rotated; they are not scored, since the data set's boxes are upright.")
    if others := result.total("not_boxes"):
        warnings.append(
            f"{others:,} points or lists of numbers are not boxes in the format {box_format}; they were left out."
        )
    return warnings


def describe_blind(result: Result) -> str:
    """Return what the columns of blind scores and lifts are; empty if there are none."""
    if not result.blind_scores:
        return ""
    return (
        "blind: the best score without the image, of the players of `sarchat baseline` on the whole split; lift: 100 "
        "(score - blind) / (100 - blind)."
    )


def _row(result: Result, task: str, name: str, key: str, *, seen: bool = True) -> list[object]:
    """Return a row of a table; `seen` says whether blind scores stand beside the scores, where they are known."""
    row: list[object] = [task, name, result.numbers.get(key), Figure(result.figures[key])]
    row += [Interval(*result.intervals[key])] if result.intervals else []
    if seen and result.blind_scores:
        row += [Figure(values[key]) if key in values else None for values in (result.blind, result.lifts)]
    return row
