"""Statistics of a data set: boxes per category, records per task, aspect ratios, shapes, words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from builders.core.schema import ALL, IN_ALL, SPLITS, TASKS
from builders.data.analysis.targets import count_targets, read_targets
from builders.data.analysis.texts import TextStatistics, count_texts
from builders.data.records import Records
from builders.tasks.geometry import SHAPES

BANDS = {"low": (0.0, 0.67), "middle": (0.67, 1.5), "high": (1.5, float("inf"))}


class Statistics(NamedTuple):
    """The statistics of a split, with the names of `dataset_card/paper/statistics.yaml`.

    Attributes:
        records: the number of records by task built, and of `all` if all of its tasks were.
        boxes: the number of targets by category; empty if no task with every target was built.
        aspect_ratio: mean, median and standard deviation of width over height; empty if there is no target.
        inverse_ratio: the same for height over width.
        by_category: for each category with targets, their number and the result of `describe_ratios`.
        shapes: the number of targets of each shape, which is that of the identification records that name it; empty if
            there is no target.
        texts: words and sentences of the records.
    """

    records: dict[str, int]
    boxes: dict[str, int]
    aspect_ratio: dict[str, float]
    inverse_ratio: dict[str, float]
    by_category: dict[str, dict[str, float]]
    shapes: dict[str, int]
    texts: TextStatistics


def compute_statistics(data: Records) -> dict[str, Statistics]:
    """Compute the statistics of every split of a data set; no image is read."""
    return {split: _compute(data, split) for split in SPLITS if split in data.splits()}


def describe_ratios(ratios: np.ndarray) -> dict[str, float]:
    """Return mean, median, standard deviation (dividing by N) and percentage in each band of N ratios."""
    shares = {
        band: 100 * float(np.mean((ratios > above) & (ratios <= up_to))) for band, (above, up_to) in BANDS.items()
    }
    return {
        "mean": float(ratios.mean()),
        "median": float(np.median(ratios)),
        "sd": float(ratios.std()),
        **shares,
    }


def _compute(data: Records, split: str) -> Statistics:
    records = {task: data.count(task, split) for task in TASKS if data.has(task, split)}
    if {*IN_ALL} <= {*data.tasks}:
        records[ALL] = sum(records.get(task, 0) for task in IN_ALL)
    targets, texts = read_targets(data, split), count_texts(data, split)
    if targets is None:
        return Statistics(records, {}, {}, {}, {}, {}, texts)
    ratios = targets.aspect_ratio
    by_category = {}
    for index, category in enumerate(data.info.names):
        chosen = ratios[targets.category == index]
        if len(chosen):
            by_category[category] = {"boxes": len(chosen), **describe_ratios(chosen)}
    counts = count_targets(targets, data.info.names)
    return Statistics(
        records,
        counts.boxes(),
        describe_ratios(ratios),
        describe_ratios(1 / ratios),
        by_category,
        dict(zip(SHAPES, counts.shapes.sum(axis=0).tolist(), strict=True)),
        texts,
    )
