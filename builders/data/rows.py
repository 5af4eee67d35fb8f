"""Rows of the data set's Parquet files in order, local or remote, with images that are read only when needed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from builders.core.errors import SARChatError
from builders.core.parquet_rows import DAMAGED_PARQUET
from builders.core.processes import no_cycles
from builders.core.schema import COLUMNS
from builders.core.storage import describe
from builders.data.columns import require_columns, require_values
from builders.data.encoded_image import EncodedImage, read_image_file

# What the records of one image have in common, in this order. In foreign data, other images may share it.
ImageKey = tuple[str | None, str, int, int, int]
_IMAGE_KEY = ("image.path", "file_name", "image_id", "width", "height")
# Rows converted to Python objects at a time, and those whose keys alone are.
_BATCH_ROWS = 500
_KEY_ROWS = 20_000


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
            raise SARChatError(f"cannot read {self.path}: {describe(error)}") from error

    @property
    def footer(self) -> pq.FileMetaData:
        """The file's metadata; reading it raises what `open` does."""
        with self.open() as file:
            return file.metadata

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        return os.path.getsize(self.path) if self.fs is None else self.fs.size(self.path)

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


def find_single_records(parts: Iterable[ParquetPart]) -> frozenset[ImageKey]:
    """Return the keys of images that exactly one record of some files has; no image is read.

    Raises:
        SARChatError: if a file lacks a column or cannot be read.
    """
    records: Counter[ImageKey] = Counter()
    for part in parts:
        with part.open() as file:
            require_columns(file.schema_arrow, part.path, _IMAGE_KEY)
            for batch in file.iter_batches(_KEY_ROWS, columns=list(_IMAGE_KEY)):
                records.update(_read_keys(batch))
    return frozenset(key for key, number in records.items() if number == 1)


def _read_keys(rows: pa.RecordBatch | pa.Table) -> Iterator[ImageKey]:
    columns = {name: rows.column(name) for name in rows.schema.names}
    paths = pc.struct_field(columns["image"], "path")
    return zip(paths.to_pylist(), *(columns[name].to_pylist() for name in _IMAGE_KEY[1:]), strict=True)


def read_rows(
    part: ParquetPart,
    columns: Sequence[str] = COLUMNS,
    keep: Container[str] | None = None,
    known: Container[ImageKey] = (),
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one file in order.

    Args:
        part: the file.
        columns: the columns of each dict, out of `COLUMNS`.
        keep: the ids of the rows to yield; all rows if `None`. A row group without any of them is skipped.
        known: the keys that only one image has. Others are distinguished by their bytes.

    Yields:
        A dict. Its `image` is an `EncodedImage`, the same object for consecutive rows of one image. The images of a row
        group are read together, each once, as the first of them is needed, and are freed with the last one.

    Raises:
        SARChatError: if the file lacks a column or cannot be read.
    """
    with part.open() as file:
        require_columns(file.schema_arrow, part.path, ["id", *columns])
        for group in range(file.metadata.num_row_groups):
            places = _find_places(file, group, keep)
            if places is None or places:
                yield from _read_group(part, file, group, columns, places, known)


def read_row(part: ParquetPart, index: int) -> dict[str, Any]:
    """Return one row of a file by its index, which the footer says exists; only its row group is read.

    Raises:
        SARChatError: as `read_rows`.
    """
    with part.open() as file:
        require_columns(file.schema_arrow, part.path, COLUMNS)
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if index < rows:
                return next(_read_group(part, file, group, COLUMNS, [index], ()))
            index -= rows
    raise part.damaged("its row groups have fewer rows than its footer says")


def _find_places(file: pq.ParquetFile, group: int, keep: Container[str] | None) -> list[int] | None:
    """Return the indices of the rows to keep in a row group, or `None` for all of them."""
    if keep is None:
        return None
    ids = file.read_row_group(group, columns=["id"]).column("id").to_pylist()
    return [place for place, record_id in enumerate(ids) if record_id in keep]


def _read_group(
    part: ParquetPart,
    file: pq.ParquetFile,
    group: int,
    columns: Sequence[str],
    places: list[int] | None,
    known: Container[ImageKey],
) -> Iterator[dict[str, Any]]:
    with_images = "image" in columns
    names = dict.fromkeys([*(name for name in columns if name != "image"), *(_IMAGE_KEY if with_images else ())])
    table = file.read_row_group(group, columns=list(names))
    require_values(table, part.path, file.metadata)
    if places is not None:
        table = table.take(places)
    images = _GroupImages(part, group, known)
    at = iter(range(len(table)) if places is None else places)
    yield from make_rows(table, columns, lambda batch: images.of_rows(_read_keys(batch), islice(at, len(batch))))


def make_rows(
    table: pa.Table, columns: Sequence[str], images_of: Callable[[pa.Table], list[EncodedImage]]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, in order.

    Args:
        table: the table.
        columns: the columns of each dict; all but `image` are those of the table.
        images_of: returns the image of each row of the next part of the table.
    """
    for start in range(0, len(table), _BATCH_ROWS):
        batch = table.slice(start, _BATCH_ROWS)
        # Column by column: faster than `Table.to_pylist`.
        with no_cycles():
            values = [images_of(batch) if name == "image" else batch.column(name).to_pylist() for name in columns]
        for row in zip(*values, strict=True):
            yield dict(zip(columns, row, strict=True))


class _GroupImages:
    """The distinct images of one row group, read together when one of them is needed."""

    def __init__(self, part: ParquetPart, group: int, known: Container[ImageKey]) -> None:
        self._part = part
        self._group = group
        self._known = known
        self._last: tuple[object, EncodedImage] | None = None

    def of_rows(self, keys: Iterable[ImageKey], places: Iterable[int]) -> list[EncodedImage]:
        """Return the image of each row, the same object for consecutive rows of one image.

        Args:
            keys: the key of each row's image.
            places: the index of each row in the row group.
        """
        found = []
        for key, place in zip(keys, places, strict=True):
            own = key in self._known
            # Beside an image of the same key there may be another one.
            this = key if own else (key, self._stored(place))
            if self._last is None or self._last[0] != this:
                self._last = this, self._make(key, place, own)
            found.append(self._last[1])
        return found

    def _make(self, key: ImageKey, place: int, own: bool) -> EncodedImage:
        path, name, *_ = key
        is_file = self._part.fs is None and os.path.isabs(path or "") and self._stored(place) is None
        return EncodedImage(
            name, lambda: self._read(place, name, path), path if is_file else None, key if own else None
        )

    def _read(self, place: int, name: str, path: str | None) -> bytes:
        stored = self._stored(place)
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
