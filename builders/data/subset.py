"""The records of `--limit N`: the same subset of each sub-score on every machine."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

from builders.core.errors import SARChatError
from builders.core.schema import base_id

# Never change this key: it would choose other records, and scores on the subset could not be compared.
_KEY = b"sarchat subset"


def choose_subset(records: Iterable[tuple[str, str, str]], limit: int) -> frozenset[str]:
    """Choose the ids of up to `limit` records per sub-score, that is, per task and scenario; each in all its wordings.

    Records are chosen by a keyed hash of their ids alone, so the choice depends neither on their order nor on the
    machine, and a smaller limit chooses a subset of a larger one.

    Args:
        records: id, task and scenario of each record; only the chosen ones are kept in memory.
        limit: the maximum number of records per task and scenario, at least 1.

    Raises:
        SARChatError: if the limit is below 1.
    """
    if limit < 1:
        raise SARChatError(f"the limit must be 1 or more, but got {limit}")
    # The ranks and ids chosen so far per sub-score, as a heap whose first entry is the next to be replaced.
    chosen: dict[tuple[str, str], list[tuple[int, str]]] = {}
    # The further wordings of the records that were chosen at any time, which follow them.
    further: dict[str, list[str]] = {}
    for record_id, task, scenario in records:
        if (base := base_id(record_id)) != record_id:
            if base in further:
                further[base].append(record_id)
            continue
        entry = (-rank(record_id), record_id)
        heap = chosen.setdefault((task, scenario), [])
        if len(heap) < limit:
            heapq.heappush(heap, entry)
        elif entry > heap[0]:
            heapq.heapreplace(heap, entry)
        else:
            continue
        further[record_id] = []
    return frozenset(
        wording for heap in chosen.values() for _, record_id in heap for wording in (record_id, *further[record_id])
    )


def rank(record_id: str) -> int:
    """Return a number that orders records as if at random, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(record_id.encode(), key=_KEY, digest_size=8).digest(), "big")
