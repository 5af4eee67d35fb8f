"""A deterministic sample of a file's records, the same on every machine."""

from __future__ import annotations

import hashlib
import heapq

from builders.export.record import Row

_KEY = b"sarchat export"


class Sample:
    """Keeps the `size` records with the smallest keyed hashes of their ids; no other record stays in memory."""

    def __init__(self, size: int) -> None:
        """Start empty; `size` is the maximum number of records to keep."""
        self.size = size
        # Rank, position in the file, record; the first entry is the next to be dropped.
        self._heap: list[tuple[int, int, Row]] = []
        self._seen = 0

    def add(self, record_id: str, record: Row) -> None:
        """Offer a record."""
        rank = -int.from_bytes(hashlib.blake2b(record_id.encode(), key=_KEY, digest_size=8).digest(), "big")
        self._seen += 1
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, (rank, self._seen, record))
        elif rank > self._heap[0][0]:
            heapq.heapreplace(self._heap, (rank, self._seen, record))

    def records(self) -> list[Row]:
        """Return the sample in the order of the file."""
        return [record for _, _, record in sorted(self._heap, key=lambda entry: entry[1])]
