"""Bootstrap confidence intervals: 95 % percentile intervals of scores and of differences, from resampling records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sarchat_metric import SUB_SCORES, TASKS, Tally, averages, sub_scores, task_scores

RESAMPLES = 1000
_SEED = 0
_ENDS = (2.5, 97.5)
_LARGEST_NUMBER = 2**62


def intervals(
    tally: Tally, average: str, sizes: Mapping[str, int] | None = None, resamples: int = RESAMPLES, wordings: int = 1
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval, in percent, of every score: sub-scores, tasks (Eq. 5), `overall` and `balanced`.

    Records are drawn with replacement within their task, so a task keeps its size and its weight. Records with the
    same counts are drawn together, in one multinomial draw: the distribution is the same, and it is fast for any
    number of records. A resample in which a sub-score has no record counts only for the other scores.

    Args:
        tally: the counts of all records.
        average: `sample` or `corpus`, as for the scores.
        sizes: the weight of each task in the overall score; its number of records if not given.
        resamples: the number of draws.
        wordings: the number of wordings of each record, which follow each other and are drawn together.
    """
    (drawn,) = _resample([tally], average, sizes, resamples, wordings)
    return {key: _ends(values) for key, values in drawn.items()}


def paired_intervals(
    first: Tally, second: Tally, average: str, sizes: Mapping[str, int] | None = None, wordings: int = 1
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of the difference of every score in an average, `first` minus `second`, in points.

    The two are scored on the same draws of records, so that what makes a record hard for both cancels out.

    Args:
        first: the counts of all records.
        second: the counts of the same records with other answers.
        average: `sample` or `corpus`, as for the scores.
        sizes: the weight of each task in the overall score; its number of records if not given.
        wordings: the number of wordings of each record, as for `intervals`.

    Raises:
        ValueError: if the two differ in their number of records, their tasks or their sub-scores.
    """
    # Additional scores would split equal records further, and so change the draws.
    averaged = [_drop_additional(tally) for tally in (first, second)]
    if not np.array_equal(first.tasks, second.tasks) or averaged[0].counts.keys() != averaged[1].counts.keys():
        raise ValueError("the two tallies are not of the same records")
    # The draws depend on the order of the two. It is always the same one, so that a swap mirrors the interval.
    ordered = sorted(averaged, key=lambda tally: [counts.astype("<i4").tobytes() for counts in tally.counts.values()])
    one, other = _resample(ordered, average, sizes, RESAMPLES, wordings)
    ends = {key: _ends(one[key] - other[key]) for key in one}
    return ends if ordered[0] is averaged[0] else {key: (0.0 - high, 0.0 - low) for key, (low, high) in ends.items()}


def share_interval(hits: int, number: int) -> tuple[float, float]:
    """Return the 95 % interval, in percent, of the share of records of which something is so."""
    generator = np.random.Generator(np.random.PCG64(_SEED))
    return _ends(100 * generator.binomial(number, hits / number, RESAMPLES) / number)


def _drop_additional(tally: Tally) -> Tally:
    keys = [key for keys in SUB_SCORES.values() for key in keys if key in tally.counts]
    return tally._replace(
        counts={key: tally.counts[key] for key in keys}, records={key: tally.records[key] for key in keys}
    )


def _ends(values: np.ndarray) -> tuple[float, float]:
    low, high = np.nanpercentile(values, _ENDS).tolist()
    return low, high


def _resample(
    tallies: Sequence[Tally], average: str, sizes: Mapping[str, int] | None, resamples: int, wordings: int
) -> list[dict[str, np.ndarray]]:
    """Return every score of each tally, resample by resample; the same records are drawn for all tallies."""
    kinds, frequency = _merge_equal_records(tallies, wordings)
    tasks = kinds[0].tasks[::wordings]
    weights = np.repeat(_draw_weights(tasks, frequency, resamples), wordings, axis=1)
    if sizes is None:
        totals = np.bincount(tasks, frequency * wordings, minlength=len(TASKS)).astype(int).tolist()
        sizes = {task: total for task, total in zip(TASKS, totals, strict=True) if total}
    drawn = []
    for tally in kinds:
        scores = sub_scores(tally, average, weights)
        drawn.append(scores | _average_scores(scores, sizes))
    return drawn


def count_table(tally: Tally, task: str) -> tuple[list[str], np.ndarray]:
    """Return the counts of a task's N records in its K sub-scores as one table.

    Returns:
        The keys of the sub-scores, and TP, FP and FN of each in turn; ints of shape (N, 3 K), -1 where a record has no
        part in a sub-score.
    """
    records = np.flatnonzero(tally.tasks == TASKS.index(task))
    keys = [key for key in tally.counts if key.startswith(f"{task}/")]
    table = np.full((len(records), len(keys), 3), -1, np.int32)
    for column, key in enumerate(keys):
        table[np.searchsorted(records, tally.records[key]), column] = tally.counts[key]
    return keys, table.reshape(len(records), 3 * len(keys))


def tally_of(tables: Mapping[str, tuple[Sequence[str], np.ndarray]]) -> Tally:
    """Return the counts that `count_table` gave as tables, by task; every answer counts as parsed."""
    tasks: list[np.ndarray] = []
    counts: dict[str, np.ndarray] = {}
    rows: dict[str, np.ndarray] = {}
    done = 0
    for task, (keys, table) in tables.items():
        for column, key in enumerate(keys):
            own = table[:, 3 * column : 3 * column + 3]
            has_part = np.flatnonzero(own[:, 0] >= 0)
            if len(has_part):
                counts[key], rows[key] = own[has_part], done + has_part
        tasks.append(np.full(len(table), TASKS.index(task), np.int8))
        done += len(table)
    parsed = np.ones(done, bool)
    return Tally(np.concatenate(tasks), parsed, ~parsed, counts, rows)


def unique_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the different rows of a table of whole numbers, as `np.unique` with `axis=0` does, many times faster.

    Args:
        table: ints of shape (N, C).

    Returns:
        The K different rows, sorted, of shape (K, C); the index of each of the N rows among them; and how often each
        appears, of shape (K,).
    """
    # A row is one number, whose digits are its cells: sorting numbers is faster than comparing rows.
    numbers, size = np.zeros(len(table), np.int64), 1
    for cells in table.T if len(table) else ():
        digits = cells.astype(np.int64) - int(cells.min())
        base = int(digits.max()) + 1
        if size * base > _LARGEST_NUMBER:
            numbers = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
            size = int(numbers.max()) + 1
        numbers, size = numbers * base + digits, size * base
    _, first, places, counts = np.unique(numbers, return_index=True, return_inverse=True, return_counts=True)
    return table[first], places, counts


def _merge_equal_records(tallies: Sequence[Tally], wordings: int) -> tuple[list[Tally], np.ndarray]:
    """Merge records of equal task and counts, of all their wordings, in every tally.

    Returns:
        The tallies of the K different ones, and how many records each stands for; ints of shape (K,).
    """
    merged: list[dict[str, tuple[Sequence[str], np.ndarray]]] = [{} for _ in tallies]
    frequencies = []
    for task in TASKS:
        tables = [count_table(tally, task) for tally in tallies]
        units = [table.reshape(len(table) // wordings, -1) if len(table) else table for _, table in tables]
        kinds, _, frequency = unique_rows(np.hstack(units))
        ends = np.cumsum([unit.shape[1] for unit in units])[:-1]
        for of_tally, (keys, table), own in zip(merged, tables, np.hsplit(kinds, ends), strict=True):
            of_tally[task] = keys, own.reshape(-1, table.shape[1]) if len(own) else table
        frequencies.append(frequency)
    return [tally_of(tables) for tables in merged], np.concatenate(frequencies)


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
    """Average the tasks' sub-scores, and the tasks, in each resample.

    Args:
        drawn: each sub-score, resample by resample; NaN where it has no record.
        sizes: the number of records of each task.
    """
    keys = [key for own in SUB_SCORES.values() for key in own if key in drawn]
    absent = np.isnan([drawn[key] for key in keys])
    averaged: dict[str, np.ndarray] = {}
    # Resamples in which the same sub-scores have records are averaged together.
    for pattern in np.unique(absent, axis=1).T:
        own = (absent == pattern[:, None]).all(axis=0)
        by_task = task_scores(
            {key: drawn[key][own] for key, is_absent in zip(keys, pattern, strict=True) if not is_absent}
        )
        for key, values in (by_task | averages(by_task, sizes)).items():
            averaged.setdefault(key, np.full(absent.shape[1], np.nan))[own] = values
    return averaged
