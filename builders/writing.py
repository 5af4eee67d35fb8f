"""Write a file all at once: either it is there whole, or what was there before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write text to a file, by way of a file beside it.

    Args:
        path: the file.
        pieces: the text, piece by piece.

    Raises:
        OSError: the folder does not exist, or the disk is full.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(pieces)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
