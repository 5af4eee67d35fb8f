"""Tables of the live builder: the records of a shard, with images by path if they are files."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import pyarrow as pa
from filelock import FileLock

from builders.core.atomic import scratch_folder
from builders.core.errors import SARChatError
from builders.core.processes import without_cycles
from builders.core.schema import IDENTIFICATIONS
from builders.corpus.corpus import Corpus, Location, open_corpus
from builders.corpus.image_check import check_image
from builders.corpus.image_index import ImageIndex, IndexWriter
from builders.corpus.reading_ahead import read_ahead
from builders.corpus.source import Source, join
from builders.corpus.targets import AnnotatedImage
from builders.data.row_group import RowGroup, RowGroups, StoredImage
from builders.tasks.registry import count_records, generate_records
from builders.tasks.templating import Chooser

# Yields for each of some images how rows store it.
Store = Callable[[Sequence[AnnotatedImage]], Generator[StoredImage, None, None]]
# The limits of a table, which is in memory with each row's copy of its image.
MOST_ROWS = 10_000
MOST_BYTES = 20_000_000
# Enough for all processes or workers of a machine, few enough that opening each shard costs little.
SHARDS_PER_TASK = 64


@dataclass(frozen=True)
class Shard:
    """A range of a split's images for one task: part `index` of `count` equal parts."""

    task: str
    index: int
    count: int


def plan_shards(tasks: Sequence[str]) -> list[Shard]:
    """Divide each task into shards, in the order of the records."""
    return [Shard(task, index, SHARDS_PER_TASK) for task in tasks for index in range(SHARDS_PER_TASK)]


@dataclass(frozen=True)
class OpenSplit:
    """An opened split: the corpus, its image folder and the index of its images."""

    corpus: Corpus
    folder: str
    index: ImageIndex

    def images(self, start: int = 0, count: int | None = None) -> Iterator[AnnotatedImage]:
        """Yield a range of the images in order, by default all."""
        return (image for image, _ in self.index.images(start, count))


@lru_cache(maxsize=3)
def open_split(location: str | Location, stamp: str, split: str, cache: str | None = None) -> OpenSplit:
    """Open a corpus and the index of a split's images, once per process for all shards.

    Args:
        location: the corpus's path or URL.
        stamp: its stamp as it was planned with.
        split: the split to read.
        cache: a folder that has the index, or will have it: it is written by the first process that needs it. By
            default, this process writes one of its own, which is removed when it ends.

    Raises:
        SARChatError: if the corpus does not exist, is wrong, or has changed since.
    """
    corpus = open_corpus(location, stamp)
    if cache is not None:
        return OpenSplit(corpus, corpus.folders[split], _open_index(corpus, split, Path(cache)))
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        opened = OpenSplit(corpus, corpus.folders[split], _open_index(corpus, split, scratch))
        weakref.finalize(opened, stack.pop_all().close)
    return opened


def _open_index(corpus: Corpus, split: str, folder: Path) -> ImageIndex:
    path = folder / f"{split}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{split}.lock"):
            # Another process may have written it meanwhile.
            if not path.exists():
                _write_index(corpus, split, path)
    return ImageIndex(str(path))


def _write_index(corpus: Corpus, split: str, path: Path) -> None:
    partial = path.with_suffix(".partial")
    with corpus.annotations(split) as annotations:
        # Listing a remote folder for the sizes would delay the first record.
        with IndexWriter(partial, annotations.table.category_names()) as index:
            for image in annotations.images():
                index.add(image, None)
    partial.replace(path)


def check_live_choices(location: str | Location, stamp: str, splits: Sequence[str], cache: str | None = None) -> None:
    """Refuse a rename or a category to leave out that no split has; further arguments and errors as in `open_split`."""
    opened = [open_split(location, stamp, split, cache) for split in splits]
    if opened:
        opened[0].corpus.check_choices(split.index.category_names for split in opened)


def has_records(location: str | Location, stamp: str, split: str, task: str, cache: str | None = None) -> bool:
    """Return whether a task has any record in a split; arguments and errors as in `open_split`."""
    return any(count_records(task, image) for image in open_split(location, stamp, split, cache).images())


def generate_groups(
    opened: OpenSplit,
    split: str,
    chooser: Chooser,
    shards: Iterable[Shard],
    store: Store,
    first_rows: int | None = None,
) -> Iterator[RowGroup]:
    """Yield the records of the given shards, in order.

    Args:
        opened: the split.
        split: its name.
        chooser: chooses the wordings.
        shards: the shards to generate.
        store: yields for each of a list of images how rows store it.
        first_rows: the most rows of the first group of a shard, see `RowGroups`.
    """
    info, total = chooser.info, len(opened.index)
    for shard in shards:
        start, stop = (number * total // shard.count for number in (shard.index, shard.index + 1))
        groups = RowGroups(shard.task, MOST_ROWS, MOST_BYTES, first_rows, oriented=info.oriented)
        counted = [(image, count_records(shard.task, image)) for image in opened.images(start, stop - start)]
        with_records = [(image, number) for image, number in counted if number]
        with closing(store([image for image, _ in with_records])) as all_stored:
            for (image, number), stored in zip(with_records, all_stored, strict=True):
                yield from groups.add(image, stored, number, generate_records(shard.task, split, image, chooser))
        yield from groups.rest()


def generate_tables(
    location: str | Location,
    stamp: str,
    split: str,
    seed: int,
    shards: Iterable[Shard],
    cache: str | None = None,
    *,
    is_streaming: bool = False,
    identifications: int = IDENTIFICATIONS,
) -> Iterator[pa.Table]:
    """Yield the records of the given shards in the columns of a build, whose repeated values are dictionary-encoded.

    Args:
        location: the corpus's path or URL.
        stamp: its stamp.
        split: the split.
        seed: chooses the wordings.
        shards: the shards to generate, in order.
        cache: see `open_split`.
        is_streaming: whether to begin each shard with small tables, since its first record is waited for.
        identifications: the most identifications that a dialogue has.

    Raises:
        SARChatError: if an image is missing or cannot be read, or as in `open_split`.
    """
    opened = open_split(location, stamp, split, cache)
    source = opened.corpus.source
    store = partial(_store_images, source, opened.folder)
    chooser = Chooser(seed, opened.corpus.info, identifications)
    # Small tables take longer. The images of this machine are read at once.
    first_rows = (1 if "://" in source.location else 100) if is_streaming else None
    groups = generate_groups(opened, split, chooser, shards, store, first_rows)
    yield from without_cycles(group.to_table() for group in groups)


def _store_images(source: Source, folder: str, images: Sequence[AnnotatedImage]) -> Generator[StoredImage, None, None]:
    """Yield images by path if they are local files, so that caches contain no copy; otherwise with their bytes."""
    files = [(join(folder, image.file_name), None) for image in images]
    if source.is_local_folder:
        yield from (_refer_to_file(source, path, image) for (path, _), image in zip(files, images, strict=True))
        return
    with closing(read_ahead(source, files)) as contents:
        for image, (path, _), content in zip(images, files, contents, strict=True):
            check_image(io.BytesIO(content), image, source.show(path), decode=False)
            yield StoredImage(content, image.file_name, image.file_name.encode())


def _refer_to_file(source: Source, relative: str, image: AnnotatedImage) -> StoredImage:
    name, path = source.show(relative), source.path(relative)
    # Opening a pipe would block.
    if not os.path.isfile(path):
        raise SARChatError(f"image missing: {name}; complete the corpus")
    source.check_links(relative)
    with open(path, "rb") as stream:
        check_image(stream, image, name, decode=False)
    return StoredImage(None, path)
