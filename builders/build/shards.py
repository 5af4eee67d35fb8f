"""A run of a split's images to its Parquet files: one a task, made in one pass over the images."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from builders.build.columns import Picture, RowGroup
from builders.corpus.image_check import check_picture
from builders.corpus.sardet import open_corpus
from builders.corpus.targets import AnnotatedImage
from builders.folder.shard_file import ShardFile
from builders.records.record import Record
from builders.records.tasks import generate_records
from builders.records.wording import Chooser

# `datasets` reads a whole row group at a time, each row with its own copy of its image: it must stay under 128 MB.
ROW_GROUP_DENSE_BYTES = 100_000_000
ROW_GROUP_ROWS = 20_000
# About what a row takes beside its image. An image with hundreds of targets may pass it, in one row of a group.
_TEXT_BYTES = 800
# A shard stays under 500 MB; what is left over is for texts and for images that two row groups share.
SHARD_IMAGE_BYTES = 400_000_000
# Enough for a worker to be busy with; few enough that workers end together.
SHARD_RECORDS = 100_000


class ShardJob(NamedTuple):
    """What a worker is to do: the records of some images, one file a task.

    Attributes:
        location: the corpus's path or URL.
        fingerprint: the corpus's.
        tasks: the tasks.
        seed: chooses the wordings.
        embed: store the images' bytes, or only their paths.
        decode: decode every image, to find a damaged one.
        out: the folder that takes `TASK/SPLIT-NUMBER.parquet`.
        folder: where the images are, from the corpus's top.
        split: the split.
        number: the shard's number in its split.
        images: the images, in order.
    """

    location: str
    fingerprint: str
    tasks: Sequence[str]
    seed: int
    embed: bool
    decode: bool
    out: Path
    folder: str = ""
    split: str = ""
    number: int = 0
    images: Sequence[AnnotatedImage] = ()


def cut_into_shards(
    images: Sequence[AnnotatedImage], sizes: dict[str, int] | None
) -> Iterator[Sequence[AnnotatedImage]]:
    """Cut a split's images into the runs that make one shard each; the same runs on every machine.

    Args:
        images: the split's images, in order.
        sizes: each image's bytes by file name, or `None` if images are not embedded.
    """
    start, taken, records = 0, 0, 0
    for index, image in enumerate(images):
        pairs = len(image.targets) ** 2
        size = sizes[image.file_name] if sizes else 0
        # An image with so many records that they fill several row groups is stored once in each.
        stored = size * math.ceil(pairs * size / ROW_GROUP_DENSE_BYTES) if size else 0
        if index > start and (taken + stored > SHARD_IMAGE_BYTES or records + pairs > SHARD_RECORDS):
            yield images[start:index]
            start, taken, records = index, 0, 0
        taken += stored
        records += pairs
    if start < len(images):
        yield images[start:]


def write_shard(job: ShardJob, advance: Callable[[int], object] = lambda images: None) -> list[ShardFile]:
    """Write a shard of every task; an image is read once for all of them, and let go after its records.

    Args:
        job: what to write.
        advance: told the number of images done since it was told last.

    Returns:
        The files, one a task that has records.

    Raises:
        SARChatError: an image is missing, damaged, or not of the size that its annotation says.
        OSError: writing failed; the disk may be full.
    """
    writers = {task: _TaskWriter(task, job) for task in job.tasks}
    try:
        _write_images(job, writers, advance)
        return [file for writer in writers.values() if (file := writer.finish())]
    except BaseException:
        for writer in writers.values():
            writer.abandon()
        raise


def _write_images(job: ShardJob, writers: Mapping[str, _TaskWriter], advance: Callable[[int], object]) -> None:
    source = open_corpus(job.location, job.fingerprint).source
    chooser = Chooser(job.seed)
    for image in job.images:
        relative = f"{job.folder}/{image.file_name}"
        content = source.read(relative) if job.embed else None
        with open(source.path(relative), "rb") if content is None else io.BytesIO(content) as stream:
            check_picture(stream, image, source.show(relative), decode=job.decode)
        picture = Picture(content, image.file_name) if job.embed else Picture(None, source.path(relative))
        for task, writer in writers.items():
            writer.write(image, picture, list(generate_records(task, job.split, image, chooser)))
        advance(1)


class _TaskWriter:
    """Writes one task's records of a shard, row group by row group; opens no file before the first."""

    def __init__(self, task: str, job: ShardJob) -> None:
        self._job = job
        self._task = task
        self._path = job.out / task / f"{job.split}-{job.number:05d}.parquet"
        self._group = RowGroup(task)
        self._writer: pq.ParquetWriter | None = None
        self._sink: _HashingSink | None = None
        self._rows = 0
        self._dense_bytes = 0

    def write(self, image: AnnotatedImage, picture: Picture, records: Sequence[Record]) -> None:
        """Add an image's records. A row group ends between two images if it can, so that both need one copy."""
        if not records:
            return
        # What its images take decides how large a row group is; texts are a little on top.
        row = len(picture.content or b"") + _TEXT_BYTES
        most = max(1, min(ROW_GROUP_ROWS, ROW_GROUP_DENSE_BYTES // row))
        rows, taken = self._group.rows + len(records), self._group.dense_bytes + len(records) * row
        if self._group.rows and (rows > ROW_GROUP_ROWS or taken > ROW_GROUP_DENSE_BYTES):
            self._flush()
        for start in range(0, len(records), most):
            if start:
                self._flush()
            self._group.extend(image, picture, records[start : start + most])

    def finish(self) -> ShardFile | None:
        """Close the file; return what it holds, or `None` if there was no record."""
        if self._group.rows:
            self._flush()
        if self._writer is None or self._sink is None:
            return None
        self._writer.close()
        self._sink.close()
        return ShardFile(
            self._task,
            self._job.split,
            self._job.number,
            self._path,
            self._rows,
            self._dense_bytes,
            self._path.stat().st_size,
            self._sink.hexdigest(),
        )

    def abandon(self) -> None:
        """Let go of the file after a failure; it is about to be removed."""
        if self._writer is not None:
            # Else it would write its footer once it is collected.
            self._writer.is_open = False
        if self._sink is not None:
            # On a full disk, what is still in the buffer finds no room; that was told already.
            with suppress(OSError):
                self._sink.close()

    def _flush(self) -> None:
        table = self._group.to_table()
        if self._writer is None:
            self._path.parent.mkdir(exist_ok=True)
            self._sink = _HashingSink(open(self._path, "xb"))
            self._writer = pq.ParquetWriter(
                pa.PythonFile(self._sink, mode="w"),
                table.schema,
                compression="zstd",
                # Everything but ids and texts repeats; those two would fill a dictionary in vain.
                use_dictionary=_DICTIONARY_COLUMNS,
                dictionary_pagesize_limit=2**30,
                write_statistics=["id", "image_id"],
                # `datasets` takes the features from the card; a schema inside would bind readers to its version.
                store_schema=False,
            )
        self._writer.write_table(table, row_group_size=self._group.rows)
        self._rows += self._group.rows
        self._dense_bytes += self._group.dense_bytes
        self._group = RowGroup(self._task)


_DICTIONARY_COLUMNS = [
    "image.bytes",
    "image.path",
    "file_name",
    "image_id",
    "width",
    "height",
    "task",
    "scenario",
    "messages.list.element.role",
    "objects.bbox.list.element.list.element",
    "objects.category.list.element",
]


class _HashingSink(io.RawIOBase):
    """A file for writing that hashes on the way, so that it need not be read again for its sum."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._stream.write(data)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            super().close()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
