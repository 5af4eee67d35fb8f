"""Files of records: JSON Lines, one JSON list, TSV, or Parquet. A file is created with its first record.

A sample of a file's records is deterministic, the same on every machine.
"""

from __future__ import annotations

import csv
import hashlib
import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TextIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from builders.export.record import Row, to_json

_Kind = TypeVar("_Kind", bound=Row)
_ROW_GROUP_ROWS = 10_000
_SAMPLE_KEY = b"sarchat export"


class RecordFile(ABC, Generic[_Kind]):
    """A file to which records are added one by one, as dicts; a file of JSON takes their text as well.

    Attributes:
        path: its path.
        records: the number of records added.
    """

    def __init__(self, path: Path) -> None:
        """Set the path; the file is created with the first record."""
        self.path = path
        self.records = 0

    def write(self, record: _Kind) -> None:
        """Add a record."""
        self._write(record)
        self.records += 1

    @abstractmethod
    def _write(self, record: _Kind) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Finish the file, if a record was written."""


class _JsonFile(RecordFile[Row]):
    before, between, after = "", "", ""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stream: TextIO | None = None

    def _write(self, record: Row) -> None:
        text = record if isinstance(record, str) else to_json(record)
        if self._stream is None:
            self._stream = self.path.open("w", encoding="utf-8", newline="\n")
            self._stream.write(self.before + text)
        else:
            self._stream.write(self.between + text)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.write(self.after)
            self._stream.close()


class _JsonLines(_JsonFile):
    between, after = "\n", "\n"


class _JsonList(_JsonFile):
    before, between, after = "[\n", ",\n", "\n]\n"


class _Tsv(RecordFile[dict[str, Any]]):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stream: TextIO | None = None
        self._writer: csv.DictWriter | None = None

    def _write(self, record: dict[str, Any]) -> None:
        if self._writer is None:
            self._stream = self.path.open("w", encoding="utf-8", newline="")
            self._writer = csv.DictWriter(self._stream, list(record), delimiter="\t", lineterminator="\n")
            self._writer.writeheader()
        self._writer.writerow(record)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


class _Parquet(RecordFile[dict[str, Any]]):
    def __init__(self, path: Path, complete: Callable[[pa.Schema], pa.Schema]) -> None:
        super().__init__(path)
        self._complete = complete
        self._schema: pa.Schema | None = None
        self._rows: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None

    def _write(self, record: dict[str, Any]) -> None:
        self._rows.append(record)
        if len(self._rows) == _ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._schema = self._complete(pa.Table.from_pylist(self._rows).schema)
            self._writer = pq.ParquetWriter(self.path, self._schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def close(self) -> None:
        if self._rows:
            self._flush()
        if self._writer is not None:
            self._writer.close()


_TEXT_FILES: dict[str, type[RecordFile[Any]]] = {".jsonl": _JsonLines, ".json": _JsonList, ".tsv": _Tsv}


def record_file(path: Path, complete: Callable[[pa.Schema], pa.Schema] = lambda schema: schema) -> RecordFile[Any]:
    """Return a file of the kind that its suffix names.

    Args:
        path: the file.
        complete: for Parquet, returns the schema to use, given the one inferred from the first rows.
    """
    return _Parquet(path, complete) if path.suffix == ".parquet" else _TEXT_FILES[path.suffix](path)


class Sample:
    """Keeps the `size` records with the smallest keyed hashes of their ids; no other record stays in memory."""

    def __init__(self, size: int) -> None:
        """Start empty; `size` is the maximum number of records to keep."""
        self.size = size
        # Rank, position in the file, record; the first entry is the next to be dropped.
        self._heap: list[tuple[int, int, Row]] = []
        self._seen = 0

    def add(self, record_id: str, record: Row) -> None:
        """Offer a record."""
        rank = -int.from_bytes(hashlib.blake2b(record_id.encode(), key=_SAMPLE_KEY, digest_size=8).digest(), "big")
        self._seen += 1
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, (rank, self._seen, record))
        elif rank > self._heap[0][0]:
            heapq.heapreplace(self._heap, (rank, self._seen, record))

    def records(self) -> list[Row]:
        """Return the sample in the order of the file."""
        return [record for _, _, record in sorted(self._heap, key=lambda entry: entry[1])]
