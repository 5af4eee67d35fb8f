"""Signals that end a command raise once; what cleans up is not disturbed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from corpora import plain_corpus
from support import ROOT

from builders.core.atomic import replacing_folder
from builders.core.signals import STOP_SIGNALS, raising_once, starting_processes, uninterrupted

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")


@pytest.fixture(autouse=True)
def handlers():
    """Set the handlers of a terminal's process; restore those of this one, which may run in the background."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in STOP_SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)


def test_only_the_first_signal_raises():
    steps = []
    with raising_once() as received:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            steps.append("cleaned up")
    assert (steps, received) == (["cleaned up"], [signal.SIGTERM])
    signal.raise_signal(signal.SIGHUP)


def test_handlers_come_back_without_a_signal(handlers):
    with raising_once() as received:
        assert signal.getsignal(signal.SIGTERM) is not handlers[signal.SIGTERM]
    assert received == []
    assert {number: signal.getsignal(number) for number in STOP_SIGNALS} == handlers


def test_ignored_signal_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with raising_once() as received, uninterrupted():
        signal.raise_signal(signal.SIGHUP)
    assert received == []


@pytest.mark.parametrize("keeping", [uninterrupted, starting_processes])
def test_kept_signal_arrives_after_the_block(keeping):
    steps = []
    with pytest.raises(KeyboardInterrupt):
        with keeping():
            signal.raise_signal(signal.SIGINT)
            steps.append("in the block")
        steps.append("after it")
    assert steps == ["in the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_signal_that_comes_while_a_failed_write_is_cleaned_up_waits(tmp_path, monkeypatch):
    real = shutil.rmtree

    def interrupted_remove(folder):
        signal.raise_signal(signal.SIGINT)
        real(folder)

    monkeypatch.setattr(shutil, "rmtree", interrupted_remove)
    with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "out", lambda folder: True) as staging:
        (staging / "half").write_text("half")
        raise OSError("failed")
    assert list(tmp_path.iterdir()) == []


# Prints the processes below this one while the command's bars have been drawn; the method is Python 3.14's own.
COUNT = """
import multiprocessing, os, sys
multiprocessing.set_start_method("forkserver")
from builders.cli.command import main
from support import children
main(sys.argv[1:])
print(children(os.getpid()))
"""


@pytest.mark.slow
def test_bars_start_no_process(tmp_path):
    """Else a signal to the whole terminal would end that too, with a warning."""
    arguments = ["build", str(plain_corpus(tmp_path)), "--out", str(tmp_path / "out"), "--no-pictures"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    run = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
    )
    assert run.stdout.splitlines()[-1] == "[]", run.stderr
