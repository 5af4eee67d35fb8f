"""Child processes that end when their parent does, even if it is killed."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from builders.signals import starting_processes

_T = TypeVar("_T")
# For a process that has given its result.
_SECONDS_TO_END = 10


def end_with_parent() -> None:
    """End this process as soon as its parent is gone, whatever it is doing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def run_apart(function: Callable[..., _T], *arguments: object) -> _T:
    """Call a function in a process of its own, which is killed if the call is interrupted.

    What the function leaves behind, such as threads of a library, does not keep the process from ending.

    Args:
        function: a function of a module; it must not raise.
        arguments: its arguments, which can be pickled.

    Returns:
        What it returned.

    Raises:
        ChildProcessError: the process ended without a result.
    """
    # A fresh interpreter: a fork of a process in which Arrow's threads run may hang.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, function, arguments), daemon=True)
    with receiver:
        with starting_processes():
            process.start()
        # Else its end would not be noticed here.
        sender.close()
        try:
            result = receiver.recv()
            process.join(_SECONDS_TO_END)
        except EOFError:
            process.join()
            raise ChildProcessError(f"a process was ended from outside (exit code {process.exitcode})") from None
        finally:
            process.kill()
            process.join()
    return result


def _send_result(sender: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    end_with_parent()
    # After multiprocessing has removed its semaphores, and before the interpreter waits for threads.
    atexit.register(os._exit, 0)
    sender.send(function(*arguments))
