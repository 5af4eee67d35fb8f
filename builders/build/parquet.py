"""Writing the records of a range of images to Parquet: one file per task, in one pass over the images."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builders.build import plan
from builders.build.plan import ShardJob
from builders.core.checksums import hash_file
from builders.core.errors import SARChatError
from builders.core.schema import CORNERS
from builders.corpus.corpus import Corpus, open_corpus
from builders.corpus.image_check import check_image
from builders.corpus.info import CorpusInfo
from builders.corpus.reading_ahead import read_ahead
from builders.corpus.source import join
from builders.corpus.targets import AnnotatedImage
from builders.data.columns import features_metadata
from builders.data.reader import ParquetFile
from builders.data.row_group import RowGroup, RowGroups, StoredImage
from builders.tasks.record import Record
from builders.tasks.registry import count_records, generate_records
from builders.tasks.templating import Chooser

SHARE_OUT = "workers on other machines need an --out in a folder that all of them share, or in object storage"


def write_shard(job: ShardJob, advance: Callable[[int], object] = lambda images: None) -> list[ParquetFile]:
    """Write a shard of every task; an image is read once for all of them, and freed after its records.

    Args:
        job: what to write.
        advance: called with the number of images done since its last call.

    Returns:
        The files, one per task that has records.

    Raises:
        SARChatError: if an image is missing, damaged, or differs from the size in its annotation, or the folder to
            write into does not exist.
        OSError: if writing fails, for example on a full disk.
    """
    for folder in {path.parent.parent for path in job.paths.values()}:
        if not folder.is_dir():
            raise SARChatError(f"{folder} does not exist; {SHARE_OUT}")
    corpus = open_corpus(job.location, job.stamp)
    writers = {task: _TaskWriter(task, job.split, path, corpus.info) for task, path in job.paths.items()}
    try:
        _write_images(job, corpus, writers, advance)
        return [writer.finish() for writer in writers.values()]
    except BaseException:
        for writer in writers.values():
            writer.abandon()
        raise


def _write_images(
    job: ShardJob, corpus: Corpus, writers: Mapping[str, _TaskWriter], advance: Callable[[int], object]
) -> None:
    source, options, wordings = corpus.source, job.options, job.options.wordings.get(job.split, 1)
    chooser = Chooser(options.seed, corpus.info, options.identifications)
    images = list(job.images())
    files = [(join(job.folder, image.file_name), size) for image, size in images]
    with closing(read_ahead(source, files) if options.embed else _read_nothing(files)) as contents:
        for (image, _), (relative, _), content in zip(images, files, contents, strict=True):
            with open(source.path(relative), "rb") if content is None else io.BytesIO(content) as stream:
                check_image(stream, image, source.show(relative), decode=options.check_images)
            numbers = {task: wordings * count_records(task, image) for task in job.tasks}
            path = image.file_name if content is not None else f"{job.images_at}/{image.file_name}"
            digest = hashlib.blake2b(content or b"", digest_size=16).digest()
            stored = StoredImage(content, path, digest, all(numbers.values()))
            for task, writer in writers.items():
                records = generate_records(task, job.split, image, chooser, wordings)
                writer.write(image, stored, numbers[task], records)
            advance(1)


def _read_nothing(files: Sequence[tuple[str, int | None]]) -> Generator[None, None, None]:
    """Yield `None` for each image: only its path is stored."""
    yield from [None] * len(files)


class _TaskWriter:
    """Writes one task's records of a shard by row groups; the file is opened with the first one."""

    def __init__(self, task: str, split: str, path: Path, info: CorpusInfo) -> None:
        self._info = info
        self._task = task
        self._split = split
        self._path = path
        self._groups = RowGroups(task, plan.ROW_GROUP_ROWS, plan.ROW_GROUP_DENSE_BYTES, oriented=info.oriented)
        self._writer: pq.ParquetWriter | None = None
        self._sink: pa.NativeFile | None = None
        self._rows = 0
        self._dense_bytes = 0

    def write(self, image: AnnotatedImage, stored: StoredImage, number: int, records: Iterator[Record]) -> None:
        """Add an image's records, see `RowGroups.add`."""
        for group in self._groups.add(image, stored, number, records):
            self._write_group(group)

    def finish(self) -> ParquetFile:
        """Close the file and return its description."""
        for group in self._groups.rest():
            self._write_group(group)
        if self._writer is None or self._sink is None:
            raise RuntimeError(f"{self._path}: planned for records that were not generated")
        self._writer.close()
        self._sink.close()
        return ParquetFile(
            self._task,
            self._split,
            self._path,
            self._rows,
            self._dense_bytes,
            self._path.stat().st_size,
            hash_file(self._path, hashlib.sha256),
        )

    def abandon(self) -> None:
        """Abandon the file after a failure; it is about to be removed."""
        if self._writer is not None:
            # Otherwise it would write its footer when it is garbage-collected.
            self._writer.is_open = False
        if self._sink is not None:
            # On a full disk, flushing the buffer fails again; the first error is already raised.
            with suppress(OSError):
                self._sink.close()

    def _write_group(self, group: RowGroup) -> None:
        table = group.to_table()
        if self._writer is None:
            self._path.parent.mkdir(exist_ok=True)
            # A worker that was lost may have left a part of the file, and if it still runs, it writes the same bytes.
            # Arrow's own file: one of Python costs a copy of every page.
            self._sink = pa.OSFile(str(self._path), "wb")
            self._writer = pq.ParquetWriter(
                self._sink,
                table.schema,
                compression=_COMPRESSION,
                # All values except ids and texts repeat; a dictionary of those two would be useless.
                use_dictionary=_DICTIONARY_COLUMNS,
                dictionary_pagesize_limit=2**30,
                write_statistics=["id", "image_id"],
                # It would depend on the version of Arrow; the features below do not.
                store_schema=False,
            )
            self._writer.add_key_value_metadata(features_metadata(table.schema, {"objects.category": self._info.names}))
        self._writer.write_table(table, row_group_size=group.rows)
        self._rows += group.rows
        self._dense_bytes += group.dense_bytes


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
    f"objects.{CORNERS}.list.element.list.element",
]
# Compressed, an image would give other bytes in each task, and the Hub would store it six times.
_COMPRESSION = {
    **dict.fromkeys([*_DICTIONARY_COLUMNS, "id", "messages.list.element.content"], "zstd"),
    "image.bytes": "none",
}
