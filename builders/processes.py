"""Child processes that end when their parent does, even if it is killed."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from builders.signals import starting_processes

_T = TypeVar("_T")
# The time that a process has to end after it has returned its result.
_SECONDS_TO_END = 10


def end_with_parent(scratch: Collection[str] = ()) -> None:
    """End this process as soon as its parent has ended, whatever it is doing.

    Args:
        scratch: folders of the parent, which are removed then, see `scratch_folders`.
    """
    _scratch.update(scratch)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    wait([sentinel])
    for folder in list(_scratch):
        # Under another name no other thread or process writes into it meanwhile.
        with suppress(OSError):
            shutil.rmtree(Path(folder).rename(f"{folder}-removed"))
    os._exit(1)


_scratch: set[str] = set()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty temporary folder for the block, which is removed too if this process ends with its parent."""
    with TemporaryDirectory(prefix="sarchat-") as folder:
        _scratch.add(folder)
        yield Path(folder)
    _scratch.discard(folder)


def scratch_folders() -> list[str]:
    """Return the temporary folders of this process, for a child to remove in case this process is killed."""
    return sorted(_scratch)


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
