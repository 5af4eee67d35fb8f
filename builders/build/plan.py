"""The plan of a build: which images go into which files, determined before any image is read."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from builders.build import limits
from builders.build.options import BuildOptions
from builders.core.checksums import hash_file, hash_text, new_digest
from builders.core.errors import SARChatError
from builders.core.schema import fewest_records_first
from builders.core.storage import cannot_open, open_url
from builders.corpus.corpus import Corpus, Location
from builders.corpus.image_index import ImageIndex, IndexedImage, IndexWriter
from builders.corpus.labels import Annotations
from builders.corpus.reading_ahead import SizeOf, looking_up_sizes
from builders.corpus.source import join
from builders.corpus.targets import CLIPPED, DROP_REASONS, KEPT, ORIENTED, AnnotatedImage
from builders.tasks.registry import count_records

_LOG = logging.getLogger(__name__)
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
        index: path or URL of the split's index, see `ImageIndex`; it must be in reach of the worker.
        start: the place of the first image in the index.
        count: the number of images.
        sizes: a hash of the images' sizes in bytes.
        paths: the file to write for each task of the job.
        tasks: all tasks with records of these images; other jobs write those of them that are not in `paths`.
        seed: the seed for the choice of wordings.
        wordings: the number of wordings of each record.
        identifications: the most identifications that a dialogue has.
        embed: whether to store the images' bytes, and not only their paths.
        images_at: the folder of the images in the paths that are stored.
        check_images: whether to decode every image to detect damaged ones.
    """

    location: Location
    stamp: str
    folder: str
    split: str
    index: str
    start: int
    count: int
    sizes: str
    paths: Mapping[str, Path]
    tasks: Sequence[str]
    seed: int
    wordings: int
    identifications: int
    embed: bool
    images_at: str
    check_images: bool

    @property
    def counted(self) -> int:
        """The number of images that no other job counts, though it may read them too."""
        return self.count if [*self.tasks[:1]] == [*self.paths][:1] else 0

    def images(self) -> Iterator[IndexedImage]:
        """Yield the images, in order, from the index."""
        return ImageIndex(self.index).images(self.start, self.count)


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
                unknown |= annotations.unknown
                # All unknown categories are named together.
                if not unknown:
                    path = index / f"{split}.parquet"
                    indexed[split] = _index_split(corpus, split, annotations, options, path, sizes_in)
    corpus.naming.refuse_unknown(unknown, corpus.source.location)
    corpus.check_choices(of_split.category_names for of_split in indexed.values())
    _warn_of_clipped(corpus, (of_split.tally for of_split in indexed.values()))
    widen = _shards_per_file(indexed.values())
    jobs = [
        job
        for split, of_split in indexed.items()
        for job in _plan_split(corpus, location, out, split, of_split, widen, options, images_at, divide=divide)
    ]
    if not jobs:
        raise SARChatError(f"{corpus.source.location} contains no target in {', '.join(splits)}; nothing to build")
    return Plan(
        jobs,
        _fingerprint(indexed, corpus.list_choices()),
        corpus.describe(),
        {split: sum(shard.length for shard in of_split.shards) for split, of_split in indexed.items()},
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


def publish_index(plan: Plan, url: str) -> Plan:
    """Copy the indices of a plan to a place that all workers can reach.

    Args:
        plan: a plan, whose indices are on this machine.
        url: the URL of the folder to copy to. The names there hold a hash of the content: another build never replaces
            an index that is in use.

    Returns:
        The plan with the indices at the new place.

    Raises:
        SARChatError: if the URL cannot be written to.
    """
    copies: dict[str, str] = {}
    for job in plan.jobs:
        if job.index not in copies:
            copies[job.index] = _publish(Path(job.index), url)
    return replace(plan, jobs=[replace(job, index=copies[job.index]) for job in plan.jobs])


def _publish(index: Path, url: str) -> str:
    copy = f"{url.rstrip('/')}/{index.stem}-{hash_file(index)}.parquet"
    try:
        open_fs, path = open_url(copy)
        open_fs().put_file(str(index), path)
    # Remote file systems raise errors without a common class.
    except Exception as error:
        raise cannot_open(copy, error) from error
    return copy


class _Shard(NamedTuple):
    """A range of images, the tasks that have records of them, and a hash of their sizes."""

    start: int
    length: int
    tasks: frozenset[str]
    sizes: str


@dataclass(frozen=True)
class _IndexedSplit:
    """What is left of a split's annotations once its index is written."""

    index: Path
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
    shards, wordings = _Shards(options.tasks), options.wordings.get(split, 1)
    missing = _MissingImages(corpus, split)
    size_of = sizes_in(corpus.image_folder(split))
    with IndexWriter(path, annotations.category_names) as index:
        total = annotations.count_images()
        images = tqdm(annotations.images(), f"Planning {split}", total, False, unit=" images", disable=None, delay=2)
        for image in images:
            try:
                size = size_of(image.file_name)
            except KeyError:
                missing.add(image)
                continue
            counts = {task: wordings * count_records(task, image) for task in options.tasks}
            _check_records_per_image(corpus, split, image, counts, options)
            shards.add(counts, size if options.embed else None)
            index.add(image, size if options.embed else None)
        missing.check()
        found = list(shards.finish())
        without_target = total - sum(shard.length for shard in found)
        return _IndexedSplit(
            path, found, annotations.digest, annotations.category_names, annotations.tally, without_target
        )


class _MissingImages:
    """Counts the images that do not exist."""

    def __init__(self, corpus: Corpus, split: str) -> None:
        self._corpus = corpus
        self._split = split
        self._first = ""
        self._number = 0

    def add(self, image: AnnotatedImage) -> None:
        self._first = self._first or image.file_name
        self._number += 1

    def check(self) -> None:
        """Raise an error with the first one and the number of others, if there are any."""
        if self._number:
            more = f" (and {self._number - 1:,} more)" if self._number > 1 else ""
            path = self._corpus.source.show(join(self._corpus.image_folder(self._split), self._first))
            raise SARChatError(
                f"image missing: {path}{more}; complete the corpus, or leave such images out with the option "
                "labels_without_image: skip of a description"
            )


def _plan_split(
    corpus: Corpus,
    location: Location,
    out: Path,
    split: str,
    indexed: _IndexedSplit,
    widen: int,
    options: BuildOptions,
    images_at: Path | None,
    *,
    divide: bool,
) -> list[ShardJob]:
    folder, stamp = corpus.image_folder(split), corpus.stamp()
    shards = [_join(indexed.shards[place : place + widen]) for place in range(0, len(indexed.shards), widen)]
    return [
        ShardJob(
            location=location,
            stamp=stamp,
            folder=folder,
            split=split,
            index=str(indexed.index),
            start=shard.start,
            count=shard.length,
            sizes=shard.sizes,
            paths=part,
            tasks=tuple(paths),
            seed=options.seed,
            wordings=options.wordings.get(split, 1),
            identifications=options.identifications,
            embed=options.embed,
            images_at=str(images_at / split) if images_at else corpus.source.path(folder),
            check_images=options.check_images,
        )
        for shard, paths in zip(shards, _name_files(out, split, shards, options.tasks), strict=True)
        # Elsewhere than on this machine, an image takes longer to read than to write, so that it is read for all tasks.
        for part in (_divide(paths) if divide and corpus.source.is_local_folder else [dict(paths)])
    ]


def _divide(paths: Mapping[str, Path]) -> list[dict[str, Path]]:
    """Divide a shard's files into those of jobs that take about as long; each of them reads the images."""
    slowest_first = sorted(paths, key=fewest_records_first().index, reverse=True)
    # The slowest task goes with the fastest one.
    groups = [slowest_first[0::4] + slowest_first[3::4], slowest_first[1::4] + slowest_first[2::4]]
    divided = [{task: path for task, path in paths.items() if task in group} for group in groups if group]
    return divided or [{}]


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


class _Shards:
    """Divides a split's images into consecutive shards, the same on every machine."""

    def __init__(self, tasks: Sequence[str]) -> None:
        self._tasks = tasks
        self._done: list[_Shard] = []
        self._begin(0)

    def _begin(self, start: int) -> None:
        self._start, self._count, self._bytes, self._records = start, 0, 0, 0
        self._filled: set[str] = set()
        self._sizes = new_digest()

    def add(self, counts: Mapping[str, int], size: int | None) -> None:
        """Add the next image.

        Args:
            counts: its records by task; the task with the most records decides.
            size: its bytes; `None` if they are unknown or not embedded.
        """
        number = max(counts.values())
        # An image with so many records that they fill several row groups is stored once in each.
        stored = size * math.ceil(number * size / limits.ROW_GROUP_DENSE_BYTES) if size else 0
        full = self._bytes + stored > limits.SHARD_IMAGE_BYTES or self._records + number > limits.SHARD_RECORDS
        if self._count and full:
            self._finish()
        self._count += 1
        self._sizes.update(f"{size}\n".encode())
        self._bytes += stored
        self._records += number
        self._filled.update(task for task, records in counts.items() if records)

    def _finish(self) -> None:
        filled = frozenset(self._filled)
        # Equal sets are stored once, however many shards there are.
        known = self._done[-1].tasks if self._done and self._done[-1].tasks == filled else filled
        self._done.append(_Shard(self._start, self._count, known, self._sizes.hexdigest()))
        self._begin(self._start + self._count)

    def finish(self) -> Sequence[_Shard]:
        """Return the shards of all images."""
        if self._count:
            self._finish()
        return self._done


def _shards_per_file(splits: Iterable[_IndexedSplit]) -> int:
    """Return how many shards to join, so that a task's folder stays below `limits.FILES_PER_FOLDER`."""
    numbers = [len(of_split.shards) for of_split in splits]
    # Joining leaves at most one incomplete file per split.
    return math.ceil(sum(numbers) / (limits.FILES_PER_FOLDER - len(numbers))) or 1


def _join(shards: Sequence[_Shard]) -> _Shard:
    tasks = frozenset[str]().union(*(shard.tasks for shard in shards))
    sizes = hash_text("".join(shard.sizes for shard in shards))
    return _Shard(shards[0].start, sum(shard.length for shard in shards), tasks, sizes)


def _name_files(out: Path, split: str, shards: Sequence[_Shard], tasks: Sequence[str]) -> list[dict[str, Path]]:
    """Return for each shard the file of each task that has records in it.

    Args:
        out: the folder to write.
        split: the split.
        shards: its shards.
        tasks: the tasks to build.
    """
    paths: list[dict[str, Path]] = [{} for _ in shards]
    for task in tasks:
        filled = [number for number, shard in enumerate(shards) if task in shard.tasks]
        for place, number in enumerate(filled):
            paths[number][task] = out / task / f"{split}-{place:05d}-of-{len(filled):05d}.parquet"
    return paths


def _fingerprint(splits: Mapping[str, _IndexedSplit], choices: Sequence[str]) -> str:
    digests = (f"{split}:{of_split.digest}" for split, of_split in splits.items())
    return hash_text("".join(f"{line}\n" for line in (*digests, *choices)))
