"""Writing all shards of a plan with the engine of the user's choice."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from builders.build.engines import ENGINES
from builders.build.engines.engine import Advance
from builders.build.options import BuildOptions
from builders.build.parquet import write_shard
from builders.build.plan import ShardJob
from builders.build.receipt import Receipt
from builders.card.summary import summarize
from builders.folder.parquet_file import ParquetFile
from builders.folder.reader import arrange
from builders.schema import SPLITS, TASKS

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class ShardWriter:
    """The work of a job: writing a shard and summarizing it, from its files on this machine.

    Attributes:
        texts_of: the split whose texts are counted, see `split_of_texts`.
    """

    texts_of: str | None

    def __call__(self, job: ShardJob, advance: Advance) -> Receipt:
        """Do a job, see `write_shard`."""
        files = write_shard(job, advance)
        part = arrange(Path(), files)
        return Receipt(job.split, files, summarize(part, job.split, with_texts=job.split == self.texts_of))


def split_of_texts(jobs: Iterable[ShardJob]) -> str | None:
    """Return the split whose texts the card counts: the last one, which is the smallest of the published data set.

    Reading the texts of all would take as long as writing them.
    """
    built = {job.split for job in jobs if job.paths}
    return next((split for split in reversed(SPLITS) if split in built), None)


def write_shards(jobs: Sequence[ShardJob], options: BuildOptions) -> list[Receipt]:
    """Write all shards into the folder that their paths name.

    Args:
        jobs: what to write.
        options: the engine and the number of processes.

    Returns:
        The receipts, in the order in which the jobs were done.

    Raises:
        SARChatError: if an image is wrong or a worker was lost.
        OSError: if writing fails.
    """
    with closing(do_jobs(ShardWriter(split_of_texts(jobs)), jobs, options)) as finished:
        return [receipt for _, receipt in finished]


def do_jobs(
    work: Callable[[ShardJob, Advance], _Result], jobs: Sequence[ShardJob], options: BuildOptions
) -> Generator[tuple[ShardJob, _Result], None, None]:
    """Do all jobs, with a progress bar of images on stderr; close the generator to stop what still runs.

    Args:
        work: does a job, see `Engine.run`.
        jobs: the jobs.
        options: the engine and the number of processes.

    Yields:
        Each job with its result, as soon as it is done.

    Raises:
        SARChatError: if a worker was lost; what the work raises is raised as it is.
    """
    total = sum(job.count for job in jobs)
    with tqdm(total=total, desc="Building", unit=" images", disable=None) as bar:
        # The bar's own count is absent if it is disabled.
        shown = finished = 0

        def advance(images: int) -> None:
            nonlocal shown
            shown += images
            bar.update(images)

        run = ENGINES[options.engine].run
        with closing(run(work, jobs, options.num_proc, options.address, advance)) as results:
            for job, result in results:
                finished += job.count
                # An engine that knows of an image only when its job is done has not shown it yet.
                advance(max(0, finished - shown))
                yield job, result


def sort_files(receipts: Iterable[Receipt]) -> list[ParquetFile]:
    """Return the files of all shards, sorted by task, split and path."""
    tasks, splits = list(TASKS), list(SPLITS)
    files = (file for receipt in receipts for file in receipt.files)
    return sorted(files, key=lambda file: (tasks.index(file.task), splits.index(file.split), file.path))
