"""The engine of Ray builds the bytes that processes build, on one node or two, whoever is killed meanwhile."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from corpora import SLOW_TRAIN_IMAGES
from faulty_storage import stored
from fsspec.core import url_to_fs
from ray_cluster import Cluster, ray_cluster, title
from s3_server import Server, serving
from support import ROOT, children, is_running, refusal, tree, wait_until

from builders.build.options import BuildOptions
from builders.build.scale import ray_tasks
from builders.core.errors import SARChatError

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None or sys.platform != "linux", reason="Ray is not installed: the extra `ray` brings it"
)
# The image that `damaged` spoils: the last one of the first split.
LAST = f"{SLOW_TRAIN_IMAGES - 1:07d}.png"
# Small shards: many jobs.
BUILD = """
import sys
from builders.build import plan
plan.SHARD_RECORDS = 400
from builders.cli.command import main
main(["build", *sys.argv[1:], "--no-pictures"])
"""
# For the start of a Python: it finds no copy of the project, whatever is installed.
WITHOUT_THE_PROJECT = """
import sys
class Nothing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "builders":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
"""


def has_shard(out: Path) -> bool:
    """Return whether a build is in the midst of writing."""
    return any(out.parent.rglob("*-of-*.parquet"))


def start(corpus: Path | str, out: Path | str, *options: object, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(corpus), "--out", str(out), *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def finish(process: subprocess.Popen) -> str:
    """Wait for a build that must succeed and say nothing but its report."""
    report, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, "")
    assert report.startswith("records ") and " in all.\n" in report
    return report


def refuse(process: subprocess.Popen) -> str:
    """Wait for a build that must end in one line, and return it."""
    report, errors = process.communicate(timeout=300)
    assert (process.returncode, report) == (1, "")
    # Ray's core may print a line with its time and the place in its source before ours; nothing switches that off.
    lines = [line for line in errors.splitlines() if not re.match(r"\[[^\]]*\] \S+\.cc:\d+: ", line)]
    assert len(lines) == 1 and lines[0].startswith("Error: "), errors
    return lines[0]


@pytest.fixture
def out(tmp_path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "sarchat"


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory) -> dict[str, str]:
    """What processes build."""
    out = tmp_path_factory.mktemp("expected") / "sarchat"
    finish(start(corpus, out, "--num-proc", 2))
    return tree(out)


@pytest.fixture
def damaged(corpus, tmp_path) -> Path:
    copy = shutil.copytree(corpus, tmp_path / "damaged")
    (copy / "JPEGImages" / "train" / LAST).write_bytes(b"damaged")
    return copy


@pytest.fixture(scope="module")
def server() -> Iterator[Server | None]:
    """An S3 server on this machine with an empty bucket; nothing if its packages are missing."""
    if find_spec("moto") is None or find_spec("s3fs") is None:
        yield None
        return
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def cluster(server) -> Iterator[Cluster]:
    with ray_cluster(2, server.environment if server else {}) as cluster:
        yield cluster


@pytest.fixture
def bucket(server, corpus, request) -> str:
    """The URL of a folder in the server's bucket; the corpus is in it."""
    if server is None:
        pytest.skip("needs s3fs and moto[server]")
    server.restart()
    server.fs.put(str(corpus), f"bucket/{request.node.name}/", recursive=True)
    return f"s3://bucket/{request.node.name}"


def test_without_ray_the_extra_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(ray_tasks, "find_spec", lambda name: None)
    error = refusal(capsys, "build", "--sample", "--out", tmp_path / "out", "--engine", "ray")
    assert "pip install '.[ray]'" in error
    assert not (tmp_path / "out").exists()


def test_ray_that_does_not_start_is_one_line(monkeypatch):
    """On a machine that is too busy, it raises `Exception` itself."""

    def init(*arguments, **options):
        raise Exception("The node timed out.\nPerhaps it is overloaded.")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    monkeypatch.setattr(os, "environ", {**os.environ})
    with pytest.raises(SARChatError, match=r"^cannot use Ray at this machine: The node timed out\.$"):
        next(ray_tasks.run(print, ["job"], 1, None, print))


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:", ":6379", "head:port", "localhost:1", ""])
def test_address_that_is_none_is_refused_at_once(monkeypatch, address):
    monkeypatch.setattr(ray_tasks, "find_spec", lambda name: object())
    with pytest.raises(SARChatError, match=f"--address {address}.*Ray cluster|Ray cluster.*--address {address}"):
        BuildOptions(engine="ray", address=address)


@needs_ray
@pytest.mark.slow
def test_embedded_ray_builds_the_same_bytes_and_leaves_nothing(corpus, expected, out, tmp_path):
    home, temporary = tmp_path / "home", Path("/tmp") / f"sarchat-{os.getpid()}"
    home.mkdir()
    temporary.mkdir()
    try:
        process = start(corpus, out, "--engine", "ray", "--num-proc", 2, HOME=str(home), TMPDIR=str(temporary))
        wait_until(lambda: len(children(process.pid)) > 3, process)
        started = children(process.pid)
        finish(process)
        assert tree(out) == expected
        assert list(home.iterdir()) == []
        assert list(temporary.iterdir()) == []
    finally:
        shutil.rmtree(temporary)
    assert [pid for pid in started if is_running(pid)] == []
    assert os.listdir(out.parent) == [out.name]


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_stopped_embedded_build_ends_its_ray(corpus, out, number):
    process = start(corpus, out, "--engine", "ray", "--num-proc", 2)
    wait_until(lambda: has_shard(out), process)
    # Ray's agents, which run no jobs, wait for a minute for what is gone.
    started = [pid for pid in children(process.pid) if "Agent" not in title(pid)]
    # As a terminal does: to the whole group.
    (os.killpg if number != signal.SIGKILL else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert errors.strip().count("\n") == 0, errors
        assert os.listdir(out.parent) == []
    wait_until(lambda: not any(map(is_running, started)), seconds=60)


@needs_ray
@pytest.mark.slow
def test_embedded_ray_ends_in_one_line_at_a_damaged_image(damaged, out):
    error = refuse(start(damaged, out, "--engine", "ray"))
    assert LAST in error and "node" not in error
    assert os.listdir(out.parent) == []


@needs_ray
@pytest.mark.slow
def test_what_may_pass_is_repeated_and_a_mistake_is_not(tmp_path):
    program = [sys.executable, str(ROOT / "tests" / "ray_work.py"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert done.stderr == ""
    results, attempts = json.loads(done.stdout)
    assert results == ["connection", "exit", "crash"]
    assert attempts == {"connection": 3, "exit": 3, "crash": 3, "mistake": 1}


@needs_ray
@pytest.mark.slow
def test_job_that_never_has_enough_memory_ends_the_build(corpus, out):
    """Ray kills every job, as if it took more than 1 % of the memory."""
    little = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "50"}
    error = refuse(start(corpus, out, "--engine", "ray", "--num-proc", 1, **little))
    assert "memory" in error.partition("runs out of memory: ")[2]
    assert os.listdir(out.parent) == []


@needs_ray
@pytest.mark.slow
def test_two_nodes_build_the_same_bytes(corpus, expected, out, cluster):
    alive = cluster.alive()
    process = start(corpus, out, "--engine", "ray", "--address", cluster.address)
    seen = set()
    while process.poll() is None:
        seen |= {node for node in cluster.nodes if node.jobs()}
        time.sleep(0.01)
    finish(process)
    assert tree(out) == expected
    assert len(seen) == 2
    # The cluster is left as it was.
    assert cluster.alive() == alive


@needs_ray
@pytest.mark.slow
def test_relative_paths_are_those_of_the_command(corpus, expected, out, cluster):
    code = f"import os; os.chdir({str(out.parent)!r})" + BUILD
    arguments = [os.path.relpath(corpus, out.parent), "--out", "sarchat", "--engine", "ray"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *arguments, "--address", cluster.address]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    assert tree(out) == expected


@needs_ray
@pytest.mark.slow
def test_killed_worker_has_its_job_repeated(corpus, expected, out, cluster):
    process = start(corpus, out, "--engine", "ray", "--address", cluster.address)
    killed = []
    for _ in range(3):
        # On a busy machine, the build may end before the third time.
        wait_until(
            lambda: process.poll() is not None or (has_shard(out) and any(node.jobs() for node in cluster.nodes))
        )
        for pid in [pid for node in cluster.nodes for pid in node.jobs()][:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        time.sleep(0.2)
    assert killed
    finish(process)
    assert tree(out) == expected


@needs_ray
@pytest.mark.slow
def test_damaged_image_ends_a_cluster_build_in_one_line(damaged, out, cluster):
    alive = cluster.alive()
    error = refuse(start(damaged, out, "--engine", "ray", "--address", cluster.address))
    assert LAST in error
    assert os.listdir(out.parent) == []
    assert cluster.alive() == alive


@needs_ray
@pytest.mark.slow
def test_killed_driver_takes_its_jobs_along_and_can_run_again(corpus, expected, out, cluster):
    process = start(corpus, out, "--engine", "ray", "--address", cluster.address)
    wait_until(lambda: has_shard(out) and any(node.jobs() for node in cluster.nodes), process)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(node.jobs() for node in cluster.nodes), seconds=60)
    finish(start(corpus, out, "--engine", "ray", "--address", cluster.address))
    assert tree(out) == expected
    assert os.listdir(out.parent) == [out.name]


@needs_ray
@pytest.mark.slow
def test_two_nodes_build_from_and_into_a_bucket(expected, cluster, bucket):
    finish(start(f"{bucket}/SARDet_100K", f"{bucket}/sarchat", "--engine", "ray", "--address", cluster.address))
    assert stored(f"{bucket}/sarchat") == expected


@needs_ray
@pytest.mark.slow
def test_cluster_builds_over_a_network_that_fails(expected, cluster, bucket, server):
    """Of 13 requests, four fail."""
    faults = {3: "503", 5: "cut", 7: "lost", 11: "half"}
    server.fault = lambda number, method, path: faults.get(number % 13)
    process = start(f"{bucket}/SARDet_100K", f"{bucket}/sarchat", "--engine", "ray", "--address", cluster.address)
    _, errors = process.communicate(timeout=300)
    failed = dict(server.counts)
    server.restart()
    assert process.returncode == 0, errors
    assert stored(f"{bucket}/sarchat") == expected
    assert all(failed[fault] > 5 for fault in faults.values())


@needs_ray
@pytest.mark.slow
def test_two_commands_at_once_build_into_one_bucket(expected, cluster, bucket):
    options = ["--engine", "ray", "--address", cluster.address]
    for process in [start(f"{bucket}/SARDet_100K", f"{bucket}/sarchat", *options) for _ in range(2)]:
        _, errors = process.communicate(timeout=300)
        # One may begin when the other one has finished.
        assert process.returncode == 0 or "holds a finished build" in errors, errors
    assert stored(f"{bucket}/sarchat") == expected


@needs_ray
@pytest.mark.slow
def test_killed_driver_is_resumed_in_storage(expected, cluster, bucket):
    def receipts() -> list[str]:
        # By name alone: an object may be gone before it is read.
        fs, root = url_to_fs(f"{bucket}/sarchat")
        fs.invalidate_cache()
        return [path for path in fs.find(root) if re.search(r"/\.building/\w+/[^/]+\.json\.gz$", path)]

    options = ["--engine", "ray", "--address", cluster.address]
    process = start(f"{bucket}/SARDet_100K", f"{bucket}/sarchat", *options)
    wait_until(lambda: len(receipts()) > 3, process)
    process.kill()
    process.communicate()
    assert "SHA256SUMS" not in stored(f"{bucket}/sarchat")
    process = start(f"{bucket}/SARDet_100K", f"{bucket}/sarchat", *options)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0 and "jobs are kept" in errors, errors
    assert stored(f"{bucket}/sarchat") == expected


@needs_ray
@pytest.mark.slow
def test_killed_node_has_its_jobs_repeated_on_another(corpus, expected, out, cluster):
    node = cluster.add()
    process = start(corpus, out, "--engine", "ray", "--address", cluster.address)
    wait_until(lambda: has_shard(out) and node.jobs(), process)
    node.kill()
    finish(process)
    assert tree(out) == expected


@needs_ray
@pytest.mark.slow
def test_node_with_another_pyarrow_is_refused(corpus, out, tmp_path, cluster):
    (tmp_path / "sitecustomize.py").write_text("import pyarrow\npyarrow.__version__ = '1.2.3'\n")
    node = cluster.add(PYTHONPATH=f"{tmp_path}:{ROOT}")
    try:
        error = refuse(start(corpus, out, "--engine", "ray", "--address", cluster.address))
    finally:
        node.kill()
    assert "pyarrow 1.2.3" in error and "on every machine" in error
    assert os.listdir(out.parent) == []


def hiding(folder: Path) -> tuple[str, ...]:
    """Return the command before that of a node which sees an empty folder instead of this one."""
    within = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{folder}" && exec "$@"', "sh")
    if subprocess.run([*within, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting needs rights that this user lacks")
    return within


@needs_ray
@pytest.mark.slow
def test_node_without_the_project_is_refused(corpus, out, tmp_path, cluster):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_THE_PROJECT)
    node = cluster.add(PYTHONPATH=str(tmp_path))
    try:
        error = refuse(start(corpus, out, "--engine", "ray", "--address", cluster.address))
    finally:
        node.kill()
    assert "builders" in error and "on every node" in error


@needs_ray
@pytest.mark.slow
def test_node_that_does_not_share_the_folder_is_refused(corpus, out, cluster):
    node = cluster.add(hiding(out.parent))
    try:
        error = refuse(start(corpus, out, "--engine", "ray", "--address", cluster.address))
    finally:
        node.kill()
    assert "--out" in error and "share" in error and "on node" in error
    assert os.listdir(out.parent) == []
