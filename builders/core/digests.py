"""The hash by which annotations, data sets and builds are recognized: BLAKE2b of 128 bits; files in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

_CHUNK = 1 << 20


def read_pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a binary stream in pieces of up to 1 MiB, for a file of any length."""
    while piece := stream.read(_CHUNK):
        yield piece


def new_digest(text: str = "") -> hashlib.blake2b:
    """Return a hash object that has the text already, if there is any."""
    return hashlib.blake2b(text.encode(), digest_size=16)


def hash_text(text: str) -> str:
    """Return the hash of a text, hexadecimal."""
    return new_digest(text).hexdigest()


def hash_bytes(content: bytes) -> str:
    """Return the hash of bytes, hexadecimal."""
    digest = new_digest()
    digest.update(content)
    return digest.hexdigest()


def hash_file(path: Path, new: Callable[[], Any] = new_digest) -> str:
    """Return the hash of a file's content, hexadecimal; `new` makes the hash object.

    Raises:
        OSError: if it cannot be read.
    """
    digest = new()
    with path.open("rb") as stream:
        for piece in read_pieces(stream):
            digest.update(piece)
    return digest.hexdigest()
