"""Write a file all at once: either it is there whole, or what was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def writing_whole(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears at `path` once the block ends well; until then it is beside it.

    Args:
        path: the file.

    Raises:
        OSError: the folder does not exist, or the disk is full.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            yield stream
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
