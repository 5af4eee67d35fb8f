"""Rows of the data set's Parquet files in order, local or remote, with images that are read only when needed."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from builders.encoded_image import EncodedImage
from builders.errors import SARChatError
from builders.folder.column_check import require_columns, require_values
from builders.folder.image_file import read_image_file
from builders.parquet_rows import DAMAGED_PARQUET
from builders.schema import COLUMNS

# Columns that distinguish images without reading them.
_IMAGE_KEYS = ("image.path", "file_name", "image_id")
# Rows converted to Python objects at a time.
_BATCH_ROWS = 500


class ParquetPart(NamedTuple):
    """One Parquet file of a split.

    Attributes:
        path: its path in `fs`.
        fs: the file system; `None` for local files.
    """

    path: str
    fs: AbstractFileSystem | None = None

    @contextmanager
    def open(self, **options: Any) -> Iterator[pq.ParquetFile]:  # noqa: ANN401
        """Open the file for the block.

        Raises:
            SARChatError: if it is not a complete Parquet file or cannot be read, also within the block.
        """
        if self.fs is None and not Path(self.path).is_file():
            # A pipe would block.
            raise SARChatError(f"{self.path} is not a file; build the folder again")
        try:
            with self._open(options) as file:
                yield file
        except Exception as error:
            # Arrow raises an OSError for a damaged file; remote file systems raise errors without a common class.
            is_local = self.fs is None
            if isinstance(error, DAMAGED_PARQUET) or (is_local and isinstance(error, OSError)):
                raise self.damaged(error) from error
            if is_local or isinstance(error, SARChatError):
                raise
            raise SARChatError(f"cannot read {self.path}: {type(error).__name__}: {error}") from error

    def damaged(self, reason: object) -> SARChatError:
        """Return the error to raise if the content is not that of a complete Parquet file."""
        return SARChatError(
            f"{self.path} is not a complete Parquet file: {reason}; download it or build the folder again"
        )

    def _open(self, options: dict[str, Any]) -> pq.ParquetFile:
        try:
            if self.fs is None:
                return pq.ParquetFile(self.path, **options)
            # Arrow requests exactly the ranges that it needs; a cache below it would fetch more.
            stream = self.fs.open(self.path, "rb", cache_type="none")
            return pq.ParquetFile(stream, pre_buffer=True, **options)
        except KeyError as error:
            raise SARChatError(f"{self.path} has no column {error}; it is not a file of `sarchat build`") from error


def read_rows(
    part: ParquetPart, columns: Sequence[str] = COLUMNS, keep: Container[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one file in order.

    Args:
        part: the file.
        columns: the columns of each dict, out of `COLUMNS`.
        keep: the ids of the rows to yield; all rows if `None`. A row group without any of them is skipped.

    Yields:
        A dict. Its `image` is an `EncodedImage`, the same object for consecutive rows of one image. The images of a row
        group are read together, each once, when the first one is needed, and are freed with the last one.

    Raises:
        SARChatError: if the file lacks a column or cannot be read.
    """
    with part.open() as file:
        require_columns(file.schema_arrow, part.path, ["id", *columns])
        for group in range(file.metadata.num_row_groups):
            places = _find_places(file, group, keep)
            if places is None or places:
                yield from _read_group(part, file, group, columns, places)


def _find_places(file: pq.ParquetFile, group: int, keep: Container[str] | None) -> list[int] | None:
    """Return the indices of the rows to keep in a row group, or `None` for all of them."""
    if keep is None:
        return None
    ids = file.read_row_group(group, columns=["id"]).column("id").to_pylist()
    return [place for place, record_id in enumerate(ids) if record_id in keep]


def _read_group(
    part: ParquetPart, file: pq.ParquetFile, group: int, columns: Sequence[str], places: list[int] | None
) -> Iterator[dict[str, Any]]:
    with_images = "image" in columns
    names = dict.fromkeys([*(name for name in columns if name != "image"), *(_IMAGE_KEYS if with_images else ())])
    table = file.read_row_group(group, columns=list(names))
    require_values(table, part.path, file.metadata)
    if places is not None:
        table = table.take(places)
    if with_images:
        paths = pc.struct_field(table.column("image"), "path")
        table = table.set_column(table.column_names.index("image"), "image", paths)
    images = _GroupImages(part, group)
    for start in range(0, len(table), _BATCH_ROWS):
        batch = table.slice(start, _BATCH_ROWS)
        # Column by column: faster than `Table.to_pylist`.
        values = {name: batch.column(name).to_pylist() for name in table.column_names}
        if with_images:
            keys = zip(values["image"], values["file_name"], values["image_id"], strict=True)
            values["image"] = images.of_rows(keys, range(start, len(table)) if places is None else places[start:])
        for row in zip(*(values[name] for name in columns), strict=True):
            yield dict(zip(columns, row, strict=True))


class _GroupImages:
    """The distinct images of one row group, read together when the first one is needed."""

    def __init__(self, part: ParquetPart, group: int) -> None:
        self._part = part
        self._group = group
        self._last: tuple[tuple[Any, ...], EncodedImage] | None = None

    def of_rows(self, keys: Iterable[tuple[str | None, str, int]], places: Iterable[int]) -> list[EncodedImage]:
        """Return the image of each row, the same object for consecutive rows with one key.

        Args:
            keys: stored path, file name and id of each row's image.
            places: the index of each row in the row group; may go on after the last key.
        """
        found = []
        for key, place in zip(keys, places):  # noqa: B905
            if self._last is None or self._last[0] != key:
                self._last = key, self._at(place, key[1], key[0])
            found.append(self._last[1])
        return found

    def _at(self, place: int, name: str, stored_path: str | None) -> EncodedImage:
        """Return the image of a row, not yet read unless its stored path may be that of a local file."""
        is_file = self._part.fs is None and os.path.isabs(stored_path or "") and self._content(place) is None
        return EncodedImage(name, lambda: self._read(place, name, stored_path), stored_path if is_file else None)

    def _read(self, place: int, name: str, stored_path: str | None) -> bytes:
        content = self._content(place)
        if content is not None:
            return content
        if self._part.fs is not None or not stored_path:
            raise SARChatError(f"{self._part.path} stores only a path for the image {name}, which does not exist here")
        return read_image_file(stored_path)

    def _content(self, place: int) -> bytes | None:
        for chunk in self._column:
            if place < len(chunk):
                return chunk[place].as_py()
            place -= len(chunk)
        raise self._part.damaged(f"row group {self._group} has fewer images than rows")

    @cached_property
    def _column(self) -> list[pa.Array]:
        # Dictionary-encoded, as stored: each image is in memory once, not once per row.
        with self._part.open(read_dictionary=["image.bytes"]) as file:
            column = file.read_row_group(self._group, columns=["image.bytes"]).column("image")
        return [chunk.field("bytes") for chunk in column.chunks]
