"""Writing shards one after the other or in worker processes, which stop on request and end with their parent."""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing.connection import Connection

from tqdm import tqdm

from builders.build.parquet import write_shard
from builders.build.plan import ShardJob
from builders.errors import SARChatError
from builders.folder.parquet_file import ParquetFile
from builders.processes import end_with_parent
from builders.schema import SPLITS, TASKS
from builders.signals import starting_processes, uninterrupted


def write_shards(jobs: Sequence[ShardJob], num_proc: int) -> list[ParquetFile]:
    """Write all shards, with a progress bar of images on stderr.

    Args:
        jobs: what to write.
        num_proc: the number of processes; 1 writes in this process.

    Returns:
        The files, sorted by task, split and path.

    Raises:
        SARChatError: if an image is wrong or a worker was killed.
        OSError: if writing fails.
    """
    files: list[ParquetFile] = []
    total = sum(job.count for job in jobs)
    with tqdm(total=total, desc="Building", unit=" images", disable=None) as bar:
        if num_proc == 1:
            for job in jobs:
                files += write_shard(job, bar.update)
        else:
            with closing(_in_processes(jobs, num_proc)) as finished:
                for job, written in finished:
                    files += written
                    bar.update(job.count)
    tasks, splits = list(TASKS), list(SPLITS)
    return sorted(files, key=lambda file: (tasks.index(file.task), splits.index(file.split), file.path))


def _in_processes(jobs: Sequence[ShardJob], num_proc: int) -> Generator[tuple[ShardJob, list[ParquetFile]], None, None]:
    # Spawned, not forked: a fork of a process with running Arrow threads may hang.
    context = multiprocessing.get_context("spawn")
    stopped, stop = context.Pipe(duplex=False)
    with starting_processes():
        pool = ProcessPoolExecutor(min(num_proc, len(jobs)), context, _prepare, (stopped,))
    waiting = list(reversed(jobs))
    running: dict[Future, ShardJob] = {}
    try:
        while waiting or running:
            # A job is submitted only when a worker is free, since it contains its images' annotations.
            while waiting and len(running) < num_proc:
                job = waiting.pop()
                with starting_processes():
                    running[pool.submit(_write, job)] = job
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    except BrokenProcessPool as error:
        raise SARChatError(
            "a worker process was killed, perhaps because memory ran out; build with a smaller --num-proc"
        ) from error
    finally:
        with uninterrupted():
            stop.close()
            pool.shutdown(wait=True, cancel_futures=True)
            stopped.close()


_stop: Connection | None = None


def _prepare(stop: Connection) -> None:
    """Set up a worker; it abandons its shard once the other end of `stop` is closed."""
    global _stop
    _stop = stop
    # Otherwise it could go on writing into an abandoned folder.
    end_with_parent()


def _write(job: ShardJob) -> list[ParquetFile]:
    """Write a shard in a worker."""
    return write_shard(job, _go_on)


def _go_on(images: int) -> None:
    # A pipe instead of an event: a worker that is killed while it holds an event's lock would block its parent.
    if _stop is not None and _stop.poll():
        raise InterruptedError("the build was stopped")
