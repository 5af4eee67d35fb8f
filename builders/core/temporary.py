"""Temporary names beside what is being written: random, and with a sign by which only our own are recognized."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from builders.core.digests import hash_text

# What is being written, a folder that is being replaced, and what keeps other processes out.
PARTIAL, RETIRED, LOCK = "partial", "old", "lock"
# File systems allow 255 bytes.
_SHOWN_CHARACTERS = 40
_TOKEN_LENGTH = 8


def temporary(path: Path, kind: str = PARTIAL) -> Path:
    """Return a new path beside `path`, which no other call returns."""
    return _sign(path, secrets.token_hex(_TOKEN_LENGTH // 2), kind)


def lock_of(path: Path) -> Path:
    """Return the path of the empty file that keeps other processes from writing `path`."""
    return _sign(path, "", LOCK)


def leftovers(path: Path, kind: str = PARTIAL) -> list[Path]:
    """Return what exists under a name that `temporary` returned for `path`, sorted."""
    try:
        return sorted(found for found in path.parent.iterdir() if found == _sign(path, _token_of(found), kind))
    except OSError:
        # There is no such folder, or it cannot be listed.
        return []


def _token_of(path: Path) -> str:
    return "".join(path.name.split(".")[-2:-1])[:_TOKEN_LENGTH]


def _sign(path: Path, token: str, kind: str) -> Path:
    # Bytes, since not every name is text.
    sign = hash_text(f"sarchat {os.fsencode(path.name).hex()} {token} {kind}")[:12]
    return path.with_name(f".{path.name[:_SHOWN_CHARACTERS]}.{token}{sign}.{kind}")
