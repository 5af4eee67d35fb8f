"""Bootstrap confidence intervals: 95 % percentile intervals from resampling the records."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sarchat_metric import SUB_SCORES, TASKS, Tally, overall_score, sub_scores, task_scores

RESAMPLES = 1000
_SEED = 0
_ENDS = (2.5, 97.5)


def intervals(tally: Tally, average: str, resamples: int = RESAMPLES) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of every score: sub-scores, tasks (Eq. 5) and `overall` (Eq. 4).

    Records are drawn with replacement within their task, so a task keeps its size and its weight. Records with the
    same counts are drawn together, in one multinomial draw: the distribution is the same, and it is fast for any
    number of records. A resample in which a sub-score has no record counts for the other scores alone.

    Args:
        tally: the counts of all records.
        average: `sample` or `corpus`, as for the scores.
        resamples: the number of draws.

    Returns:
        Lower and upper end in percent, by score.
    """
    kinds, frequency = _merge_equal_records(tally)
    drawn = sub_scores(kinds, average, _draw_weights(kinds.tasks, frequency, resamples))
    sizes = {task: int(frequency[kinds.tasks == number].sum()) for number, task in enumerate(TASKS)}
    drawn |= _average_scores(drawn, {task: size for task, size in sizes.items() if size})
    return {key: tuple(np.nanpercentile(values, _ENDS).tolist()) for key, values in drawn.items()}


def _merge_equal_records(tally: Tally) -> tuple[Tally, np.ndarray]:
    """Merge records of equal task and counts.

    Returns:
        The tally of the K different ones, and how many records each stands for; ints of shape (K,).
    """
    tasks: list[int] = []
    frequencies = []
    counts: dict[str, np.ndarray] = {}
    rows: dict[str, np.ndarray] = {}
    for number, task in enumerate(TASKS):
        records = np.flatnonzero(tally.tasks == number)
        keys = [key for key in tally.counts if key.startswith(f"{task}/")]
        # Counts of every record in every sub-score; -1 where a record has no part in one.
        table = np.full((len(records), len(keys), 3), -1, np.int32)
        for column, key in enumerate(keys):
            table[np.searchsorted(records, tally.records[key]), column] = tally.counts[key]
        kinds, frequency = np.unique(table.reshape(len(records), len(keys) * 3), axis=0, return_counts=True)
        for column, key in enumerate(keys):
            of_key = kinds[:, 3 * column : 3 * column + 3]
            has_part = np.flatnonzero(of_key[:, 0] >= 0)
            counts[key], rows[key] = of_key[has_part], len(tasks) + has_part
        tasks += [number] * len(kinds)
        frequencies.append(frequency)
    return Tally(np.array(tasks, np.int8), np.ones(len(tasks), bool), counts, rows), np.concatenate(frequencies)


def _draw_weights(tasks: np.ndarray, frequency: np.ndarray, resamples: int) -> np.ndarray:
    """Draw how often each record counts in each resample; ints of shape (resamples, K), with a fixed sum per task."""
    generator = np.random.Generator(np.random.PCG64(_SEED))
    weights = np.empty((resamples, len(tasks)), np.int64)
    for task in np.unique(tasks):
        own = tasks == task
        size = frequency[own].sum()
        weights[:, own] = generator.multinomial(size, frequency[own] / size, size=resamples)
    return weights


def _average_scores(drawn: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Apply Eq. 5 and Eq. 4 to each resample.

    Args:
        drawn: each sub-score, resample by resample; NaN where it has no record.
        sizes: the number of records of each task.
    """
    keys = [key for task in sizes for key in SUB_SCORES[task] if key in drawn]
    absent = np.isnan([drawn[key] for key in keys])
    averages = {key: np.empty(absent.shape[1]) for key in (*sizes, "overall")}
    # Resamples in which the same sub-scores have records are averaged together.
    for pattern in np.unique(absent, axis=1).T:
        own = (absent == pattern[:, None]).all(axis=0)
        by_task = task_scores(
            {key: drawn[key][own] for key, is_absent in zip(keys, pattern, strict=True) if not is_absent}
        )
        for key, values in (by_task | {"overall": overall_score(by_task, sizes)}).items():
            averages[key][own] = values
    return averages
