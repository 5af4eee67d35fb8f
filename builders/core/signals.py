"""Handling of stop signals: the first one raises to start the cleanup; later ones do not interrupt it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Ctrl-C; `kill`, Slurm and Docker; a closed terminal. Windows has no SIGHUP.
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# The signals that a terminal sends to all processes of a command at once.
_TERMINAL_SIGNALS = frozenset(STOP_SIGNALS) - {signal.SIGTERM}


@contextmanager
def raising_once() -> Iterator[list[int]]:
    """Let the first stop signal raise `KeyboardInterrupt` in the block and be in the list; later ones are ignored."""
    received: list[int] = []

    def stop(number: int, frame: object) -> None:
        if not received:
            received.append(number)
            raise KeyboardInterrupt

    def send_again(unraisable: sys.UnraisableHookArgs) -> None:
        """Repeat a signal whose exception was lost in a callback, from which Python cannot raise."""
        if received and isinstance(unraisable.exc_value, KeyboardInterrupt):
            threading.Timer(0.01, os.kill, (os.getpid(), received.pop())).start()
        else:
            hook(unraisable)

    handlers, hook = active_handlers(), sys.unraisablehook
    try:
        for number in handlers:
            signal.signal(number, stop)
        sys.unraisablehook = send_again
        yield received
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            # After a signal the process is about to end. Python would restore the default of any handler of its own
            # on the way out, and die by a second signal.
            signal.signal(number, signal.SIG_IGN if received else handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer stop signals until the block ends."""
    kept: list[int] = []
    handlers = active_handlers()
    try:
        for number in handlers:
            signal.signal(number, lambda number, frame: kept.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in kept:
            signal.raise_signal(number)


@contextmanager
def starting_processes() -> Iterator[None]:
    """Start processes that ignore the terminal's signals, since their parent stops them.

    A signal during the block is deferred until its end, so that no process is left half started.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    with uninterrupted():
        # What is blocked in the thread that starts a process stays blocked in the process.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL_SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def active_handlers() -> dict[int, Any]:
    """Return the handlers of the stop signals that are not ignored, as they are under `nohup`."""
    # Python sets and runs handlers only in the main thread.
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    return {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
