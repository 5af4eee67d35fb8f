"""The hash by which annotations, data sets and builds are recognized: BLAKE2b of 128 bits."""

from __future__ import annotations

import hashlib
from pathlib import Path

_CHUNK = 1 << 20


def new_digest(text: str = "") -> hashlib.blake2b:
    """Return a hash object that has the text already, if there is any."""
    return hashlib.blake2b(text.encode(), digest_size=16)


def hash_text(text: str) -> str:
    """Return the hash of a text, hexadecimal."""
    return new_digest(text).hexdigest()


def hash_file(path: Path) -> str:
    """Return the hash of a file's content, hexadecimal; the file is read in pieces.

    Raises:
        OSError: if it cannot be read.
    """
    digest = new_digest()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
