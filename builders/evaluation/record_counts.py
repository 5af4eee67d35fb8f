"""The counts of every record of an evaluation as a small JSON value, so that two files of scores can be paired.

Few records differ in their counts, so a task's are a list of the different ones (`kinds`) and the place in it of each
record's (`records`: 32-bit little-endian integers, deflated, in base64).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from builders.digests import new_digest
from builders.evaluation.bootstrap import count_table, unique_rows
from sarchat_metric import SUB_SCORES, TASKS, Tally

_LEVEL = 9


def hash_records(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a hash of the ids and gold answers of records, in order."""
    digest = new_digest()
    for record_id, record in records.items():
        digest.update(f"{record_id}\0{record['messages'][-1]['content']}\0".encode("utf-8", "replace"))
    return digest.hexdigest()


def pack_counts(tally: Tally) -> dict[str, Any]:
    """Return the counts of all records in the sub-scores that enter the averages, by task, for `json.dump`."""
    packed = {}
    for task in TASKS:
        keys, table = count_table(tally, task)
        kept = [key for key in keys if key in SUB_SCORES[task]]
        if kept:
            columns = [3 * keys.index(key) + part for key in kept for part in range(3)]
            kinds, places, _ = unique_rows(table[:, columns])
            content = zlib.compress(places.astype("<u4").tobytes(), _LEVEL)
            packed[task] = {
                "sub_scores": kept,
                "kinds": kinds.tolist(),
                "records": base64.b64encode(content).decode("ascii"),
            }
    return packed


def unpack_counts(packed: Mapping[str, Any], sizes: Mapping[str, int]) -> Tally:
    """Return the counts that `pack_counts` wrote, given each task's number of records.

    Raises:
        ValueError: if it is damaged.
    """
    tasks: list[np.ndarray] = []
    counts: dict[str, np.ndarray] = {}
    rows: dict[str, np.ndarray] = {}
    done = 0
    for number, task in enumerate(TASKS):
        if task not in sizes:
            continue
        try:
            table = _unpack_task(packed[task], task, sizes[task])
        except (KeyError, TypeError, IndexError, OverflowError, zlib.error) as error:
            raise ValueError(f"the counts of {task} are damaged") from error
        for column, key in enumerate(packed[task]["sub_scores"]):
            own = table[:, 3 * column : 3 * column + 3]
            has_part = np.flatnonzero(own[:, 0] >= 0)
            if len(has_part):
                counts[key], rows[key] = own[has_part], done + has_part
        tasks.append(np.full(len(table), number, np.int8))
        done += len(table)
    every = np.concatenate(tasks)
    parsed = np.ones(len(every), bool)
    return Tally(every, parsed, ~parsed, counts, rows)


def _unpack_task(packed: Mapping[str, Any], task: str, size: int) -> np.ndarray:
    keys: Iterable[str] = packed["sub_scores"]
    if not set(keys) <= set(SUB_SCORES[task]):
        raise ValueError(f"the counts of {task} have sub-scores of another task")
    # No more is unpacked than the records need.
    content = zlib.decompressobj().decompress(base64.b64decode(packed["records"], validate=True), 4 * size + 1)
    places = np.frombuffer(content, "<u4") if len(content) == 4 * size else np.empty(0, "<u4")
    kinds = np.array(packed["kinds"], np.int64)
    if len(places) != size or kinds.ndim != 2 or kinds.shape[1] != 3 * len(packed["sub_scores"]):
        raise ValueError(f"the counts of {task} are not those of {size:,} records")
    totals = kinds.reshape(len(kinds), -1, 3)
    if not (((totals >= 0).all(axis=2) & (totals.sum(axis=2) > 0)) | (totals == -1).all(axis=2)).all():
        raise ValueError(f"the counts of {task} are not numbers from 0 on")
    return kinds[places]
