"""A storage in memory whose answers come after 30 ms, as those of object storage in the same region do."""

from __future__ import annotations

import time

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

LATENCY = 0.03


class SlowStorage(MemoryFileSystem):
    """Files in memory, each read after `LATENCY` seconds."""

    protocol = "slow"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("slow://", "memory://"))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: object) -> bytes:
        """Read a file."""
        time.sleep(LATENCY)
        return super().cat_file(path, start, end, **kwargs)


def fill(files: int, size: int) -> list[tuple[str, int]]:
    """Register the storage and write files to `slow://corpus`; return their names and sizes."""
    fsspec.register_implementation("slow", SlowStorage, clobber=True)
    fs = fsspec.filesystem("slow")
    names = [f"{number:06d}.jpg" for number in range(files)]
    for name in names:
        fs.pipe_file(f"/corpus/{name}", bytes(size))
    return [(name, size) for name in names]
