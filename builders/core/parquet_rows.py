"""Rows of any Parquet file as dicts, and the errors that a damaged one raises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builders.core.errors import SARChatError

# What pyarrow raises besides `OSError`, which may also mean a failing disk: its own errors; columns that the footer
# lists and the row groups lack; numbers beyond the range of their type; texts that are not UTF-8.
DAMAGED_PARQUET = (pa.ArrowException, KeyError, OverflowError, UnicodeDecodeError)
_BATCH_ROWS = 5_000


def read_parquet_rows(path: Path, name: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a local Parquet file in order.

    Args:
        path: the file.
        name: its name in error messages.
        columns: the columns to read; missing ones are skipped. All if `None`.

    Raises:
        SARChatError: if the file is not complete Parquet, or has a time that Python cannot represent.
        OSError: if it cannot be read, or is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            wanted = known if columns is None else [column for column in columns if column in known]
            for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
                yield from batch.to_pylist()
    except (*DAMAGED_PARQUET, ValueError) as error:
        raise SARChatError(f"{name} is not a complete Parquet file: {error}") from error
