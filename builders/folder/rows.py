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

# Columns that, with its bytes, distinguish an image.
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
        group are read together, each once, if they are among the columns, and are freed with the last one.

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
    """The distinct images of one row group, read together; an image is what has its own bytes, whatever its name."""

    def __init__(self, part: ParquetPart, group: int) -> None:
        self._part = part
        self._group = group
        self._last: tuple[tuple[Any, ...], EncodedImage] | None = None

    def of_rows(self, keys: Iterable[tuple[str | None, str, int]], places: Iterable[int]) -> list[EncodedImage]:
        """Return the image of each row, the same object for consecutive rows of one image.

        Args:
            keys: stored path, file name and id of each row's image.
            places: the index of each row in the row group; may go on after the last key.
        """
        found = []
        for key, place in zip(keys, places):  # noqa: B905
            stored = self._stored(place)
            if self._last is None or self._last[0] != (*key, stored):
                self._last = (*key, stored), self._make(stored, key[1], key[0])
            found.append(self._last[1])
        return found

    def _make(self, stored: tuple[int, int] | None, name: str, path: str | None) -> EncodedImage:
        is_file = stored is None and self._part.fs is None and os.path.isabs(path or "")
        return EncodedImage(name, lambda: self._read(stored, name, path), path if is_file else None)

    def _read(self, stored: tuple[int, int] | None, name: str, path: str | None) -> bytes:
        if stored is not None:
            chunk, index = stored
            return self._column[chunk].dictionary[index].as_py()
        if self._part.fs is not None or not path:
            raise SARChatError(f"{self._part.path} stores only a path for the image {name}, which does not exist here")
        return read_image_file(path)

    def _stored(self, place: int) -> tuple[int, int] | None:
        """Return the chunk and the entry of its dictionary that hold a row's image; `None` if a file does."""
        try:
            return self._entries[place]
        except IndexError:
            raise self._part.damaged(f"row group {self._group} has fewer images than rows") from None

    @cached_property
    def _entries(self) -> list[tuple[int, int] | None]:
        return [
            None if index is None else (number, index)
            for number, chunk in enumerate(self._column)
            for index in chunk.indices.to_pylist()
        ]

    @cached_property
    def _column(self) -> list[pa.DictionaryArray]:
        # Dictionary-encoded, as stored: each image is in memory once, not once per row.
        with self._part.open(read_dictionary=["image.bytes"]) as file:
            column = file.read_row_group(self._group, columns=["image.bytes"]).column("image")
        return [chunk.field("bytes") for chunk in column.chunks]
