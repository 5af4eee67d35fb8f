"""A build in S3 survives its server, its network, and the death of any of its processes at any moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from built_fixture import sample_corpus, start_sample_build
from faulty_storage import stored
from s3_server import serving
from support import build, children

from builders.build.options import BuildOptions
from builders.core.errors import SARChatError
from builders.core.schema import TASKS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc"),
]
OPTIONS = BuildOptions(pictures=False)


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture
def url(server, request) -> str:
    server.restart()
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return f"s3://bucket/{name}/sarchat"


def check_whole(url: str, local_sample: dict[str, str]) -> None:
    """Check that every object of an unfinished build is that of a finished one."""
    objects = {name: checksum for name, checksum in stored(url).items() if not name.startswith(".building/")}
    assert objects.items() <= local_sample.items()
    assert "SHA256SUMS" not in objects or objects == local_sample


def workers(pid: int) -> list[int]:
    """Return the processes of a build that write shards."""
    return [child for child in children(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def run_until_killed(server, url: str, write: int, victims) -> tuple[int, str]:
    """Run a build with two processes, and kill some when the server gets a certain PUT; return code and messages."""
    begun = threading.Event()
    process = start_sample_build(url, "--num-proc", 2)

    def kill(number: int) -> None:
        if number == write:
            for pid in victims(process.pid):
                os.kill(pid, signal.SIGKILL)
            begun.set()

    server.before_write = kill
    _, messages = process.communicate(timeout=300)
    assert begun.is_set()
    return process.returncode, messages


# The plan; objects of the first shards, and a receipt among them; the card; the checksums.
@pytest.mark.parametrize("write", [0, 3, 8, 13, 26, 27])
def test_killed_driver(server, url, local_sample, write, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code, _ = run_until_killed(server, url, write, lambda pid: [pid])
    assert code == -signal.SIGKILL
    check_whole(url, local_sample)
    server.restart()
    process = start_sample_build(url, "--num-proc", 2)
    _, messages = process.communicate(timeout=300)
    # The last PUT was on its way.
    assert process.returncode == 0 or (write == 27 and "holds a finished build" in messages), messages
    assert stored(url) == local_sample
    # What the killed processes left is gone too.
    assert not [path for path in tmp_path.iterdir() if "sarchat-" in path.name]


@pytest.mark.parametrize("write", [2, 8, 15])
def test_killed_worker(server, url, local_sample, write):
    code, messages = run_until_killed(server, url, write, lambda pid: workers(pid)[:1])
    assert code == 1 and "a worker process was killed" in messages and len(messages.splitlines()) == 1
    check_whole(url, local_sample)
    assert "SHA256SUMS" not in stored(url)
    server.restart()
    build(sample_corpus(), url, OPTIONS)
    assert stored(url) == local_sample


FAULTS = {3: "503", 5: "cut", 7: "lost", 11: "half"}


def test_failing_server_and_network(server, url, local_sample):
    """Of 13 requests, four fail: for reading the corpus, and for writing the build."""
    server.fs.put(str(sample_corpus() / "SARDet_100K"), url.removesuffix("sarchat") + "source/", recursive=True)
    server.fault = lambda number, method, path: FAULTS.get(number % 13)
    build(f"{url.removesuffix('sarchat')}source/SARDet_100K", url, OPTIONS)
    server.fault = lambda number, method, path: None
    assert stored(url) == local_sample
    assert all(server.counts[fault] > 5 for fault in FAULTS.values())


@pytest.mark.parametrize("processes", [1, 2])
def test_an_image_is_one_request_and_a_folder_one_list(server, url, tmp_path, processes):
    source = url.removesuffix("sarchat") + "source/"
    server.fs.put(str(sample_corpus() / "SARDet_100K"), source, recursive=True)
    asked = []
    server.fault = lambda number, method, path: asked.append((method, path))
    build(f"{source}SARDet_100K", tmp_path / "out", BuildOptions(pictures=False, num_proc=processes))
    images = [(method, path) for method, path in asked if "/JPEGImages/" in path and Path(path).suffix]
    files = [path for path in (sample_corpus() / "SARDet_100K/JPEGImages").rglob("*.*") if path.is_file()]
    assert {method for method, _ in images} == {"GET"} and 30 < len({*images}) <= len(files)
    # The card reads those of its examples again.
    assert len(images) <= len(files) + len(TASKS)
    # Fewer than a process needs to find the corpus again: none is for an image.
    assert len(asked) - len(images) < 100 * processes


def test_storage_that_fails_for_good_ends_it_in_one_line_within_two_minutes(server, url, local_sample):
    server.fault = lambda number, method, path: "503" if path.endswith("train-00000-of-00001.parquet") else None
    begun = time.monotonic()
    message = rf"^cannot write {url}/\w+/train-\S+: OSError: .*\(HTTP 503\); run the command again$"
    with pytest.raises(SARChatError, match=message):
        build(sample_corpus(), url, OPTIONS)
    assert time.monotonic() - begun < 120
    server.restart()
    check_whole(url, local_sample)
    build(sample_corpus(), url, OPTIONS)
    assert stored(url) == local_sample


def test_two_builds_at_once(server, url, local_sample):
    processes = [start_sample_build(url), start_sample_build(url, "--num-proc", 2)]
    for process in processes:
        _, messages = process.communicate(timeout=300)
        # One may begin when the other one has finished.
        assert process.returncode == 0 or "holds a finished build" in messages, messages
    assert stored(url) == local_sample
