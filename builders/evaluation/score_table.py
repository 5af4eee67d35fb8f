"""A table of scores, in the order of the paper's Table 3."""

from __future__ import annotations

from builders.evaluation.scoring import Scores
from builders.tables import format_table
from sarchat_metric import EXTRA_SCORES, SUB_SCORES, TASKS

# Table 3's order of tasks; within one, its order of sub-scores.
_ORDER = ("counting", "grounding", "identification", "referring", "description", "classification")
_MULTI_BEFORE_SINGLE = ("multi", "single")
# A share of boxes outside of their images that good answers in the right format do not come near.
_TOO_MANY_OUTSIDE = 0.2


def format_scores(scores: Scores) -> str:
    """Format every score with its number of records and 95 % interval, and what was not read of the answers.

    Columns at the right: answers from which nothing could be read, answers that were cut off, and boxes that reach
    beyond their image.
    """
    result = scores.result
    rows = []
    for task in _ORDER:
        if task in result["n"]:
            rows += [_row(scores, task, key) for key in sorted(SUB_SCORES[task], key=_in_table_3) if key in result]
            rows.append(_row(scores, task, task))
    lost = sum(result["unparsed"].values()), scores.total("truncated"), scores.total("out_of_image")
    rows.append(["overall", "", sum(result["n"].values()), *_figures(scores, "overall"), *lost])
    columns = ["task", "sub-score", "n", "score", "95 % interval"]
    table = format_table([*columns, "unparsed", "truncated", "out of image"], rows)
    further = [_row(scores, key.partition("/")[0], key)[: len(columns)] for key in EXTRA_SCORES if key in result]
    if not further:
        return table
    heading = "\n\nAdditional scores, not in any average:\n"
    return table + heading + format_table([columns[0], "figure", *columns[2:]], further)


def list_warnings(scores: Scores, box_format: str) -> list[str]:
    """Return what a reader of the scores should know, a line each: what is missing, failed, or not scored.

    Args:
        scores: the scores.
        box_format: the name of the format in which boxes were read.
    """
    warnings = []
    if scores.missing:
        warnings.append(f"{scores.missing:,} records have no prediction; each scored 0.")
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
        warnings.append(f"{others:,} points or lists of numbers are no boxes in the format {box_format}; left out.")
    return warnings


def _row(scores: Scores, task: str, key: str) -> list[object]:
    if key not in TASKS:
        return [task, key.partition("/")[2], scores.records[key], *_figures(scores, key), None, None, None]
    lost = (
        table[task] for table in (scores.result["unparsed"], scores.counts["truncated"], scores.counts["out_of_image"])
    )
    return [task, "= mean", scores.result["n"][task], *_figures(scores, key), *lost]


def _figures(scores: Scores, key: str) -> tuple[str, str]:
    low, high = scores.intervals[key]
    return f"{scores.result[key]:.2f}", f"{low:.2f} - {high:.2f}"


def _in_table_3(key: str) -> int:
    """Return a sort key that orders the scenarios as in Table 3 and keeps the order of the rest."""
    return next((place for place, name in enumerate(_MULTI_BEFORE_SINGLE) if f"/{name}/" in key), 0)
