"""A table of scores, in the order of the paper's Table 3."""

from __future__ import annotations

from builders.analysis.paper import read_test_sizes
from builders.evaluation.scoring import Scores
from builders.evaluation.weights import OWN, PUBLISHED
from builders.schema import in_order_of_table_3
from builders.tables import Figure, Interval, Table
from sarchat_metric import EXTRA_SCORES, SUB_SCORES, TASKS, overall_score

# Within a task, Table 3's order of sub-scores.
_MULTI_BEFORE_SINGLE = ("multi", "single")
# A share of boxes outside of their images that good answers in the right format do not come near.
_TOO_MANY_OUTSIDE = 0.2


def tabulate_scores(scores: Scores) -> list[Table]:
    """Return every score with its number of records and 95 % interval, and what was not read of the answers.

    Columns at the right: answers from which nothing could be read, answers that offer a choice, answers that were cut
    off, and boxes that reach beyond their image.
    """
    result = scores.result
    rows = []
    for task in in_order_of_table_3():
        if task in result["n"]:
            rows += [_row(scores, task, key) for key in sub_scores_of(task) if key in result]
            rows.append(_row(scores, task, task))
    lost = [sum(table.values()) for table in _lost(scores)]
    overall = "overall", f"{scores.weights} weights", sum(result["n"].values())
    rows.append([*overall, *_figures(scores, "overall"), *lost])
    columns = ["task", "sub-score", "n", "score", "95 % interval"]
    tables = [
        Table("", [*columns, "unparsed", "hedged", "truncated", "out of image"], rows, [describe_weights(scores)]),
    ]
    further = [_row(scores, key.partition("/")[0], key)[: len(columns)] for key in EXTRA_SCORES if key in result]
    if further:
        header = [columns[0], "figure", *columns[2:]]
        tables.append(Table("Additional scores, not in any average:", header, further))
    return tables


def sub_scores_of(task: str) -> list[str]:
    """Return the keys of a task's sub-scores in the order of Table 3."""
    return sorted(SUB_SCORES[task], key=_in_table_3)


def describe_weights(scores: Scores) -> str:
    """Return by which numbers of records the overall score weighs the tasks, and what it is with the others."""
    result = scores.result
    by_task = {task: result[task] for task in result["n"]}
    if scores.weights == PUBLISHED:
        own = overall_score(by_task, result["n"])
        return (
            f"The overall score weighs the tasks by the published test set's numbers of records. With their own "
            f"(--weights {OWN}) it is {own:.2f}."
        )
    text = "The overall score weighs the tasks by their own numbers of records."
    published = read_test_sizes()
    if by_task.keys() != published.keys():
        return text
    return (
        f"{text} With the published test set's (--weights {PUBLISHED}, as in `sarchat leaderboard`) it is "
        f"{overall_score(by_task, published):.2f}."
    )


def list_warnings(scores: Scores, box_format: str) -> list[str]:
    """Return what a reader of the scores should know, a line each, such as how many records failed."""
    warnings = []
    if scores.missing:
        warnings.append(f"{scores.missing:,} records have no prediction; each scored 0.")
    if scores.left_out:
        warnings.append(f"{scores.left_out:,} answers are to records that --config or --limit leave out.")
    if failed := scores.total("failed"):
        warnings.append(f"{failed:,} requests failed in the tool that asked the model; each scored 0.")
    boxes, outside = scores.total("boxes"), scores.total("out_of_image")
    if outside > _TOO_MANY_OUTSIDE * boxes:
        warnings.append(
            f"{outside:,} of {boxes:,} boxes ({100 * outside / boxes:.0f} %) lie outside their images; {box_format} is "
            "probably not the format of these answers (--box-format)."
        )
    if rotated := scores.total("rotated"):
        warnings.append(f"{rotated:,} boxes are rotated; they are not scored, since the data set's boxes are upright.")
    if others := scores.total("not_boxes"):
        warnings.append(f"{others:,} points or lists of numbers are not boxes in the format {box_format}; left out.")
    return warnings


def _row(scores: Scores, task: str, key: str) -> list[object]:
    if key not in TASKS:
        return [task, key.partition("/")[2], scores.records[key], *_figures(scores, key), *[None] * len(_lost(scores))]
    return [task, "= mean", scores.result["n"][task], *_figures(scores, key), *(table[task] for table in _lost(scores))]


def _lost(scores: Scores) -> list[dict[str, int]]:
    """Return what was not read of the answers, by task, for each column at the right."""
    result, counts = scores.result, scores.counts
    return [result["unparsed"], result["hedged"], counts["truncated"], counts["out_of_image"]]


def _figures(scores: Scores, key: str) -> tuple[Figure, Interval]:
    return Figure(scores.result[key]), Interval(*scores.intervals[key])


def _in_table_3(key: str) -> int:
    """Return a sort key that orders the scenarios as in Table 3 and keeps the order of the rest."""
    return next((place for place, name in enumerate(_MULTI_BEFORE_SINGLE) if f"/{name}/" in key), 0)
