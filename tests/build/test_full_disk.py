"""A disk that is full at any moment: one line, the old folder as it was, no litter."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest
from corpora import noisy_pictures, plain_corpus, write_corpus
from support import build, mounted, slow, tree

from builders.core.checksums import verify_checksums

SIZES = 20


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("source"), noisy_pictures(12, side=128, boxes=3))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory) -> Path:
    """Return a build on a disk with room."""
    out = tmp_path_factory.mktemp("whole") / "sarchat"
    build(corpus, out)
    return out


def check_outcome(result: subprocess.CompletedProcess, out: Path, old: dict[str, str], whole: Path) -> bool:
    """Check that a build either ended whole or changed nothing; return whether it ended whole."""
    assert [path.name for path in out.parent.iterdir()] == ["sarchat"]
    verify_checksums(out)
    if result.returncode == 0:
        assert tree(out) == tree(whole)
        return True
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1, result.stderr
    assert tree(out) == old
    return False


@pytest.fixture
def disk(tmp_path):
    """Return a function that gives a mounted disk some bytes, and again another number."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "tmpfs") as place:

        def resize(size: int) -> Path:
            subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)
            return place

        yield resize


@pytest.mark.slow
def test_a_disk_that_fills_at_any_of_twenty_sizes(tmp_path, corpus, whole, disk, sarchat):
    """From no room at all to a little more than the new folder takes beside the old one."""
    needed = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    out = disk(10 * needed) / "sarchat"
    build(plain_corpus(tmp_path), out)
    old = tree(out)
    used = (status := os.statvfs(out)).f_frsize * (status.f_blocks - status.f_bfree)
    ended = []
    for step in range(SIZES):
        disk(used + needed * 21 * step // (20 * (SIZES - 1)) + 4096)
        result = sarchat("build", corpus, "--out", out, "--no-pictures")
        ended.append(check_outcome(result, out, old, whole))
        if ended[-1]:
            break
    assert not all(ended) and not any(ended[:-1])
    assert len(ended) > SIZES * 3 // 4


@pytest.mark.parametrize("share", [0.3, 2, *slow(0, 0.01, 0.7, 0.99)])
def test_a_file_that_may_not_grow_further(tmp_path, corpus, whole, sarchat, share):
    """The same without root: the limit of a file's size (`ulimit -f`), as a share of the largest file's."""
    (tmp_path / "place").mkdir()
    out = tmp_path / "place" / "sarchat"
    build(plain_corpus(tmp_path), out)
    old = tree(out)
    largest = max(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * largest), hard))
    try:
        result = sarchat("build", corpus, "--out", out, "--no-pictures")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert check_outcome(result, out, old, whole) == (share > 1)
