"""The engine of one machine: in this process, or in others that stop on request and end with their parent."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection

from builders.build.engines import Advance, Job, Result
from builders.core.errors import SARChatError
from builders.core.processes import end_with_parent
from builders.core.signals import starting_processes, uninterrupted


def check(address: str | None) -> None:
    """Refuse an address, see `Engine.check`."""
    if address is not None:
        raise SARChatError(
            f"--address {address} names a cluster, but --engine processes runs on this machine; name the cluster's "
            "engine with --engine"
        )


def run(
    work: Callable[[Job, Advance], Result],
    jobs: Sequence[Job],
    num_proc: int | None,
    address: str | None,
    advance: Advance,
) -> Generator[tuple[Job, Result], None, None]:
    """Run the jobs one after the other in this process, or with `num_proc` above 1 in others, see `Engine.run`."""
    if num_proc in (None, 1):
        for job in jobs:
            yield job, work(job, advance)
    else:
        yield from _in_processes(work, jobs, num_proc)


def _in_processes(
    work: Callable[[Job, Advance], Result], jobs: Sequence[Job], num_proc: int
) -> Generator[tuple[Job, Result], None, None]:
    # Spawned, not forked: a fork of a process with running Arrow threads may hang.
    context = multiprocessing.get_context("spawn")
    stopped, stop = context.Pipe(duplex=False)
    with starting_processes():
        pool = ProcessPoolExecutor(min(num_proc, len(jobs)), context, _prepare, (stopped,))
    waiting = list(reversed(jobs))
    running: dict[Future, Job] = {}
    try:
        while waiting or running:
            # A job is submitted only when a worker is free, since it may be large.
            while waiting and len(running) < num_proc:
                job = waiting.pop()
                with starting_processes():
                    running[pool.submit(_run_job, work, job)] = job
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
    """Set up a worker; it abandons its job once the other end of `stop` is closed."""
    global _stop
    _stop = stop
    # Otherwise it could go on writing into an abandoned folder.
    end_with_parent()


def _run_job(work: Callable[[Job, Advance], Result], job: Job) -> Result:
    """Run a job in a worker."""
    return work(job, _go_on)


def _go_on(images: int) -> None:
    # A pipe instead of an event: a worker that is killed while it holds an event's lock would block its parent.
    if _stop is not None and _stop.poll():
        raise InterruptedError("the build was stopped")
