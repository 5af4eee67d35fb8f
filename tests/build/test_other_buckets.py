"""A build in Google's and Azure's storage: its bytes, and what it survives."""

from __future__ import annotations

import os
import signal
import threading

import pytest
import storage_servers
from built_fixture import sample_corpus, start_sample_build
from faulty_storage import stored
from support import build

from builders.build.options import BuildOptions
from builders.build.scale.object_folder import ObjectFolder
from builders.core.errors import SARChatError

pytestmark = pytest.mark.slow
OPTIONS = BuildOptions(pictures=False)


@pytest.fixture(scope="module", params=["google", "azure"])
def running(request, tmp_path_factory):
    with getattr(storage_servers, request.param)(tmp_path_factory.mktemp(request.param)) as (server, bucket):
        yield server, bucket


@pytest.fixture
def server(running):
    running[0].restart()
    return running[0]


@pytest.fixture
def url(running, request) -> str:
    return f"{running[1]}/{''.join(filter(str.isalnum, request.node.originalname))}/sarchat"


def write(url: str, content: bytes) -> None:
    ObjectFolder(url.rpartition("/")[0]).create(url.rpartition("/")[2], content)


def test_two_processes_write_the_bytes_of_a_local_build(server, url, local_sample):
    process = start_sample_build(url, "--num-proc", 2)
    _, messages = process.communicate(timeout=300)
    assert (process.returncode, messages) == (0, "")
    assert stored(url) == local_sample
    with pytest.raises(SARChatError, match="holds a finished build"):
        build(sample_corpus(), url, OPTIONS)


def test_second_plan_does_not_replace_the_first(server, url):
    folder = ObjectFolder(url)
    assert folder.create("plan.json", b"first") == b"first"
    assert folder.create("plan.json", b"second") == b"first"


def test_foreign_objects_are_left_alone(server, url):
    write(f"{url}/notes.txt", b"mine")
    with pytest.raises(SARChatError, match=r"holds objects of something else, such as \S+/notes\.txt"):
        build(sample_corpus(), url, OPTIONS)
    assert [*stored(url)] == ["notes.txt"]


@pytest.mark.parametrize("number", [3, 11])
def test_killed_build_is_resumed(server, url, local_sample, number):
    """At its fourth writing request, among the first shard's; and at its twelfth."""
    url = f"{url}-{number}"
    begun = threading.Event()
    process = start_sample_build(url)

    def kill(write: int) -> None:
        if write == number:
            os.kill(process.pid, signal.SIGKILL)
            begun.set()

    server.before_write = kill
    process.communicate(timeout=300)
    assert begun.is_set() and process.returncode == -signal.SIGKILL
    objects = {name: checksum for name, checksum in stored(url).items() if not name.startswith(".building/")}
    assert objects.items() < local_sample.items() and "SHA256SUMS" not in objects
    server.restart()
    build(sample_corpus(), url, OPTIONS)
    assert stored(url) == local_sample


def test_two_builds_at_once(server, url, local_sample):
    for process in [start_sample_build(url), start_sample_build(url)]:
        _, messages = process.communicate(timeout=300)
        # One may begin when the other one has finished.
        assert process.returncode == 0 or "holds a finished build" in messages, messages
    assert stored(url) == local_sample


def test_failing_server_and_network(server, url, local_sample):
    """In three ways, and seldom: Azure's package waits for 15 seconds before it tries again."""
    server.fault = lambda number, method, path: {3: "503", 11: "cut", 19: "lost"}.get(number % 29)
    build(sample_corpus(), url, OPTIONS)
    failed = server.failed
    server.restart()
    assert failed > 2 and stored(url) == local_sample


def test_bucket_that_does_not_exist_is_named(running):
    url = f"{running[1].rpartition('/')[0]}/nowhere/sarchat"
    with pytest.raises(SARChatError, match=rf"{url}.*; create the bucket first$"):
        build(sample_corpus(), url, OPTIONS)
