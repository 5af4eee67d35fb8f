"""Examples of the live builder: the records of a shard, with images by path if they are files."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from builders.core.errors import SARChatError
from builders.core.schema import CORNERS, scenario
from builders.corpus.image_check import check_image
from builders.corpus.image_index import ImageIndex, IndexWriter
from builders.corpus.info import CorpusInfo
from builders.corpus.location import Location
from builders.corpus.sardet import Corpus, open_corpus
from builders.corpus.source import join
from builders.corpus.targets import AnnotatedImage
from builders.tasks.record import Record
from builders.tasks.registry import count_records, generate_records
from builders.tasks.templating import Chooser

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
        return OpenSplit(corpus, corpus.image_folder(split), _open_index(corpus, split, Path(cache)))
    scratch = tempfile.mkdtemp(prefix="sarchat-")
    try:
        opened = OpenSplit(corpus, corpus.image_folder(split), _open_index(corpus, split, Path(scratch)))
    except BaseException:
        shutil.rmtree(scratch)
        raise
    weakref.finalize(opened, shutil.rmtree, scratch, ignore_errors=True)
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
        with IndexWriter(partial, annotations.category_names) as index:
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


def generate_examples(
    location: str | Location, stamp: str, split: str, seed: int, shards: Sequence[Shard], cache: str | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the examples of the given shards, each with its id as key.

    Args:
        location: the corpus's path or URL.
        stamp: its stamp.
        split: the split.
        seed: chooses the wordings.
        shards: the shards to generate, in order.
        cache: see `open_split`.

    Yields:
        Key and example; the columns are those of `sarchat_dataset.FEATURES`.

    Raises:
        SARChatError: if an image is missing or cannot be read, or as in `open_split`.
    """
    opened = open_split(location, stamp, split, cache)
    total = len(opened.index)
    chooser = Chooser(seed, opened.corpus.info)
    for shard in shards:
        start, stop = (number * total // shard.count for number in (shard.index, shard.index + 1))
        for image in opened.images(start, stop - start):
            if count_records(shard.task, image):
                reference = _refer_to_image(opened.corpus, join(opened.folder, image.file_name), image)
                for record in generate_records(shard.task, split, image, chooser):
                    yield record.id, make_example(record, shard.task, image, reference, opened.corpus.info)


def make_example(
    record: Record, task: str, image: AnnotatedImage, reference: object, info: CorpusInfo
) -> dict[str, Any]:
    """Return a record in the data set's columns."""
    corners = {CORNERS: [list(target.corners or ()) for target in record.targets]} if info.oriented else {}
    return {
        "id": record.id,
        "image": reference,
        "file_name": image.file_name,
        "image_id": image.image_id,
        "width": image.width,
        "height": image.height,
        "task": task,
        "scenario": scenario(len(image.targets)),
        "messages": [
            {"role": "user", "content": record.question},
            {"role": "assistant", "content": record.answer},
        ],
        "objects": {
            "bbox": [target.bbox for target in record.targets],
            "category": [target.category for target in record.targets],
            **corners,
        },
    }


def _refer_to_image(corpus: Corpus, relative: str, image: AnnotatedImage) -> str | dict[str, Any]:
    """Return an image's path if it is a local file, so that caches contain no copy; otherwise its bytes."""
    name = corpus.source.show(relative)
    if not corpus.source.is_local_folder:
        content = corpus.source.read(relative)
        check_image(io.BytesIO(content), image, name, decode=False)
        return {"path": image.file_name, "bytes": content}
    # Opening a pipe would block.
    if not os.path.isfile(corpus.source.path(relative)):
        raise SARChatError(f"image missing: {name}; complete the corpus")
    corpus.source.check_links(relative)
    with open(corpus.source.path(relative), "rb") as stream:
        check_image(stream, image, name, decode=False)
    # A plain path: with a dict, `datasets` would look up the path on disk again for every record.
    return corpus.source.path(relative)
