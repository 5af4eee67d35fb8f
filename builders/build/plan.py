"""The plan of a build: which images go into which files, determined before any image is read."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.build import limits
from builders.build.options import BuildOptions
from builders.corpus.annotations import Annotations
from builders.corpus.location import Location
from builders.corpus.renames import check_renames
from builders.corpus.sardet import Corpus, check_images_exist
from builders.corpus.targets import AnnotatedImage
from builders.errors import SARChatError
from builders.records.tasks import count_records

# The number of an image's records by task.
Counts = Mapping[str, int]


@dataclass(frozen=True)
class ShardJob:
    """The job of a worker: the records of a range of images, one file per task.

    Attributes:
        location: where the corpus is.
        stamp: the corpus's stamp, see `Corpus.stamp`.
        folder: the folder of the images, relative to the corpus's top folder.
        split: the split.
        images: the images, in order.
        paths: the file to write for each task; a task without records of these images has none.
        seed: the seed for the choice of wordings.
        sizes: the bytes of each image (`None` where the storage does not say), or `None` if only paths are stored.
        images_at: the folder of the images in the paths that are stored.
        check_images: whether to decode every image to detect damaged ones.
    """

    location: Location
    stamp: str
    folder: str
    split: str
    images: Sequence[AnnotatedImage]
    paths: Mapping[str, Path]
    seed: int
    sizes: Sequence[int | None] | None
    images_at: str
    check_images: bool

    @property
    def count(self) -> int:
        """The number of images."""
        return len(self.images)


@dataclass(frozen=True)
class Plan:
    """The plan of a build.

    Attributes:
        jobs: the shards, split by split, in the order of the records.
        fingerprint: a hash of the annotations and the renames, which is equal for a folder and a zip of it.
        source: what distinguishes the corpus from SARDet-100K, see `Corpus.describe`.
        images: the number of images with a target, by split.
        dropped: the number of boxes left out, by split and reason.
        without_target: the number of images left out because they have no target, by split.
    """

    jobs: Sequence[ShardJob]
    fingerprint: str
    source: Mapping[str, Any]
    images: Mapping[str, int]
    dropped: Mapping[str, Counter[str]]
    without_target: Mapping[str, int]


def make_plan(
    corpus: Corpus, location: Location, out: Path, options: BuildOptions, images_at: Path | None = None
) -> Plan:
    """Read and check the annotations, and divide the images into shards.

    Args:
        corpus: the corpus.
        location: where it is, for the workers.
        out: the folder that will take `TASK/SPLIT-00000-of-00003.parquet`.
        options: what to build.
        images_at: the folder with one folder of images per split that stored paths name; the corpus's own if `None`.

    Raises:
        SARChatError: if the annotations are wrong, an image is missing, there is no target, no category has a name that
            was to be replaced, or an image has more records than `options.max_records_per_image`.
    """
    splits = options.splits or corpus.splits
    annotations = {split: corpus.annotations(split) for split in splits}
    check_renames(corpus, (of_split.category_names for of_split in annotations.values()))
    jobs = [
        job
        for split, of_split in annotations.items()
        for job in _plan_split(corpus, location, out, split, of_split, options, images_at)
    ]
    if not jobs:
        raise SARChatError(f"{corpus.source.location} contains no target in {', '.join(splits)}; nothing to build")
    return Plan(
        jobs,
        _fingerprint(annotations, corpus.renames),
        corpus.describe(),
        {split: len(of_split.images) for split, of_split in annotations.items()},
        {split: of_split.dropped for split, of_split in annotations.items()},
        {split: of_split.without_target for split, of_split in annotations.items()},
    )


def _plan_split(
    corpus: Corpus,
    location: Location,
    out: Path,
    split: str,
    annotations: Annotations,
    options: BuildOptions,
    images_at: Path | None,
) -> list[ShardJob]:
    folder, stamp = corpus.image_folder(split), corpus.stamp()
    sizes = corpus.source.sizes(folder) if options.embed else None
    images = annotations.images
    check_images_exist(corpus, split, images, sizes or corpus.source.names(folder))
    counts = [{task: count_records(task, image) for task in options.tasks} for image in images]
    _check_records_per_image(corpus, split, images, counts, options)
    shards = list(_cut_into_shards(images, sizes, counts))
    paths = _name_files(out, split, [counts[shard.start : shard.stop] for shard in shards], options.tasks)
    return [
        ShardJob(
            location=location,
            stamp=stamp,
            folder=folder,
            split=split,
            images=images[shard.start : shard.stop],
            paths=of_shard,
            seed=options.seed,
            sizes=[sizes[image.file_name] for image in images[shard.start : shard.stop]] if sizes is not None else None,
            images_at=str(images_at / split) if images_at else corpus.source.path(folder),
            check_images=options.check_images,
        )
        for shard, of_shard in zip(shards, paths, strict=True)
    ]


def _check_records_per_image(
    corpus: Corpus, split: str, images: Sequence[AnnotatedImage], counts: Sequence[Counts], options: BuildOptions
) -> None:
    for image, of_image in zip(images, counts, strict=True):
        for task, number in of_image.items():
            if number > options.max_records_per_image:
                raise SARChatError(
                    f"{corpus.source.location}, {split}: image {image.file_name} has {len(image.targets):,} targets, "
                    f"so {number:,} records of {task}; raise --max-records-per-image "
                    f"({options.max_records_per_image:,}) or build the other tasks with --task"
                )


def _cut_into_shards(
    images: Sequence[AnnotatedImage], sizes: Mapping[str, int] | None, counts: Sequence[Counts]
) -> Iterator[range]:
    """Divide a split's images into consecutive shards, the same on every machine.

    Args:
        images: the split's images, in order.
        sizes: each image's bytes by file name, or `None` if images are not embedded.
        counts: each image's records by task; the task with the most records decides.

    Yields:
        The indices of a shard's images.
    """
    start, taken, records = 0, 0, 0
    for index, image in enumerate(images):
        number = max(counts[index].values())
        size = sizes[image.file_name] if sizes else 0
        # An image with so many records that they fill several row groups is stored once in each.
        stored = size * math.ceil(number * size / limits.ROW_GROUP_DENSE_BYTES) if size else 0
        if index > start and (taken + stored > limits.SHARD_IMAGE_BYTES or records + number > limits.SHARD_RECORDS):
            yield range(start, index)
            start, taken, records = index, 0, 0
        taken += stored
        records += number
    if start < len(images):
        yield range(start, len(images))


def _name_files(
    out: Path, split: str, shards: Sequence[Sequence[Counts]], tasks: Sequence[str]
) -> list[dict[str, Path]]:
    """Return for each shard the file of each task that has records in it.

    Args:
        out: the folder to write.
        split: the split.
        shards: the number of records by task of each image of each shard.
        tasks: the tasks to build.
    """
    paths: list[dict[str, Path]] = [{} for _ in shards]
    for task in tasks:
        filled = [number for number, images in enumerate(shards) if any(of_image[task] for of_image in images)]
        for place, number in enumerate(filled):
            paths[number][task] = out / task / f"{split}-{place:05d}-of-{len(filled):05d}.parquet"
    return paths


def _fingerprint(annotations: Mapping[str, Annotations], renames: Mapping[str, str]) -> str:
    lines = [f"{split}:{of_split.digest}\n" for split, of_split in annotations.items()]
    lines += [f"rename:{name}:{category}\n" for name, category in renames.items()]
    return hashlib.blake2b("".join(lines).encode(), digest_size=16).hexdigest()
