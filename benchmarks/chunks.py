"""The chunks into which the Hub's storage, Xet, cuts a file by its content; it stores equal chunks once.

The rule is the one of the Xet protocol (https://huggingface.co/docs/xet/chunking): a gear hash of the last 64 bytes,
a boundary where its 16 highest bits are 0, chunks of 8 to 128 KiB. `gear_table.txt` holds the hash's 256 constants, the
default table of the crate `gearhash`, 16 hexadecimal digits each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

TARGET = 64 * 1024
SHORTEST, LONGEST = TARGET // 8, TARGET * 2
_WINDOW = 64
_MASK = np.uint64((TARGET - 1) << 48)
_TABLE = np.array(
    [int(word, 16) for word in (Path(__file__).parent / "gear_table.txt").read_text().split()], dtype=np.uint64
)
# Hashed at a time: few enough that the hashes stay in the cache of a core.
_BLOCK = 1 << 15


def cut(content: bytes) -> list[int]:
    """Return the ends of a file's chunks, as offsets in bytes."""
    ends, start = [], 0
    candidates = iter(_candidates(content))
    candidate = next(candidates, None)
    while len(content) - start > SHORTEST:
        while candidate is not None and candidate < start + SHORTEST:
            candidate = next(candidates, None)
        start = min(start + LONGEST, len(content) if candidate is None else candidate, len(content))
        ends.append(start)
    if start < len(content):
        ends.append(len(content))
    return ends


def distinct_chunks(files: Iterable[Path]) -> dict[bytes, int]:
    """Map the digest of every distinct chunk of the files to its length in bytes."""
    found: dict[bytes, int] = {}
    for path in files:
        content = path.read_bytes()
        start = 0
        for end in cut(content):
            found[hashlib.blake2b(memoryview(content)[start:end], digest_size=16).digest()] = end - start
            start = end
    return found


def _candidates(content: bytes) -> Iterator[int]:
    """Yield the offsets after which the gear hash of the last 64 bytes asks for a boundary."""
    values = np.frombuffer(content, np.uint8)
    for start in range(0, len(values), _BLOCK):
        first = max(0, start - _WINDOW + 1)
        # The hash is the sum of each byte's constant, shifted by the byte's age; its window is doubled six times.
        hashes = _TABLE[values[first : start + _BLOCK]]
        age = 1
        while age < _WINDOW:
            hashes[age:] += hashes[:-age] << np.uint64(age)
            age *= 2
        for place in np.flatnonzero((hashes & _MASK) == 0).tolist():
            if first + place >= start:
                yield first + place + 1
