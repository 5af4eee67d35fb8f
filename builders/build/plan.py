"""The plan of a build: which images go into which files, determined before any image is read."""

from __future__ import annotations

import logging
import math
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from builders.build.options import BuildOptions
from builders.core.checksums import hash_text
from builders.core.errors import SARChatError
from builders.core.schema import DATA_VERSION, PACKAGE, SPLITS, fewest_records_first, package_version
from builders.corpus.corpus import Corpus, Location
from builders.corpus.image_index import ImageIndex, IndexedImage, IndexWriter
from builders.corpus.labels import Annotations
from builders.corpus.reading_ahead import SizeOf, looking_up_sizes
from builders.corpus.source import join
from builders.corpus.targets import CLIPPED, DROP_REASONS, KEPT, ORIENTED, AnnotatedImage
from builders.tasks.registry import count_records

_LOG = logging.getLogger(__name__)
# `datasets` reads a whole row group at a time, each row with its own copy of its image: it must stay under 128 MB.
ROW_GROUP_DENSE_BYTES = 100_000_000
ROW_GROUP_ROWS = 20_000
# A file stays under 500 MB; the remainder is for texts and for images that two row groups share.
SHARD_IMAGE_BYTES = 400_000_000
# Large enough to keep a worker busy, small enough that workers finish at about the same time.
SHARD_RECORDS = 100_000
# The Hub advises at most 10,000 files per folder, and 100,000 per repository: six tasks have 60,000 at most.
# https://huggingface.co/docs/hub/storage-limits
FILES_PER_FOLDER = 10_000
# In the data sets at hand, fewer boxes are cut by the edge of a tile.
_CLIPPED_SHARE = 0.05


@dataclass(frozen=True)
class ShardJob:
    """The job of a worker: the records of a range of images, one file per task.

    Attributes:
        location: where the corpus is.
        stamp: the corpus's stamp, see `Corpus.stamp`.
        folder: the folder of the images, relative to the corpus's top folder.
        split: the split.
        index: the path of the split's index, see `ImageIndex`; in another process, the content of `own_index`.
        start: the place of the first image in the index.
        count: the number of images.
        paths: the file to write for each task of the job.
        tasks: all tasks with records of these images; other jobs write those of them that are not in `paths`.
        options: the options of the build.
        images_at: the folder of the images in the paths that are stored.
        with_texts: whether the card counts the texts of this split.
    """

    location: Location
    stamp: str
    folder: str
    split: str
    index: str | bytes
    start: int
    count: int
    paths: Mapping[str, Path]
    tasks: Sequence[str]
    options: BuildOptions
    images_at: str
    with_texts: bool

    @property
    def counted(self) -> int:
        """The number of images that no other job counts, though it may read them too."""
        return self.count if [*self.tasks[:1]] == [*self.paths][:1] else 0

    def images(self) -> Iterator[IndexedImage]:
        """Yield the images, in order, from the index."""
        return ImageIndex(self.index).images(self.start, self.count)

    def own_index(self) -> bytes:
        """Return the content of an index of these images alone."""
        return self.index if isinstance(self.index, bytes) else ImageIndex(self.index).cut(self.start, self.count)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the job with its images, since a worker may not reach the file of the index."""
        own = replace(self, index=self.own_index(), start=0)
        return _unpickle, (writer_versions(), pickle.dumps(vars(own)))


def _unpickle(versions: Mapping[str, str], job: bytes) -> ShardJob:
    """Return a job of another process; its versions come first, since another version may not be able to read it.

    Raises:
        SARChatError: if this process has other versions than the one that planned the build.
    """
    for name, here in writer_versions().items():
        if here != versions[name]:
            raise SARChatError(
                f"a worker has {name} {here}, but the build was planned with {versions[name]}; "
                "install the same versions on every machine"
            )
    return ShardJob(**pickle.loads(job))


def writer_versions() -> dict[str, str]:
    """Return the versions on which the bytes of the Parquet files depend."""
    return {PACKAGE: package_version(), "data": DATA_VERSION, "pyarrow": pa.__version__}


@dataclass(frozen=True)
class Plan:
    """The plan of a build.

    Attributes:
        jobs: the shards, split by split, in the order of the records.
        fingerprint: a hash of the annotations and the choices of categories, equal for a folder and a zip of it.
        source: what distinguishes the corpus from SARDet-100K, see `Corpus.describe`.
        images: the number of images with a target, by split.
        tallies: what became of the boxes of each split, see `clean`.
        without_target: the number of images left out because they have no target, by split.
        unread: what the corpus contains that is not read, see `Corpus.unread`.
    """

    jobs: Sequence[ShardJob]
    fingerprint: str
    source: Mapping[str, Any]
    images: Mapping[str, int]
    tallies: Mapping[str, Counter[str]]
    without_target: Mapping[str, int]
    unread: Sequence[str]

    def left_out(self) -> list[list[Any]]:
        """Return a table of what was left out or clipped: its header, then rows of a name and a number per split."""
        tallies = self.tallies.values()
        others = sorted(sum(tallies, Counter[str]()).keys() - {*DROP_REASONS, CLIPPED, KEPT, ORIENTED})
        boxes = [
            # A fault of labels or images says what it counts.
            [name if ": " in name else f"box: {name}", *(tally[name] for tally in tallies)]
            for name in (*DROP_REASONS, CLIPPED, *others)
        ]
        return [["left out or clipped", *self.tallies], *boxes, ["image: no target", *self.without_target.values()]]


def make_plan(
    corpus: Corpus,
    location: Location,
    out: Path,
    options: BuildOptions,
    index: Path,
    images_at: Path | None = None,
    *,
    divide: bool = True,
) -> Plan:
    """Read and check the annotations, and divide the images into shards; the memory does not grow with their number.

    Args:
        corpus: the corpus.
        location: where it is, for the workers.
        out: the folder that will take `TASK/SPLIT-00000-of-00003.parquet`.
        options: what to build.
        index: a folder that will take the index of each split, `SPLIT.parquet`, while the jobs run.
        images_at: the folder with one folder of images per split that stored paths name; the corpus's own if `None`.
        divide: whether the files of a shard may be of two jobs, which both read the images.

    Raises:
        SARChatError: if the annotations are wrong, an image is missing, there is no target, a category to rename or
            leave out does not exist, or an image has more records than `options.max_records_per_image`.
        OSError: if writing the index fails.
    """
    index.mkdir(parents=True, exist_ok=True)
    unread = corpus.warn_of_unread()
    splits = options.splits or corpus.splits
    indexed: dict[str, _IndexedSplit] = {}
    unknown: dict[str, Counter[str]] = {}
    with looking_up_sizes(corpus.source) as sizes_in:
        for split in splits:
            with corpus.annotations(split) as annotations:
                unknown |= annotations.table.unknown_categories(corpus.naming)
                # All unknown categories are named together.
                if not unknown:
                    path = index / f"{split}.parquet"
                    indexed[split] = _index_split(corpus, split, annotations, options, path, sizes_in)
    corpus.naming.refuse_unknown(unknown, corpus.source.location)
    corpus.check_choices(of_split.category_names for of_split in indexed.values())
    _warn_of_clipped(corpus, (of_split.tally for of_split in indexed.values()))
    shards = _join_small(indexed)
    # Reading the texts of all splits would take as long as writing them; the last one of the published data is small.
    filled = [split for split in SPLITS if any(shard.tasks for shard in shards.get(split, ()))]
    # Elsewhere than on this machine, an image takes longer to read than to write, so that it is read for all tasks.
    parts = _halves if divide and corpus.source.is_local_folder else _whole
    stamp = corpus.stamp()
    jobs = [
        ShardJob(
            location=location,
            stamp=stamp,
            folder=corpus.folders[split],
            split=split,
            index=str(index / f"{split}.parquet"),
            start=shard.start,
            count=shard.count,
            paths=part,
            tasks=tuple(paths),
            options=options,
            images_at=str(images_at / split) if images_at else corpus.source.path(corpus.folders[split]),
            with_texts=[split] == filled[-1:],
        )
        for split, of_split in shards.items()
        for shard, paths in zip(of_split, _name_files(out, split, of_split, options.tasks), strict=True)
        for part in parts(paths)
    ]
    if not jobs:
        raise SARChatError(f"{corpus.source.location} contains no target in {', '.join(splits)}; nothing to build")
    return Plan(
        jobs,
        _fingerprint(indexed, corpus.list_choices()),
        corpus.describe(),
        {split: sum(shard.count for shard in of_split) for split, of_split in shards.items()},
        {split: of_split.tally for split, of_split in indexed.items()},
        {split: of_split.without_target for split, of_split in indexed.items()},
        unread,
    )


def _warn_of_clipped(corpus: Corpus, tallies: Iterable[Counter[str]]) -> None:
    total = sum(tallies, Counter[str]())
    if total[CLIPPED] > _CLIPPED_SHARE * total[KEPT]:
        _LOG.warning(
            "%s: %s of %s boxes (%.0f %%) reach past an edge of their image and were clipped; check that bbox is x, y, "
            "width, height in pixels",
            *(corpus.source.location, f"{total[CLIPPED]:,}", f"{total[KEPT]:,}", 100 * total[CLIPPED] / total[KEPT]),
        )


@dataclass(slots=True)
class _Shard:
    """A range of images, the same on every machine.

    Attributes:
        start: the place of the first one in the index.
        count: their number.
        stored: their bytes in the file of the task that repeats them most.
        records: the records of the task that has the most of each.
        tasks: the tasks that have records of them.
    """

    start: int
    count: int = 0
    stored: int = 0
    records: int = 0
    tasks: set[str] = field(default_factory=set)


def _add_image(shards: list[_Shard], counts: Mapping[str, int], size: int | None) -> None:
    """Add the next image to the last shard, or to a new one if that is full.

    Args:
        shards: the shards so far.
        counts: its records by task; the task with the most records decides.
        size: its bytes; `None` if they are unknown or not embedded.
    """
    records = max(counts.values())
    # An image with so many records that they fill several row groups is stored once in each.
    stored = size * math.ceil(records * size / ROW_GROUP_DENSE_BYTES) if size else 0
    last = shards[-1] if shards else None
    if last is None or last.stored + stored > SHARD_IMAGE_BYTES or last.records + records > SHARD_RECORDS:
        shards.append(last := _Shard(last.start + last.count if last else 0))
    last.count += 1
    last.stored += stored
    last.records += records
    last.tasks.update(task for task, number in counts.items() if number)


@dataclass(frozen=True)
class _IndexedSplit:
    """What is left of a split's annotations once its index is written."""

    shards: Sequence[_Shard]
    digest: str
    category_names: frozenset[str]
    tally: Counter[str]
    without_target: int


def _index_split(
    corpus: Corpus,
    split: str,
    annotations: Annotations,
    options: BuildOptions,
    path: Path,
    sizes_in: Callable[[str], SizeOf],
) -> _IndexedSplit:
    """Write the index of a split, and divide it into shards."""
    shards: list[_Shard] = []
    first, missing = "", 0
    size_of, wordings = sizes_in(corpus.folders[split]), options.wordings.get(split, 1)
    with IndexWriter(path, annotations.table.category_names()) as index:
        total = annotations.count_images()
        images = tqdm(annotations.images(), f"Planning {split}", total, False, unit=" images", disable=None, delay=2)
        for image in images:
            try:
                size = size_of(image.file_name)
            except KeyError:
                first, missing = first or image.file_name, missing + 1
                continue
            counts = {task: wordings * count_records(task, image) for task in options.tasks}
            _check_records_per_image(corpus, split, image, counts, options)
            _add_image(shards, counts, size if options.embed else None)
            index.add(image, size if options.embed else None)
        if missing:
            more = f" (and {missing - 1:,} more)" if missing > 1 else ""
            raise SARChatError(
                f"image missing: {corpus.source.show(join(corpus.folders[split], first))}{more}; complete the "
                "corpus, or leave such images out with the option labels_without_image: skip of a description"
            )
    without_target = total - sum(shard.count for shard in shards)
    return _IndexedSplit(
        shards, annotations.digest, annotations.table.category_names(), annotations.tally, without_target
    )


def _check_records_per_image(
    corpus: Corpus, split: str, image: AnnotatedImage, counts: Mapping[str, int], options: BuildOptions
) -> None:
    for task, number in counts.items():
        if number > options.max_records_per_image:
            raise SARChatError(
                f"{corpus.source.location}, {split}: image {image.file_name} has {len(image.targets):,} targets, "
                f"so {number:,} records of {task}; raise --max-records-per-image "
                f"({options.max_records_per_image:,}) or build the other tasks with --task"
            )


def _join_small(indexed: Mapping[str, _IndexedSplit]) -> dict[str, list[_Shard]]:
    """Return the shards of each split, joined so that a task's folder stays below `FILES_PER_FOLDER`."""
    # Joining leaves at most one incomplete file per split.
    most = FILES_PER_FOLDER - len(indexed)
    widen = math.ceil(sum(len(of_split.shards) for of_split in indexed.values()) / most) or 1
    return {
        split: [_join(of_split.shards[place : place + widen]) for place in range(0, len(of_split.shards), widen)]
        for split, of_split in indexed.items()
    }


def _join(shards: Sequence[_Shard]) -> _Shard:
    joined = _Shard(shards[0].start, sum(shard.count for shard in shards))
    for shard in shards:
        joined.tasks |= shard.tasks
    return joined


def _name_files(out: Path, split: str, shards: Sequence[_Shard], tasks: Sequence[str]) -> list[dict[str, Path]]:
    """Return for each shard the file of each task that has records in it, in the folder `out`."""
    paths: list[dict[str, Path]] = [{} for _ in shards]
    for task in tasks:
        filled = [number for number, shard in enumerate(shards) if task in shard.tasks]
        for place, number in enumerate(filled):
            paths[number][task] = out / task / f"{split}-{place:05d}-of-{len(filled):05d}.parquet"
    return paths


def _whole(paths: Mapping[str, Path]) -> list[Mapping[str, Path]]:
    return [paths]


def _halves(paths: Mapping[str, Path]) -> list[Mapping[str, Path]]:
    """Divide a shard's files into those of jobs that take about as long; each of them reads the images."""
    slowest_first = sorted(paths, key=fewest_records_first().index, reverse=True)
    # The slowest task goes with the fastest one.
    groups = [slowest_first[0::4] + slowest_first[3::4], slowest_first[1::4] + slowest_first[2::4]]
    divided = [{task: path for task, path in paths.items() if task in group} for group in groups if group]
    return [*divided] or [{}]


def _fingerprint(splits: Mapping[str, _IndexedSplit], choices: Sequence[str]) -> str:
    digests = (f"{split}:{of_split.digest}" for split, of_split in splits.items())
    return hash_text("".join(f"{line}\n" for line in (*digests, *choices)))
