"""SARChat for lmms-eval: what the tasks' YAML refers to. Every figure comes from SARChat's metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from builders.scoring.exported import figure_names, figures, score_row
from builders.scoring.readers import is_failure
from sarchat_metric import RecordScore

HERE = Path(__file__).resolve().parent


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """Return the image in RGB, which models expect."""
    return [Image.open(HERE / doc["image"]).convert("RGB")]


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, tuple]:
    """Return the record's counts under every figure's name: each one's own name tells `aggregate` which it is.

    lmms-eval takes a task's number of records from the length of one figure's list, so every record has all of them.
    """
    answer = "" if is_failure(results[0], "lmms-eval") else results[0]
    # Logged with the answer, so that `sarchat score` knows the record, and how its boxes are written.
    record = {key: doc[key] for key in ("id", "box_format", "input_width", "input_height") if key in doc}
    result = score_row(answer, doc)._replace(reference=record)
    return {name: (name, *result) for name in figure_names(doc["task"])}


def aggregate(items: Sequence[tuple]) -> float | None:
    """Return a figure of a task; `None` if no record has it, as may be with `--limit`."""
    name = items[0][0]
    return figures(RecordScore(*result) for _, *result in items).get(name)


def average(scores: Sequence[float], sizes: Sequence[int], weight_by_size: bool) -> float:
    """Return Eq. 4 of the tasks' scores (Eq. 5), or their plain mean; each is the average of its own records.

    It is NaN if the only task is one beside those that are averaged.
    """
    if not scores:
        return float("nan")
    weights = sizes if weight_by_size else [1] * len(scores)
    return sum(weight * score for weight, score in zip(weights, scores, strict=True)) / sum(weights)
