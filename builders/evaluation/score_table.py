"""A table of scores, in the order of the paper's Table 3."""

from __future__ import annotations

from builders.evaluation.scoring import Scores
from builders.tables import format_table
from sarchat_metric import EXTRA_SCORES, SUB_SCORES, TASKS

# Table 3's order of tasks; within one, its order of sub-scores.
_ORDER = ("counting", "grounding", "identification", "referring", "description", "classification")
_MULTI_BEFORE_SINGLE = ("multi", "single")


def format_scores(scores: Scores) -> str:
    """Format every score with its number of records, 95 % interval and number of unparsed answers."""
    result = scores.result
    rows = []
    for task in _ORDER:
        if task in result["n"]:
            rows += [_row(scores, task, key) for key in sorted(SUB_SCORES[task], key=_in_table_3) if key in result]
            rows.append(_row(scores, task, task))
    rows.append(
        ["overall", "", sum(result["n"].values()), *_figures(scores, "overall"), sum(result["unparsed"].values())]
    )
    table = format_table(["task", "sub-score", "n", "score", "95 % interval", "unparsed"], rows)
    further = [_row(scores, key.partition("/")[0], key) for key in EXTRA_SCORES if key in result]
    if not further:
        return table
    heading = "\n\nAdditional scores, not in any average:\n"
    return table + heading + format_table(["task", "figure", "n", "score", "95 % interval", "unparsed"], further)


def _row(scores: Scores, task: str, key: str) -> list[object]:
    if key in TASKS:
        return [task, "= mean", scores.result["n"][task], *_figures(scores, key), scores.result["unparsed"][task]]
    return [task, key.partition("/")[2], scores.records[key], *_figures(scores, key), None]


def _figures(scores: Scores, key: str) -> tuple[str, str]:
    low, high = scores.intervals[key]
    return f"{scores.result[key]:.2f}", f"{low:.2f} - {high:.2f}"


def _in_table_3(key: str) -> int:
    """Return a sort key that orders the scenarios as in Table 3 and keeps the order of the rest."""
    return next((place for place, name in enumerate(_MULTI_BEFORE_SINGLE) if f"/{name}/" in key), 0)
