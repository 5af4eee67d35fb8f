"""A Parquet file of a built folder, as the card and the checksums describe it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ParquetFile:
    """One file of a task and split.

    Attributes:
        task: the task.
        split: the split.
        path: its path.
        rows: the number of records.
        dense_bytes: its size when read back, each row with its own copy of its image.
        file_bytes: its size on disk.
        sha256: its checksum, hexadecimal.
    """

    task: str
    split: str
    path: Path
    rows: int
    dense_bytes: int
    file_bytes: int
    sha256: str
