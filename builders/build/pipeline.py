"""Building the folder that `load_dataset` reads and the Hub shows: Parquet files, card, checksums."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builders.build.documents import write_documents
from builders.build.options import BuildOptions
from builders.build.plan import Plan, make_plan
from builders.build.provenance import is_build_info
from builders.build.shards import sort_files, write_shards
from builders.corpus.location import Location, locate
from builders.corpus.sardet import Corpus, find_corpus
from builders.corpus.source import join
from builders.errors import SARChatError
from builders.folder.atomic import replacing_folder
from builders.folder.checksums import list_replaceable, write_checksums
from builders.folder.parquet_file import ParquetFile
from builders.folder.reader import BUILD_INFO, CARD
from builders.schema import SPLITS, TASKS

_CARD_START = re.compile(r"---\r?\npretty_name: SARChat\b")
# Beside the Parquet of the sample, whose corpus is a temporary folder, if its images are not embedded.
_IMAGES = "images"
_SPLIT = "|".join(SPLITS)
_BUILT_FILE = re.compile(
    rf"{CARD}|{re.escape(BUILD_INFO)}|pictures/[a-z]+\.png|{_IMAGES}/(?:{_SPLIT})/[0-9]+\.[a-z]+|"
    rf"(?:{'|'.join(TASKS)})/(?:{_SPLIT})-[0-9]{{5,}}-of-[0-9]{{5,}}\.parquet"
)


@dataclass(frozen=True)
class Report:
    """The result of a build.

    Attributes:
        out: the folder.
        plan: the plan: numbers of images, and what was left out.
        files: its Parquet files.
        total_bytes: the folder's size on disk.
    """

    out: Path
    plan: Plan
    files: Sequence[ParquetFile]
    total_bytes: int


def build(location: str | os.PathLike[str] | Location, out: Path, options: BuildOptions | None = None) -> Report:
    """Build the data set's folder. It is written under a temporary name and then moved to `out`.

    Args:
        location: the corpus: a folder, a zip, or a URL of either; a `Location` if its annotation files or categories
            are named.
        out: the folder to write; an earlier build there is replaced once the new one is complete.
        options: what to build and how.

    Raises:
        SARChatError: if the corpus is wrong or `out` is a folder that is not a build.
        OSError: if writing fails.
    """
    options = options or BuildOptions()
    location = locate(location)
    corpus = find_corpus(location)
    if not options.embed and not corpus.source.is_local_folder:
        raise SARChatError(f"{location.path} is not a local folder, so its images have no paths; build with --embed")
    _refuse_overlap(location, out)
    keeps_images = options.sample and not options.embed
    with replacing_folder(out, is_build) as staging:
        images_at = Path(os.path.realpath(out)) / _IMAGES if keeps_images else None
        plan = make_plan(corpus, location, staging, options, images_at)
        if keeps_images:
            _copy_images(corpus, plan, staging / _IMAGES)
        receipts = write_shards(plan.jobs, options)
        write_documents(staging, receipts, plan, corpus, options)
        files = sort_files(receipts)
        write_checksums(staging, {file.path.relative_to(staging).as_posix(): file.sha256 for file in files})
        total = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    return Report(out, plan, files, total)


def _copy_images(corpus: Corpus, plan: Plan, folder: Path) -> None:
    """Copy the images of a corpus that will not last, so that the paths to them do."""
    for job in plan.jobs:
        (folder / job.split).mkdir(parents=True, exist_ok=True)
        for image in job.images:
            shutil.copyfile(corpus.source.path(join(job.folder, image.file_name)), folder / job.split / image.file_name)


def is_build(folder: Path) -> bool:
    """Return whether a folder contains a build and nothing else.

    A list of checksums alone proves nothing, as users may have one with their own files. So every file must have a
    name that a build uses and be listed in the folder's `SHA256SUMS`, and `build.json` or the card must be ours:
    builds of version 1.0 have only the card.
    """
    listed = list_replaceable(folder)
    return (
        listed is not None
        and all(map(_BUILT_FILE.fullmatch, listed))
        and (is_build_info(folder) or _has_our_card(folder))
    )


def _has_our_card(folder: Path) -> bool:
    try:
        return _CARD_START.match((folder / CARD).read_text(encoding="utf-8")) is not None
    except (OSError, ValueError):
        return False


def _refuse_overlap(location: Location, out: Path) -> None:
    """Refuse to replace a source or a folder around it. A separate folder inside the source is allowed.

    Raises:
        SARChatError: if the two overlap.
    """
    target = Path(os.path.realpath(out))
    for path in (location.path, *dict(location.annotations).values()):
        source = Path(os.path.realpath(Path(path).expanduser()))
        if "://" not in path and (source == target or target in source.parents):
            raise SARChatError(f"--out {out} contains the source {path}, which would be replaced; choose another --out")
