"""Bootstrap confidence intervals: 95 % percentile intervals from resampling the records."""

from __future__ import annotations

import numpy as np

from sarchat_metric import SUB_SCORES, TASKS, Tally

RESAMPLES = 1000
_SEED = 0
_ENDS = (2.5, 97.5)


def intervals(tally: Tally, average: str, resamples: int = RESAMPLES) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of every score: sub-scores, tasks (Eq. 5) and `overall` (Eq. 4).

    Records are drawn with replacement within their task, so each task keeps its size and weight. Records with equal
    counts are drawn together by one multinomial draw, which has the same distribution and is fast for any number.

    Args:
        tally: the counts of all records.
        average: `sample` or `corpus`, as in the scores themselves.
        resamples: the number of resamples.

    Returns:
        Lower and upper bound in percent, by score.
    """
    generator = np.random.Generator(np.random.PCG64(_SEED))
    drawn: dict[str, np.ndarray] = {}
    overall, total = np.zeros(resamples), 0
    for number, task in enumerate(TASKS):
        size = int((tally.tasks == number).sum())
        if size:
            sub_scores = _draw(tally, number, average, resamples, generator)
            averaged = [sub_scores[key] for key in SUB_SCORES[task] if key in sub_scores]
            drawn |= {**sub_scores, task: np.nanmean(averaged, axis=0)}
            overall += size * drawn[task]
            total += size
    drawn["overall"] = overall / total
    return {key: tuple(np.nanpercentile(values, _ENDS).tolist()) for key, values in drawn.items()}


def _draw(
    tally: Tally, task: int, average: str, resamples: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return each sub-score of a task in each resample; shape (resamples,), NaN if none of its records was drawn."""
    records = np.flatnonzero(tally.tasks == task)
    keys = [key for key in tally.counts if key.startswith(f"{TASKS[task]}/")]
    # Counts of every record in every sub-score; -1 if the record has none in it.
    table = np.full((len(records), len(keys), 3), -1, np.int32)
    for column, key in enumerate(keys):
        table[np.searchsorted(records, tally.records[key]), column] = tally.counts[key]
    kinds, frequency = np.unique(table.reshape(len(records), -1), axis=0, return_counts=True)
    kinds = kinds.reshape(len(kinds), len(keys), 3).astype(np.float64)
    weights = generator.multinomial(len(records), frequency / len(records), size=resamples).astype(np.float64)
    scores = {}
    for column, key in enumerate(keys):
        has_part = kinds[:, column, 0] >= 0
        own, hits, totals = weights[:, has_part], kinds[has_part, column, 0], kinds[has_part, column].sum(axis=1)
        if average == "sample":
            hits, totals = hits / totals, np.ones_like(totals)
        with np.errstate(invalid="ignore"):
            scores[key] = 100 * (own @ hits) / (own @ totals)
    return scores
