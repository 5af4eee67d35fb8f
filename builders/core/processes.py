"""Child processes that end when their parent does, even if it is killed."""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from builders.core.signals import starting_processes

_T = TypeVar("_T")
# The time that a process has to end after it has returned its result.
_SECONDS_TO_END = 10


@contextmanager
def no_cycles() -> Iterator[None]:
    """Look for no cycles of garbage within the block, which makes none: a tenth of the time of a build."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def without_cycles(items: Iterable[_T]) -> Iterator[_T]:
    """Yield the items, each made within `no_cycles`; whoever uses them looks for cycles as before."""
    made = iter(items)
    while True:
        with no_cycles():
            try:
                item = next(made)
            except StopIteration:
                return
        yield item


def end_with_parent() -> None:
    """End this process as soon as its parent has ended, whatever it is doing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def run_apart(function: Callable[..., _T], *arguments: object) -> _T:
    """Call a function in a separate process, which is killed if the call is interrupted.

    Threads that the function leaves running do not prevent the process from ending.

    Args:
        function: a function of a module; it must not raise.
        arguments: its arguments, which must be picklable.

    Raises:
        ChildProcessError: if the process ends without a result.
    """
    # Spawned, not forked: a fork of a process with running Arrow threads may hang.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, function, arguments), daemon=True)
    with receiver:
        with starting_processes():
            process.start()
        # Otherwise this process would not notice that the other end is closed.
        sender.close()
        try:
            result = receiver.recv()
            process.join(_SECONDS_TO_END)
        except EOFError:
            process.join()
            raise ChildProcessError(f"a process was killed (exit code {process.exitcode})") from None
        finally:
            process.kill()
            process.join()
    return result


def _send_result(sender: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    end_with_parent()
    # Runs after multiprocessing has removed its semaphores and before the interpreter waits for threads.
    atexit.register(os._exit, 0)
    sender.send(function(*arguments))
