"""An index of a split's images, as Parquet: a job has its range of rows, and no worker reads the annotations."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from builders.corpus.targets import AnnotatedImage, Target

# Few enough to be held as objects, enough for a small footer: 12,000 row groups for 100 million images.
ROW_GROUP_IMAGES = 8_192
_CATEGORY_NAMES = "sarchat.category_names"
_AS_STORED: dict[str, Any] = {"compression": "zstd", "write_statistics": False}
# Of an image, and then of its targets and what is left out, in the order of their attributes.
_SCHEMA = pa.schema(
    {
        "image_id": pa.int64(),
        "file_name": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "bytes": pa.int64(),
        "targets": pa.list_(
            # The clipped box as x1, y1, x2, y2, whether it was entirely inside, and any corners: see `Target`.
            pa.struct(
                {
                    "category": pa.int8(),
                    "box": pa.list_(pa.float64(), 4),
                    "whole": pa.bool_(),
                    "corners": pa.list_(pa.float64()),
                }
            )
        ),
        # The label and the box, likewise, of what is annotated but no target.
        "left_out": pa.list_(pa.struct({"category": pa.int8(), "box": pa.list_(pa.float64(), 4)})),
    }
)


class IndexedImage(NamedTuple):
    """An image with its targets, and the size of its file in bytes, if known."""

    image: AnnotatedImage
    size: int | None


class IndexWriter:
    """Writes an index, image by image; the bytes depend on the images and the version of pyarrow alone."""

    def __init__(self, path: Path, category_names: Iterable[str] = ()) -> None:
        """Create the file.

        Args:
            path: the file; its folder exists.
            category_names: the names of categories in the annotations, in lower case.
        """
        self._names = json.dumps(sorted(category_names))
        self._writer = pq.ParquetWriter(path, _SCHEMA, **_AS_STORED)
        self._rows: list[IndexedImage] = []

    def __enter__(self) -> IndexWriter:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is left and close the file; it is of no use after an error."""
        if kind is None:
            self._flush()
            self._writer.add_key_value_metadata({_CATEGORY_NAMES: self._names})
        self._writer.close()

    def add(self, image: AnnotatedImage, size: int | None) -> None:
        """Add an image.

        Raises:
            OSError: if the disk is full.
        """
        self._rows.append(IndexedImage(image, size))
        if len(self._rows) == ROW_GROUP_IMAGES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(_to_table(self._rows))
        self._rows.clear()


def _to_table(rows: list[IndexedImage]) -> pa.Table:
    columns = zip(*((*image[:4], size, *image[4:]) for image, size in rows), strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


class ImageIndex:
    """An index to read from, by any number of threads. The images of one row group are in memory at a time.

    Attributes:
        category_names: the names of categories in the annotations, as far as they were given to the writer.
    """

    def __init__(self, file: str | bytes) -> None:
        """Open an index.

        Args:
            file: its path, or its content.

        Raises:
            OSError: if it cannot be opened.
        """
        self._file = pq.ParquetFile(BytesIO(file) if isinstance(file, bytes) else file)
        metadata = self._file.metadata
        self.category_names = frozenset(json.loads(metadata.metadata[_CATEGORY_NAMES.encode()]))
        lengths = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
        self._starts = list(accumulate(lengths, initial=0))
        self._loaded: tuple[int, list[IndexedImage]] | None = None
        # A shuffled stream of `datasets` reads its shards in threads, and `ParquetFile` is for one thread at a time.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of images."""
        return self._starts[-1]

    def images(self, start: int = 0, count: int | None = None) -> Iterator[IndexedImage]:
        """Yield a range of images in order, by default all."""
        stop = len(self) if count is None else start + count
        for number in self._groups(start, stop):
            first = self._starts[number]
            yield from self._load(number)[max(start - first, 0) : stop - first]

    def cut(self, start: int, count: int) -> bytes:
        """Return the content of an index of a range of the images alone."""
        groups, content = self._groups(start, start + count), BytesIO()
        with self._lock:
            table = self._file.read_row_groups(groups, use_threads=False)
        images = table.slice(start - self._starts[groups[0]], count)
        pq.write_table(images, content, ROW_GROUP_IMAGES, **_AS_STORED)
        return content.getvalue()

    def _groups(self, start: int, stop: int) -> list[int]:
        """Return the row groups that have images of a range."""
        bounds = enumerate(zip(self._starts, self._starts[1:], strict=False))
        return [number for number, (first, end) in bounds if first < stop and start < end]

    def _load(self, number: int) -> list[IndexedImage]:
        with self._lock:
            if self._loaded is None or self._loaded[0] != number:
                self._loaded = None
                self._loaded = number, _from_table(self._file.read_row_group(number, use_threads=False))
            return self._loaded[1]


def _from_table(table: pa.Table) -> list[IndexedImage]:
    (lists,) = table["targets"].chunks
    # Column by column: rows as dicts would take twice the time.
    category, box, whole, corners = (column.to_pylist() for column in lists.flatten().flatten())
    targets = map(Target, category, map(tuple, box), whole, (eight and tuple(eight) for eight in corners))
    of_image = (tuple(islice(targets, number)) for number in lists.value_lengths().to_pylist())
    plain: list[Any] = [table[name].to_pylist() for name in ("image_id", "file_name", "width", "height")]
    left_out = (tuple((box["category"], tuple(box["box"])) for box in boxes) for boxes in table["left_out"].to_pylist())
    return list(map(IndexedImage, map(AnnotatedImage, *plain, of_image, left_out), table["bytes"].to_pylist()))
