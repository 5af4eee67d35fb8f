"""A Parquet file of a built folder, and what is known of it without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class ShardFile(NamedTuple):
    """A Parquet file that was written.

    Attributes:
        task: the task of its records.
        split: their split.
        number: its place among the files of the task and split, from 0.
        path: where it is.
        rows: the number of its records.
        dense_bytes: its size when it is read back, an image counted for each record.
        file_bytes: its size on disk.
        sha256: its checksum, hexadecimal.
    """

    task: str
    split: str
    number: int
    path: Path
    rows: int
    dense_bytes: int
    file_bytes: int
    sha256: str
