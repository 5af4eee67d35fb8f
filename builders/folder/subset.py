"""The records of `--limit N`: the same few of each sub-score on every machine."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

from builders.errors import SARChatError

# Fixed for ever: another key would choose other records, and scores of one subset could not be compared.
_KEY = b"sarchat subset"


def choose_subset(records: Iterable[tuple[str, str, str]], limit: int) -> frozenset[str]:
    """Choose up to `limit` records of each sub-score: of each task, those of each scenario.

    A record is chosen by a keyed hash of its id alone, so the choice depends neither on the order of the records nor
    on the machine, and the records of a smaller limit are among those of a larger one.

    Args:
        records: id, task and scenario of each record; only the chosen ones are kept in memory.
        limit: the most records of a task and scenario, 1 or more.

    Returns:
        The ids of the chosen records.

    Raises:
        SARChatError: the limit is below 1.
    """
    if limit < 1:
        raise SARChatError(f"the limit must be 1 or more, but got {limit}")
    # For each sub-score the ranks and ids chosen so far, as a heap whose first entry is the next to go.
    chosen: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for record_id, task, scenario in records:
        entry = (-_rank(record_id), record_id)
        heap = chosen.setdefault((task, scenario), [])
        if len(heap) < limit:
            heapq.heappush(heap, entry)
        elif entry > heap[0]:
            heapq.heapreplace(heap, entry)
    return frozenset(record_id for heap in chosen.values() for _, record_id in heap)


def _rank(record_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(record_id.encode(), key=_KEY, digest_size=8).digest(), "big")
