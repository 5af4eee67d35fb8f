"""A build that a signal ends, at any moment and more than once, cleans up and says so in one line."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from support import command, start_command, tree, wait_until

from builders.build.pipeline import build
from builders.core.writing import leftovers

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
WORDS = {signal.SIGINT: "Aborted.", signal.SIGTERM: "Ended by SIGTERM.", signal.SIGHUP: "Ended by SIGHUP."}


@pytest.fixture(scope="module", autouse=True)
def heeded_signals():
    """Signals as in a terminal: under `nohup` or in the background, processes inherit that some are ignored."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory) -> dict[str, str]:
    """What the whole build of that corpus looks like."""
    out = tmp_path_factory.mktemp("whole") / "sarchat"
    build(corpus, out)
    return tree(out)


def group_exists(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "processes"), [(signal.SIGTERM, 1), (signal.SIGHUP, 1), (signal.SIGTERM, 2), (signal.SIGHUP, 2)]
)
def test_signal_ends_a_build_that_is_writing(corpus, out, number, processes):
    old = tree(out)
    process = start_command("build", corpus, "--out", out, "--num-proc", processes, start_new_session=True)
    wait_until(lambda: any(any(place.rglob("*-of-*.parquet")) for place in leftovers(out)))
    process.send_signal(number)
    _, output = process.communicate(timeout=600)
    assert (process.returncode, output.strip()) == (CODES[number], WORDS[number])
    assert tree(out) == old
    assert os.listdir(out.parent) == [out.name]
    wait_until(lambda: not group_exists(process.pid))


@pytest.mark.slow
def test_hangup_that_is_ignored_stays_ignored(corpus, out, whole):
    """As under `nohup`."""
    arguments = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command("build", corpus, "--out", out)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: leftovers(out))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=600)
    assert process.returncode == 0
    assert tree(out) == whole


# Runs `sarchat ARGUMENTS` in a process group of its own for each line of JSON: pid, then status and what it said.
# A fork of a process with everything imported, so that the moments of the signals fall into the work itself.
SERVER = """
import json, os, sys, tempfile
sys.path.remove("")
from builders.cli.command import main
import builders.build.pipeline, builders.corpus.sample
for line in sys.stdin:
    output = tempfile.TemporaryFile()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        main(json.loads(line))
        sys.exit(0)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    output.seek(0)
    print(json.dumps([os.waitstatus_to_exitcode(status), output.read().decode()]), flush=True)
"""


@pytest.fixture(scope="module")
def server():
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.stdin.close()


def catches(pid: int, number: int) -> bool:
    """Tell whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


# Thirty and more by hand: ATTACK_TIMES=30 python -m pytest tests/build/test_signals.py
TIMES = int(os.environ.get("ATTACK_TIMES", "2"))
# Between two signals, in seconds.
PAUSES = (0, 0.001, 0.01, 0.05, 0.1)


@pytest.fixture(scope="module")
def duration(corpus, server, tmp_path_factory):
    """How long a build takes that nothing interrupts, by its number of processes."""

    @cache
    def measure(processes: int) -> float:
        out = tmp_path_factory.mktemp("duration") / "sarchat"
        arguments = ["build", str(corpus), "--out", str(out), "--num-proc", str(processes)]
        return run_and_interrupt(server, arguments, ()).seconds

    return measure


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    "numbers",
    [(number,) for number in CODES] + [(signal.SIGINT,) * 2, (signal.SIGINT,) * 4, (signal.SIGTERM, signal.SIGINT)],
    ids=lambda numbers: "-".join(number.name for number in numbers),
)
def test_signals_at_any_moment(corpus, whole, out, server, duration, numbers, processes):
    """Sent to the whole group, as a terminal does: the folder is the old or the new one, and nothing is beside it."""
    rng = random.Random(f"{numbers} {processes}")
    arguments = ["build", str(corpus), "--out", str(out), "--num-proc", str(processes)]
    old = tree(out)
    span, interrupted, rounds = duration(processes), False, 0
    # More rounds if all signals came too late: on a machine that was busier before, builds take less than was measured.
    while rounds < TIMES or (not interrupted and rounds < TIMES + 10):
        # One in each part of the run, so that not all come when the build is done.
        first = (rounds % TIMES + rng.random()) / TIMES * span
        outcome = run_and_interrupt(server, arguments, numbers, [first, *rng.choices(PAUSES, k=4)])
        # Python handles the lower number first if both are pending.
        ended_by = next((number for number in numbers if outcome.code == CODES[number]), None)
        if ended_by is not None:
            # A build that is in place may be reporting; before that, nothing else is printed.
            *report, last = outcome.output.splitlines()
            assert last == WORDS[ended_by]
            assert tree(out) == whole or (tree(out) == old and not report)
        else:
            # The build had ended well; a signal may still meet Python on its way out.
            assert outcome.code in (0, *(-number for number in numbers))
            assert outcome.output.endswith("in all.")
            assert tree(out) == whole
            span = min(span, outcome.seconds)
        assert os.listdir(out.parent) == [out.name]
        interrupted, rounds = interrupted or ended_by is not None, rounds + 1
    assert interrupted


class Outcome(NamedTuple):
    code: int
    output: str
    seconds: float


def run_and_interrupt(server, arguments, numbers, pauses=()) -> Outcome:
    """Run the command and send it each signal after its pause; wait until all its processes are gone."""
    server.stdin.write(json.dumps(arguments).encode() + b"\n")
    server.stdin.flush()
    pid = int(server.stdout.readline())
    wait_until(lambda: catches(pid, signal.SIGTERM))
    started = time.monotonic()
    for number, pause in zip(numbers, pauses, strict=False):
        time.sleep(pause)
        if group_exists(pid):
            os.killpg(pid, number)
    code, output = json.loads(server.stdout.readline())
    seconds = time.monotonic() - started
    wait_until(lambda: not group_exists(pid))
    return Outcome(code, output.strip(), seconds)
