"""What a build's worker processes do beside their work: stop when told to, and end when their parent does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event

from builders.build.shards import ShardJob, write_shard
from builders.folder.shard_file import ShardFile

_stop: Event | None = None


def prepare(stop: Event) -> None:
    """Set up a worker; it gives up its shard once `stop` is set."""
    global _stop
    _stop = stop
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        # So that none goes on writing into a folder that was given up.
        wait([parent.sentinel])
        os._exit(1)

    if parent is not None:
        threading.Thread(target=end_with_parent, daemon=True).start()


def write(job: ShardJob) -> list[ShardFile]:
    """Write a shard in a worker."""
    return write_shard(job, _go_on)


def _go_on(images: int) -> None:
    if _stop is not None and _stop.is_set():
        raise InterruptedError("the build was stopped")


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: it is for their parent, which tells them to stop.

    A Ctrl-C that comes meanwhile is kept until the block ends, so that no process is left half started.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: kept.append(number))
    # What is blocked in the thread that starts a process stays so in the process.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if kept:
        raise KeyboardInterrupt
