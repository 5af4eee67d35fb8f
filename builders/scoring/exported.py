"""Scores of exported records as evaluation harnesses return them: one row and one answer at a time.

Every figure is the metric's; a harness shows it and computes none itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from builders.notation.translate import categories_of, translate_by_columns
from sarchat_metric import AVERAGED, EXTRA_SCORES, SUB_SCORES, RecordScore, collect, score_record, summarise

_COUNTS = ("n", "unparsed", "hedged")
# How figures that are numbers of records end, unlike scores.
NUMBERS = tuple(f"/{name}" for name in _COUNTS)


def score_row(answer: str, row: Mapping[str, Any]) -> RecordScore:
    """Score one answer.

    Args:
        answer: any text.
        row: the record as `sarchat export` writes it for harnesses: `task`, `scenario`, the gold as `solution`, and the
            columns of the notation and the categories where they are not the data set's own. Others are ignored.

    Returns:
        The counts of the record, without its texts, boxes and matches: what `collect` needs, and little to log.

    Raises:
        SARChatError: the notation is unknown, or lacks a size.
        ValueError: see `sarchat_metric.score_record`.
    """
    reference = {"task": row["task"], "scenario": row["scenario"], "answer": row["solution"]}
    result = score_record(translate_by_columns(answer, row), reference, categories_of(row))
    return result._replace(prediction={}, reference={}, matches={})


def figures(results: Iterable[RecordScore]) -> dict[str, float]:
    """Return every figure of the records by one flat name, in the order of `figure_names`.

    Returns:
        The metric's scores in percent, from 0 to 100, and for each task its numbers of records, of unparsed and of
        hedged answers as `TASK/n`, `TASK/unparsed` and `TASK/hedged`. A score without records is absent; without any
        record all are.
    """
    results = list(results)
    if not results:
        return {}
    summary = summarise(collect(results))
    counts = {f"{task}/{name}": count for name in _COUNTS for task, count in summary.pop(name).items()}
    # Harnesses must know every figure beforehand.
    summary.pop("upright", None)
    return {**summary, **counts}


def show_images_as_written(models: Mapping[str, Any], rule: str | None) -> None:
    """Give a harness's own models the image sizes that boxes were written for; its defaults may be others.

    Args:
        models: by name what makes a model; a `functools.partial` with `min_pixels` among its arguments gets others.
        rule: `factor,min_pixels,max_pixels` of the export; `None` if its boxes hold at any size.
    """
    for make in models.values() if rule else ():
        arguments = getattr(make, "keywords", {})
        if rule and "min_pixels" in arguments:
            _, arguments["min_pixels"], arguments["max_pixels"] = map(int, rule.split(","))


def figure_names(task: str) -> tuple[str, ...]:
    """Return the names of all figures that records of one task may have."""
    further = (key for key in EXTRA_SCORES if key.startswith(f"{task}/"))
    averages = ("overall", "balanced") if task in AVERAGED else ()
    return (*SUB_SCORES[task], *further, task, *(f"{task}/{name}" for name in _COUNTS), *averages)
