"""Private databases in the folder for temporary files, for what may not fit into memory; SQLite removes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from builders.core.errors import SARChatError


def open_database(script: str) -> sqlite3.Connection:
    """Open a new database, which stays in memory as long as it is small, in a transaction without a journal.

    Args:
        script: statements that create its tables.
    """
    # An empty name: a private database.
    database = sqlite3.connect("", isolation_level=None)
    database.executescript(f"pragma journal_mode = off; {script} begin")
    return database


@contextmanager
def naming_disk(purpose: str) -> Iterator[None]:
    """Convert errors of a full disk into one line; `purpose` follows "cannot" in it.

    Raises:
        SARChatError: if SQLite cannot write or read.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise SARChatError(
            f"cannot {purpose} in the folder for temporary files: {error}; free space there, or set TMPDIR to another "
            "folder"
        ) from error
