"""Records to Arrow tables, one per row group, with repeated values stored once: the build's and the live builder's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from builders.core.errors import SARChatError
from builders.core.schema import CORNERS, scenario
from builders.corpus.targets import AnnotatedImage
from builders.tasks.record import Record

# The size of a row in Arrow without its texts and its image: numbers, offsets of texts and lists, the two roles.
_FIXED_BYTES = 85
# The size of a further turn without its texts: their offsets, the two roles.
_TURN_BYTES = 29
# Four corners and a category.
_TARGET_BYTES = 40
# The four corners of an oriented one.
_ORIENTED_BYTES = 64
# The approximate size of a row without its image. A row of an image with hundreds of targets may exceed it.
_TEXT_BYTES = 800

# Stored after every image, where no row refers to it, so readers never see it. Xet, the Hub's storage, ends a chunk
# after these 64 bytes, as their gear hash has 16 zeros on top (https://huggingface.co/docs/xet/chunking). So an image
# gives the same chunks in every task and build, whatever stands before and after it, and the Hub stores it once.
CHUNK_END = b"SARChat: an image ends here, so that Xet starts a new chunk. jcl"


class StoredImage(NamedTuple):
    """An image as stored in a record.

    Attributes:
        content: its bytes, or `None` if only its path is stored.
        path: its file name, or its local path.
        key: what no image of other bytes has.
        in_all_tasks: whether each task of the shard has a record of it.
    """

    content: bytes | None
    path: str
    key: bytes = b""
    in_all_tasks: bool = True


class RowGroup:
    """Rows collected for one row group of one task.

    Attributes:
        rows: the number of rows.
        dense_bytes: their size when read back, each row with its own copy of its image.
    """

    def __init__(self, task: str, *, oriented: bool = False) -> None:
        """Create an empty row group; of oriented boxes, it has the corners too."""
        self._oriented = oriented
        self._eights: list[float] = []
        self._of_target = _TARGET_BYTES + _ORIENTED_BYTES * oriented
        self.task = task
        self.rows = 0
        self.dense_bytes = 0
        self._images: list[AnnotatedImage] = []
        self._stored: list[StoredImage] = []
        self._image_of_row: list[int] = []
        self._ids: list[str] = []
        self._contents: list[str] = []
        self._corners: list[float] = []
        self._categories: list[int] = []
        self._targets_of_row: list[int] = []
        self._messages_of_row: list[int] = []

    def extend(self, image: AnnotatedImage, stored: StoredImage, records: Sequence[Record]) -> None:
        """Add records of an image."""
        self._image_of_row += [len(self._images)] * len(records)
        self._images.append(image)
        self._stored.append(stored)
        characters = corners = 0
        for record_id, question, answer, targets, further in records:
            self._ids.append(record_id)
            self._contents += (question, answer)
            self._messages_of_row.append(2 + 2 * len(further))
            for turn in further:
                self._contents += turn
                characters += _TURN_BYTES + sum(map(len, turn))
            self._targets_of_row.append(len(targets))
            characters += len(record_id) + len(question) + len(answer)
            corners += len(targets)
            for category, box, _, eight in targets:
                self._corners += box
                self._categories.append(category)
                if self._oriented:
                    self._eights += eight or ()
        self.rows += len(records)
        repeated = (stored.content or b"", stored.path, image.file_name, self.task, scenario(len(image.targets)))
        for_each = _FIXED_BYTES + sum(map(len, repeated))
        self.dense_bytes += len(records) * for_each + characters + self._of_target * corners

    def to_table(self) -> pa.Table:
        """Return the rows as a table, with repeated values dictionary-encoded.

        Raises:
            SARChatError: if two rows have one id.
        """
        if len(set(self._ids)) < self.rows:
            twice = next(name for name, number in Counter(self._ids).items() if number > 1)
            raise SARChatError(
                f"two records have the id {twice}; the module of task {self.task} must give each its own"
            )
        image_of_row = np.asarray(self._image_of_row, np.int32)
        corners = np.asarray(self._corners, np.float64).reshape(-1, 4)
        # The same subtraction as in `Target.bbox`, so that live and built records have the same numbers.
        bbox = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        targets = np.asarray(self._targets_of_row, np.int32)

        def by_image(values: list, kind: pa.DataType) -> pa.DictionaryArray:
            return pa.DictionaryArray.from_arrays(pa.array(image_of_row), pa.array(values, kind))

        def numbers(values: list[int], kind: type) -> pa.Array:
            return pa.array(np.asarray(values, kind)[image_of_row])

        objects = {
            "bbox": _lists(_lists(pa.array(bbox.ravel()), np.full(len(bbox), 4, np.int32)), targets),
            "category": _lists(pa.array(np.asarray(self._categories, np.int64)), targets),
        }
        if self._oriented:
            eights = pa.array(np.asarray(self._eights, np.float64))
            objects[CORNERS] = _lists(_lists(eights, np.full(len(bbox), 8, np.int32)), targets)
        scenarios = [scenario(len(image.targets)) for image in self._images]
        columns = [
            self._image_bytes(image_of_row),
            by_image([stored.path for stored in self._stored], pa.string()),
        ]
        return pa.table(
            {
                "id": pa.array(self._ids, pa.string()),
                "image": pa.StructArray.from_arrays(columns, names=["bytes", "path"]),
                "file_name": by_image([image.file_name for image in self._images], pa.string()),
                "image_id": numbers([image.image_id for image in self._images], np.int64),
                "width": numbers([image.width for image in self._images], np.int32),
                "height": numbers([image.height for image in self._images], np.int32),
                "task": _constant(self.task, self.rows),
                "scenario": by_image(scenarios, pa.string()).cast(pa.string()),
                "messages": self._messages(),
                "objects": pa.StructArray.from_arrays([*objects.values()], names=[*objects]),
            }
        )

    def _image_bytes(self, image_of_row: np.ndarray) -> pa.Array:
        """Return the images' bytes, each image once, between two ends of chunks; nulls if only paths are stored.

        Xet's client reuses no short runs of chunks. So the images that each task has come first: a task that lacks the
        others has long runs in common with the rest, too.
        """
        values = [CHUNK_END]
        # Parquet writes a dictionary with a repeated value as plain rows, so neither images nor ends may repeat.
        place_of: dict[bytes, int] = {}
        for content, _, key, _ in sorted(self._stored, key=lambda stored: not stored.in_all_tasks):
            # All or none: a build embeds either all images or none.
            if content is None:
                return pa.nulls(self.rows, pa.binary())
            if key not in place_of:
                place_of[key] = len(values)
                values += (content, key + CHUNK_END)
        places = [place_of[stored.key] for stored in self._stored]
        indices = np.asarray(places, np.int32)[image_of_row]
        return pa.DictionaryArray.from_arrays(pa.array(indices), _binary(values))

    def _messages(self) -> pa.ListArray:
        speaker = np.tile(np.asarray([0, 1], np.int8), len(self._contents) // 2)
        role = pa.DictionaryArray.from_arrays(pa.array(speaker), pa.array(["user", "assistant"]))
        turns = pa.StructArray.from_arrays([role, pa.array(self._contents, pa.string())], names=["role", "content"])
        return _lists(turns, np.asarray(self._messages_of_row, np.int32))


def decode(table: pa.Table) -> pa.Table:
    """Return a table in which no value is dictionary-encoded."""
    return table.cast(pa.schema([(field.name, _decoded(field.type)) for field in table.schema]))


def _decoded(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_decoded(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _decoded(field.type)) for field in kind])
    return kind.value_type if pa.types.is_dictionary(kind) else kind


class RowGroups:
    """Divides the records of one task into row groups.

    They end between two images if possible, so that each image is stored once.
    """

    def __init__(
        self, task: str, most_rows: int, most_bytes: int, first_rows: int | None = None, *, oriented: bool = False
    ) -> None:
        """Set the limits.

        Args:
            task: the task.
            most_rows: the most rows of a group.
            most_bytes: their approximate size when read back, each row with its own copy of its image.
            first_rows: the most rows of the first group if it is not to be waited for; each further one may have twice
                as many.
            oriented: see `RowGroup`.
        """
        self._new = partial(RowGroup, task, oriented=oriented)
        self._group = self._new()
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._rows = first_rows or most_rows

    def add(
        self, image: AnnotatedImage, stored: StoredImage, number: int, records: Iterator[Record]
    ) -> Iterator[RowGroup]:
        """Add an image's records.

        Args:
            image: the image.
            stored: the image as rows store it.
            number: the number of records.
            records: the records; only those of one row group are in memory at a time.

        Yields:
            The groups that are full.
        """
        if not number:
            return
        # The images determine the size of a row group; texts add little.
        row = len(stored.content or b"") + _TEXT_BYTES
        group = self._group
        if group.rows and (group.rows + number > self._rows or group.dense_bytes + number * row > self._most_bytes):
            yield self._take()
        most = max(1, min(self._most_rows, self._most_bytes // row))
        self._group.extend(image, stored, list(islice(records, most)))
        while part := list(islice(records, most)):
            yield self._take()
            self._group.extend(image, stored, part)
        # Not only when the next image is there, which may be read first.
        if self._group.rows >= self._rows:
            yield self._take()

    def rest(self) -> Iterator[RowGroup]:
        """Yield the group that is not full, if it has any rows."""
        if self._group.rows:
            yield self._take()

    def _take(self) -> RowGroup:
        group, self._group = self._group, self._new()
        self._rows = min(2 * self._rows, self._most_rows)
        return group


def _binary(values: Sequence[bytes]) -> pa.Array:
    """Return the values as an array, each copied once: Arrow's own conversion moves them again as it grows."""
    offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
    content = pa.allocate_buffer(int(offsets[-1]))
    with memoryview(content).cast("B") as view:
        for start, value in zip(offsets.tolist(), values, strict=False):
            view[start : start + len(value)] = value
    return pa.Array.from_buffers(pa.binary(), len(values), [None, pa.py_buffer(offsets), content])


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([value]))


def _lists(values: pa.Array, lengths: np.ndarray) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int32)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
