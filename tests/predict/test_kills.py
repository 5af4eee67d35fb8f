"""A run that is killed, stopped or out of room, at any moment: the next one goes on, and nothing is asked in vain."""

import json
import os
import random
import resource
import signal
import threading
import time

import pytest
from asked_models import Gold, assert_all_gold, read_lines
from built_fixture import sample_build
from chat_server import ChatServer
from support import start_command

# Twenty and more by hand: ATTACK_TIMES=20 python -m pytest tests/predict/test_kills.py
KILLS = int(os.environ.get("ATTACK_TIMES", "8"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")]


@pytest.fixture(scope="module")
def gold():
    return Gold(sample_build())


def start(server, out, *more, **options):
    arguments = ["predict", sample_build(), "--model", "m", "--base-url", server.url, "--out", out, *more]
    return start_command(*arguments, **options)


def wait_for(condition, process):
    while not condition() and process.poll() is None:
        time.sleep(0.005)


def lines_in(out):
    return out.read_bytes().count(b"\n") if out.exists() else 0


def test_killed_again_and_again(gold, tmp_path):
    """Each run is killed at random after some progress; a record that has an answer is not asked for a second."""
    out = tmp_path / "answers.jsonl"
    rng = random.Random(20)
    kills = 0
    with ChatServer(gold, delay=0.03) as server:
        while True:
            progress = lines_in(out) + rng.choice((-1, 0, 1, 5))
            process = start(server, out, "--concurrency", "3")
            if kills < KILLS:
                # While it starts, while it reads, or in the middle of the requests.
                wait_for(lambda progress=progress: lines_in(out) > progress, process)
                time.sleep(rng.random() * 0.05)
                process.kill()
                kills += process.wait() == -signal.SIGKILL
                assert all(json.loads(line) for line in out.read_bytes().split(b"\n")[:-1])
            else:
                _, errors = process.communicate(timeout=120)
                assert process.returncode == 0, errors
                break
            process.communicate()
        asked = len(server.requests)
    assert kills == KILLS
    assert_all_gold(out, sample_build(), gold.ids)
    # No more than what was in flight at a kill was asked in vain.
    assert asked <= len(gold.ids) + KILLS * 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_it_cleanly(number, code, gold, tmp_path):
    out = tmp_path / "answers.jsonl"
    with ChatServer(gold, delay=0.2) as server:
        process = start(server, out, "--concurrency", "3")
        wait_for(lambda: lines_in(out) > 5, process)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in errors) == (code, False), errors
        answered = len(read_lines(out))
        assert f"{len(gold.ids) - answered:,} records are left" in errors
        assert f"answered now{answered:>32}" in output
        assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "answers.jsonl.meta.json"]
        process = start(server, out)
        assert process.communicate() and process.returncode == 0
    assert_all_gold(out, sample_build(), gold.ids)


def test_a_closed_terminal_does_not_end_what_nohup_started(gold, tmp_path):
    out = tmp_path / "answers.jsonl"
    with ChatServer(gold, delay=0.03) as server:
        ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
        process = start(server, out, "--concurrency", "3", preexec_fn=ignore)
        wait_for(lambda: lines_in(out) > 10, process)
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert_all_gold(out, sample_build(), gold.ids)


@pytest.mark.parametrize("room", [1_000, 5_003])
def test_no_room_left(room, gold, tmp_path):
    out = tmp_path / "answers.jsonl"
    # A file may not grow beyond this: what is written is cut in the middle of a line, as on a full disk.
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))  # noqa: E731
    with ChatServer(gold) as server:
        process = start(server, out, preexec_fn=limit)
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, out.stat().st_size) == (1, room)
        lines = [line for line in errors.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1 and "answers.jsonl" in lines[0] and "Traceback" not in errors, errors
        process = start(server, out)
        assert process.communicate() and process.returncode == 0
    assert_all_gold(out, sample_build(), gold.ids)


def test_two_processes_do_not_share_a_file(gold, tmp_path):
    out = tmp_path / "answers.jsonl"
    goes_on = threading.Event()

    def answer(asked):
        if len(server.requests) > 5:
            goes_on.wait()
        return gold(asked)

    with ChatServer(answer) as server:
        first = start(server, out, "--concurrency", "2")
        wait_for(lambda: lines_in(out) > 0, first)
        second = start(server, out)
        _, errors = second.communicate(timeout=120)
        goes_on.set()
        assert second.returncode == 1 and "is being written by another process" in errors
        assert first.communicate() and first.returncode == 0
    assert_all_gold(out, sample_build(), gold.ids)
