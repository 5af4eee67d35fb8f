"""Writing all shards of a plan with the engine of the user's choice, and what is known of them then."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from tqdm import tqdm

from builders.build.card.contents import Summary, summarize
from builders.build.engines import ENGINES, Advance
from builders.build.options import BuildOptions
from builders.build.parquet import SHARE_OUT, write_shard
from builders.build.plan import ShardJob
from builders.core.errors import SARChatError
from builders.core.processes import no_cycles
from builders.core.schema import SPLITS, TASKS
from builders.corpus.corpus import open_corpus
from builders.data.analysis.targets import sources_of_targets
from builders.data.reader import ParquetFile, arrange


@dataclass(frozen=True)
class Receipt:
    """The result of a job.

    Attributes:
        split: the split of its records.
        files: the files, one per task that has records.
        summary: what the card needs of them.
    """

    split: str
    files: Sequence[ParquetFile]
    summary: Summary


@dataclass(frozen=True)
class Written:
    """All shards of a build.

    Attributes:
        files: the files, sorted by task, split and path.
        summaries: the summary of each split.
    """

    files: Sequence[ParquetFile]
    summaries: Mapping[str, Summary]


def gather(receipts: Iterable[Receipt]) -> Written:
    """Gather the receipts of all jobs, in any order; only one of them is in memory at a time."""
    tasks, splits = list(TASKS), list(SPLITS)
    files: list[ParquetFile] = []
    summaries: dict[str, Summary] = {}
    for receipt in receipts:
        files += receipt.files
        before = summaries.get(receipt.split)
        summaries[receipt.split] = before + receipt.summary if before else receipt.summary
    files.sort(key=lambda file: (tasks.index(file.task), splits.index(file.split), file.path))
    return Written(files, summaries)


def run_job(job: ShardJob, advance: Advance) -> Receipt:
    """Write a shard and summarize it, from its files on this machine; see `write_shard`."""
    with no_cycles():
        files = write_shard(job, advance if job.counted else lambda images: advance(0))
        part = arrange(files, open_corpus(job.location, job.stamp).info)
        # Of the jobs of a shard, one counts its targets.
        with_targets = next((task in job.paths for task, _ in sources_of_targets() if task in job.tasks), False)
        summary = summarize(part, job.split, with_texts=job.with_texts, with_targets=with_targets)
    return Receipt(job.split, files, summary)


def write_shards(jobs: Sequence[ShardJob], options: BuildOptions) -> Written:
    """Write all shards into the folder that their paths name.

    Args:
        jobs: what to write.
        options: the engine and the number of processes.

    Raises:
        SARChatError: if an image is wrong, a worker was lost, or a worker wrote into a folder of another machine.
        OSError: if writing fails.
    """
    with closing(run_jobs(run_job, jobs, options)) as receipts:
        written = gather(receipts)
    for file in written.files:
        if not file.path.is_file():
            raise SARChatError(f"{file.path} was written, but is not on this machine; {SHARE_OUT}")
    return written


def run_jobs(
    work: Callable[[ShardJob, Advance], Receipt], jobs: Sequence[ShardJob], options: BuildOptions, done: int = 0
) -> Generator[Receipt, None, None]:
    """Run all jobs, with a progress bar of images on stderr; close the generator to stop what still runs.

    Args:
        work: runs a job, see `Engine.run`.
        jobs: the jobs.
        options: the engine and the number of processes.
        done: the number of images of other jobs, which the bar shows as done.

    Yields:
        What each job returned, as soon as it has finished.

    Raises:
        SARChatError: if a worker was lost; what the work raises is raised as it is.
    """
    total = done + sum(job.counted for job in jobs)
    with tqdm(total=total, initial=done, desc="Building", unit=" images", disable=None) as bar:
        # The bar's own count is absent if it is disabled.
        shown = finished = 0

        def advance(images: int) -> None:
            nonlocal shown
            shown += images
            bar.update(images)

        # The longest ones first, so that workers end at about the same time.
        longest_first = sorted(jobs, key=lambda job: -job.count)
        run = ENGINES[options.engine].run
        with closing(run(work, longest_first, options.num_proc, options.address, advance)) as results:
            for job, receipt in results:
                finished += job.counted
                # Some engines report images only when their job is done.
                advance(max(0, finished - shown))
                yield receipt
