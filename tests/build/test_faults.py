"""A build that is killed, interrupted, crowded out or short of disk leaves the last good folder, and no litter."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import datasets
import pytest
from corpora import SLOW_IMAGES, SLOW_SIDE, plain_corpus
from oracle import EVERY_TASK as TASKS
from support import build, children, command, is_running, mounted, parquet, start_command, tree, wait_until

from builders.build.options import BuildOptions
from builders.core.checksums import verify_checksums
from builders.core.writing import RETIRED, temporary


@pytest.fixture(scope="module")
def fresh(corpus, tmp_path_factory) -> dict[str, str]:
    """What the whole build of that corpus looks like."""
    out = tmp_path_factory.mktemp("fresh") / "sarchat"
    build(corpus, out)
    return tree(out)


def start(corpus: Path, out: Path, *options: object) -> subprocess.Popen:
    return start_command("build", corpus, "--out", out, "--no-pictures", *options, start_new_session=True)


def staging(out: Path) -> Path | None:
    """Return the folder beside `out` that a build writes into, if there is one."""
    return next((path for path in out.parent.iterdir() if path.is_dir() and path != out), None)


def wait_for_parquet(out: Path, process: subprocess.Popen) -> None:
    """Wait until a build is in the midst of writing."""
    wait_until(lambda: (place := staging(out)) and any(place.rglob("*-of-*.parquet")), process)


def left_beside(out: Path) -> list[str]:
    return sorted(path.name for path in out.parent.iterdir() if path != out)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(8))
def test_killed_build_leaves_a_whole_folder_and_the_next_one_clears_up(tmp_path, corpus, out, fresh, moment):
    """From its first file to its last: each run is killed when the folder has grown a little further."""
    old = tree(out)
    process = start(corpus, out)

    def is_time() -> bool:
        with suppress(FileNotFoundError):
            place = staging(out)
            size = sum(path.stat().st_size for path in place.rglob("*-of-*.parquet")) if place else 0
            return size >= moment / 7 * len(TASKS) * SLOW_IMAGES * SLOW_SIDE**2 if moment else place is not None
        return True

    while not is_time() and process.poll() is None:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert tree(out) in (old, fresh)
    verify_checksums(out)
    assert datasets.load_dataset(str(out), "counting", split="train", cache_dir=str(tmp_path / "cache"))[0]["messages"]
    build(tmp_path / "small" / "SARDet_100K", out)
    assert tree(out) == old
    assert left_beside(out) == []


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "moment"), [(1, "writing"), (2, "starting"), (2, "writing")])
def test_interrupted_build_ends_with_130_and_leaves_no_litter(corpus, out, processes, moment):
    """Ctrl-C reaches every process of a terminal's group, a worker that is just starting too."""
    old = tree(out)
    process = start(corpus, out, "--num-proc", processes)
    if moment == "writing":
        wait_for_parquet(out, process)
    else:
        wait_until(lambda: len(children(process.pid)) > 1, process)
    os.killpg(process.pid, signal.SIGINT)
    _, output = process.communicate(timeout=60)
    assert (process.returncode, output.strip()) == (130, "Aborted.")
    assert tree(out) == old
    assert left_beside(out) == []


@pytest.mark.slow
def test_terminated_build_keeps_the_old_folder(corpus, out, tmp_path):
    old = tree(out)
    process = start(corpus, out)
    wait_for_parquet(out, process)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert tree(out) == old
    build(tmp_path / "small" / "SARDet_100K", out)
    assert left_beside(out) == []


@pytest.mark.slow
def test_second_build_into_one_folder_is_refused(corpus, out, fresh, sarchat_process):
    first = start(corpus, out)
    wait_for_parquet(out, first)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = sarchat_process("build", corpus, "--out", out)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 1
    assert second.stdout == "" and len(second.stderr.splitlines()) == 1
    assert second.stderr.startswith("Error: ") and "another process" in second.stderr
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert tree(out) == fresh
    assert left_beside(out) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_workers_end_with_their_parent(corpus, out):
    old = tree(out)
    process = start(corpus, out, "--num-proc", 2)
    wait_until(lambda: len(children(process.pid)) > 1, process)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(is_running, workers)))
    assert tree(out) == old


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_killed_worker_is_reported_in_one_line(corpus, out):
    """As the system does when memory runs out."""
    old = tree(out)
    process = start(corpus, out, "--num-proc", 2)
    wait_for_parquet(out, process)
    for child in children(process.pid):
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
    _, output = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.startswith("Error: ") and len(output.splitlines()) == 1
    assert tree(out) == old
    assert left_beside(out) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, too small for the build."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=4m", "tmpfs") as place:
        yield place


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_full_disk_is_reported_in_one_line_and_keeps_the_old_folder(
    tmp_path, corpus, small_disk, sarchat_process, processes
):
    out = small_disk / "sarchat"
    build(plain_corpus(tmp_path), out)
    old = tree(out)
    result = sarchat_process("build", corpus, "--out", out, "--num-proc", processes)
    assert result.returncode == 1
    assert result.stdout == "" and len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("Error: ") and "space" in result.stderr and str(out) in result.stderr
    assert tree(out) == old
    assert left_beside(out) == []


@pytest.mark.slow
def test_litter_of_a_killed_build_is_cleared_even_by_one_that_fails(tmp_path, out):
    """What a killed build leaves beside the folder does not stay for want of a good source."""
    litter = temporary(out)
    litter.mkdir()
    (litter / "half.parquet").write_bytes(b"x" * 1000)
    spoiled = plain_corpus(tmp_path / "spoiled")
    (spoiled / "Annotations" / "train.json").write_text("{")
    result = subprocess.run(command("build", spoiled, "--out", out), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert left_beside(out) == []


@pytest.mark.slow
def test_folder_that_was_moved_aside_comes_back(tmp_path, out):
    """Where two renames take the place of one exchange, a kill may fall between them."""
    old = tree(out)
    out.rename(temporary(out, RETIRED))
    spoiled = plain_corpus(tmp_path / "spoiled")
    (spoiled / "Annotations" / "train.json").write_text("{")
    subprocess.run(command("build", spoiled, "--out", out), capture_output=True, check=False)
    assert tree(out) == old
    assert left_beside(out) == []


def test_swap_by_two_renames_replaces_too(tmp_path, out, monkeypatch):
    monkeypatch.setattr("builders.core.atomic._exchange", lambda first, second: False)
    build(tmp_path / "small" / "SARDet_100K", out, BuildOptions(tasks=["counting"]))
    assert {path.parent.name for path in parquet(out)} == {"counting"}
    assert left_beside(out) == []


@pytest.mark.slow
def test_image_that_vanishes_during_the_build_is_reported(tmp_path, corpus, out):
    moved = tmp_path / "moved"
    shutil.copytree(corpus, moved / "SARDet_100K")
    old = tree(out)
    process = start(moved, out)
    wait_until(lambda: staging(out) is not None, process)
    os.kill(process.pid, signal.SIGSTOP)
    for path in moved.rglob("*.png"):
        path.unlink()
    os.kill(process.pid, signal.SIGCONT)
    _, output = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.startswith("Error: ") and ".png" in output and len(output.splitlines()) == 1
    assert tree(out) == old
    assert left_beside(out) == []
