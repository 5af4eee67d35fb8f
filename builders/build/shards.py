"""Writing all shards of a plan with the engine of the user's choice."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import TypeVar

from tqdm import tqdm

from builders.build.engines import ENGINES
from builders.build.engines.engine import Advance
from builders.build.options import BuildOptions
from builders.build.parquet import write_shard
from builders.build.plan import ShardJob
from builders.folder.parquet_file import ParquetFile
from builders.schema import SPLITS, TASKS

_Result = TypeVar("_Result")


def write_shards(jobs: Sequence[ShardJob], options: BuildOptions) -> list[ParquetFile]:
    """Write all shards into the folder that their paths name.

    Args:
        jobs: what to write.
        options: the engine and the number of processes.

    Returns:
        The files, sorted by task, split and path.

    Raises:
        SARChatError: if an image is wrong or a worker was lost.
        OSError: if writing fails.
    """
    with closing(do_jobs(write_shard, jobs, options)) as finished:
        return sort_files(file for _, written in finished for file in written)


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


def sort_files(files: Iterable[ParquetFile]) -> list[ParquetFile]:
    """Sort files by task, split and path."""
    tasks, splits = list(TASKS), list(SPLITS)
    return sorted(files, key=lambda file: (tasks.index(file.task), splits.index(file.split), file.path))
