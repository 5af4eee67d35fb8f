"""Writing all shards of a plan with the engine of the user's choice."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tqdm import tqdm

from builders.build.card.summary import summarize
from builders.build.engines import ENGINES
from builders.build.engines.engine import Advance
from builders.build.options import BuildOptions
from builders.build.parquet import SHARE_OUT, write_shard
from builders.build.plan import ShardJob
from builders.build.receipt import Receipt, Written, gather
from builders.core.errors import SARChatError
from builders.core.processes import no_cycles
from builders.core.schema import SPLITS
from builders.corpus.corpus import open_corpus
from builders.data.analysis.targets import sources_of_targets
from builders.data.reader import arrange


class HasCount(Protocol):
    """A job that knows its number of images."""

    @property
    def count(self) -> int:
        """The number of images."""

    @property
    def counted(self) -> int:
        """The number of those that no other job counts."""


_Job = TypeVar("_Job", bound=HasCount)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class ShardWriter:
    """The work of a job: writing a shard and summarizing it, from its files on this machine.

    Attributes:
        texts_of: the split whose texts are counted, see `split_of_texts`.
    """

    texts_of: str | None

    def __call__(self, job: ShardJob, advance: Advance) -> Receipt:
        """Run a job, see `write_shard`."""
        with no_cycles():
            return self._run(job, advance)

    def _run(self, job: ShardJob, advance: Advance) -> Receipt:
        files = write_shard(job, advance if job.counted else lambda images: advance(0))
        part = arrange(files, open_corpus(job.location, job.stamp).info)
        # Of the jobs of a shard, one counts its targets.
        with_targets = next((task in job.paths for task, _ in sources_of_targets() if task in job.tasks), False)
        with_texts = job.split == self.texts_of
        return Receipt(job.split, files, summarize(part, job.split, with_texts=with_texts, with_targets=with_targets))


def split_of_texts(jobs: Iterable[ShardJob]) -> str | None:
    """Return the split whose texts the card counts: the last one, which is the smallest of the published data set.

    Reading the texts of all would take as long as writing them.
    """
    built = {job.split for job in jobs if job.paths}
    return next((split for split in reversed(SPLITS) if split in built), None)


def write_shards(jobs: Sequence[ShardJob], options: BuildOptions) -> Written:
    """Write all shards into the folder that their paths name.

    Args:
        jobs: what to write.
        options: the engine and the number of processes.

    Raises:
        SARChatError: if an image is wrong, a worker was lost, or a worker wrote into a folder of another machine.
        OSError: if writing fails.
    """
    with closing(run_jobs(ShardWriter(split_of_texts(jobs)), jobs, options)) as finished:
        return gather(_if_here(receipt) for _, receipt in finished)


def _if_here(receipt: Receipt) -> Receipt:
    for file in receipt.files:
        if not file.path.is_file():
            raise SARChatError(f"{file.path} was written, but is not on this machine; {SHARE_OUT}")
    return receipt


def run_jobs(
    work: Callable[[_Job, Advance], _Result], jobs: Sequence[_Job], options: BuildOptions, done: int = 0
) -> Generator[tuple[_Job, _Result], None, None]:
    """Run all jobs, with a progress bar of images on stderr; close the generator to stop what still runs.

    Args:
        work: runs a job, see `Engine.run`.
        jobs: the jobs.
        options: the engine and the number of processes.
        done: the number of images of other jobs, which the bar shows as done.

    Yields:
        Each job with its result, as soon as it has finished.

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

        run = ENGINES[options.engine].run
        # The longest ones first, so that workers end at about the same time.
        longest_first = sorted(jobs, key=lambda job: -job.count)
        with closing(run(work, longest_first, options.num_proc, options.address, advance)) as results:
            for job, result in results:
                finished += job.counted
                # Some engines report images only when their job is done.
                advance(max(0, finished - shown))
                yield job, result
