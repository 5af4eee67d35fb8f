"""Building the folder that `load_dataset` reads and the Hub shows: Parquet files, card, checksums."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

from builders.build.built_files import IMAGES, is_build, write_documents
from builders.build.options import BuildOptions
from builders.build.plan import Plan, make_plan
from builders.build.shards import write_shards
from builders.core.atomic import replacing_folder
from builders.core.errors import SARChatError, redact
from builders.core.resources import read_text
from builders.core.schema import ALL, IN_ALL, TASKS
from builders.core.tables import format_table
from builders.core.writing import check_replaced
from builders.corpus.corpus import Corpus, Location, find_corpus, locate
from builders.corpus.source import join
from builders.data.reader import ParquetFile

# What other commands read without --split.
_DEFAULT_SPLIT = "test"


@dataclass(frozen=True)
class Report:
    """The result of a build.

    Attributes:
        out: the folder, or its URL in object storage.
        plan: the plan: numbers of images, and what was left out.
        files: its Parquet files.
        total_bytes: the size of all its files.
    """

    out: Path | str
    plan: Plan
    files: Sequence[ParquetFile]
    total_bytes: int


def build(
    location: str | os.PathLike[str] | Location,
    out: str | os.PathLike[str],
    options: BuildOptions | None = None,
) -> Report:
    """Build the data set's folder.

    A local folder is written under a temporary name and then moved to `out`. In object storage, where that is not
    possible, see `build_in_storage`.

    Args:
        location: the corpus: a folder, a zip, or a URL of either; a `Location` if its annotation files or categories
            are named.
        out: the folder to write, or its URL. An earlier build in a local folder is replaced once the new one is
            complete.
        options: what to build and how.

    Raises:
        SARChatError: if the corpus is wrong or `out` contains something other than a build.
        OSError: if writing fails.
    """
    options = options or BuildOptions()
    location = locate(location)
    for url in (location.path, os.fspath(out)):
        if options.address is not None and redact(url) != url:
            raise SARChatError(
                f"the URL {url} contains a password or a signature, which would be sent to every machine of the "
                "cluster; set up credentials on the machines"
            )
    corpus = find_corpus(location)
    if not options.embed and not corpus.source.is_local_folder:
        raise SARChatError(f"{location.path} is not a local folder, so its images have no paths; build with --embed")
    if "://" in (url := os.fspath(out)):
        from builders.build.scale.in_storage import build_in_storage

        return Report(url, *build_in_storage(corpus, location, url, options))
    return _build_locally(corpus, location, Path(out), options)


def _build_locally(corpus: Corpus, location: Location, out: Path, options: BuildOptions) -> Report:
    # A separate folder inside the source is allowed.
    check_replaced(out, [location.path, *dict(location.annotations).values()])
    keeps_images = options.sample and not options.embed
    with replacing_folder(out, partial(is_build, sample=options.sample)) as staging:
        images_at = Path(os.path.realpath(out)) / IMAGES if keeps_images else None
        index = staging / ".index"
        plan = make_plan(corpus, location, staging, options, index, images_at, divide=not options.is_alone)
        if keeps_images:
            _copy_images(corpus, plan, staging / IMAGES)
        written = write_shards(plan.jobs, options)
        shutil.rmtree(index)
        write_documents(staging, written, plan, corpus, options)
        total = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    return Report(out, plan, written.files, total)


def _copy_images(corpus: Corpus, plan: Plan, folder: Path) -> None:
    """Copy the images of a temporary corpus, so that the stored paths to them stay valid."""
    for job in plan.jobs:
        (folder / job.split).mkdir(parents=True, exist_ok=True)
        for image, _ in job.images() if job.counted else ():
            shutil.copyfile(corpus.source.path(join(job.folder, image.file_name)), folder / job.split / image.file_name)


def format_report(report: Report) -> str:
    """Format the records per task and split, the boxes and images left out, and the bytes written."""
    splits = list(report.plan.images)
    tasks = [task for task in TASKS if any(file.task == task for file in report.files)]

    def rows(task: str, split: str) -> int:
        return sum(file.rows for file in report.files if (file.task, file.split) == (task, split))

    in_all = [task for task in tasks if task in IN_ALL]
    records: list[list[Any]] = []
    for name in (*in_all, *([ALL] if in_all else ()), *(task for task in tasks if task not in in_all)):
        counts = [sum(rows(task, split) for task in (in_all if name == ALL else [name])) for split in splits]
        records.append([name, *counts, sum(counts)])
    header, *left_out = report.plan.left_out()
    size = f"{report.total_bytes / 1e6:,.1f} MB ({report.total_bytes:,} bytes)"
    return "\n".join(
        [
            format_table(["records", *splits, "total"], records),
            "",
            format_table([*header, "total"], [[*row, sum(row[1:])] for row in left_out]),
            "",
            *_note_on_corners(report),
            *(f"Found but not read: {path}" for path in report.plan.unread),
            *_note_on_splits(report),
            f"Wrote {report.out}: {len(report.files)} Parquet files, {size} in all.",
            *(
                ["", _how_to_load(report.out, (in_all or tasks)[-1], report.files[-1].split)]
                if isinstance(report.out, str)
                else []
            ),
        ]
    )


def _note_on_corners(report: Report) -> Iterator[str]:
    if report.plan.source.get("corners"):
        yield "The labels have oriented boxes, and the conversations upright ones; --boxes oriented writes the corners."


def _note_on_splits(report: Report) -> Iterator[str]:
    split = report.files[0].split
    if _DEFAULT_SPLIT not in {file.split for file in report.files}:
        yield (
            f"There is no split {_DEFAULT_SPLIT}, which other commands read by default: give them --split {split}, or "
            f"build one with --annotations {_DEFAULT_SPLIT}=FILE, or the keys splits or split of a description."
        )


def _how_to_load(url: str, task: str, split: str) -> str:
    """Return the code that loads a task from object storage, which `load_dataset` does not open by its card."""
    return (
        Template(read_text("build/scale/load_from_storage.txt", "builders"))
        .substitute(url=url.rstrip("/"), task=task, split=split)
        .rstrip()
    )
