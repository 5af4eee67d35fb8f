"""Private databases in the folder for temporary files, for what may not fit into memory; SQLite removes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar, TypeVar

from builders.core.errors import SARChatError

D = TypeVar("D", bound="TemporaryDatabase")
# Rows that are inserted together.
_BATCH = 1_000


class TemporaryDatabase:
    """A private database, which stays in memory as long as it is small, in a transaction without a journal.

    Each of its methods raises a `SARChatError` if the disk is full.

    Attributes:
        tables: the statements that create its tables, each with a semicolon.
        purpose: what it is needed for, to follow "cannot" in a message.
    """

    tables: ClassVar[str]
    purpose: ClassVar[str]

    def __init__(self) -> None:
        """Create the tables."""
        # An empty name: a private database.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"pragma journal_mode = off; {self.tables} begin")

    def __enter__(self: D) -> D:
        """Return the database."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the database."""
        self._database.close()

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        with self._naming_disk():
            return self._database.execute(statement, values)

    def _query(self, statement: str, *values: object) -> Iterator[tuple]:
        with self._naming_disk():
            # Not `yield from`, which would close the cursor of an abandoned query, perhaps after the database.
            for row in self._database.execute(statement, values):  # noqa: UP028
                yield row

    def _one(self, statement: str, *values: object) -> Any:  # noqa: ANN401
        """Return the first row, or `None`."""
        return next(self._query(statement, *values), None)

    def _fill(self, table: str, rows: Iterable[tuple]) -> None:
        """Insert rows, but for those whose key is in the table."""
        iterator = iter(rows)
        while some := list(islice(iterator, _BATCH)):
            places = ", ".join("?" * len(some[0]))
            with self._naming_disk():
                self._database.executemany(f"insert or ignore into {table} values ({places})", some)

    @contextmanager
    def _naming_disk(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise SARChatError(
                f"cannot {self.purpose} in the folder for temporary files: {error}; free space there, or set TMPDIR to "
                "another folder"
            ) from error
