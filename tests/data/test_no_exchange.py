"""Where a file system cannot exchange two folders in one step, two renames do it; a kill between them loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from corpora import plain_corpus, plain_pictures, write_corpus
from support import build, command, tree

from builders.core import atomic
from builders.core.writing import RETIRED, leftovers

# Stands for a file system without the exchange, and may kill the process before its n-th rename of folders.
LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int renameat2(int a, const char *from, int b, const char *to, unsigned int flags) {
    errno = EINVAL;
    return -1;
}

int rename(const char *from, const char *to) {
    static int seen = 0;
    const char *fatal = getenv("KILL_BEFORE");
    if (fatal && (strstr(from, ".partial") || strstr(to, ".old")) && !strstr(from, ".partial/")) {
        if (++seen == atoi(fatal)) raise(SIGKILL);
    }
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
"""


@pytest.fixture
def out(tmp_path) -> Path:
    """A folder with a good build, alone in its place."""
    (tmp_path / "place").mkdir()
    build(plain_corpus(tmp_path / "small"), tmp_path / "place" / "sarchat")
    return tmp_path / "place" / "sarchat"


@pytest.fixture
def other(tmp_path) -> Path:
    """Another corpus."""
    return write_corpus(tmp_path / "other", {"train": plain_pictures()["train"][:2]})


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "rename.c").write_text(LIBRARY)
    compiler = shutil.which("cc") or pytest.skip("needs a C compiler")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "rename.so", folder / "rename.c", "-ldl"], check=True)
    return folder / "rename.so"


def missing(name: str) -> object:
    """A C library without the function."""
    raise AttributeError(name)


def refusing(name: str) -> object:
    """A file system without the exchange."""
    return lambda *arguments: -1


@pytest.mark.parametrize("look_up", [missing, refusing])
def test_a_build_replaces_the_old_one(out, other, tmp_path, monkeypatch, look_up):
    class Library:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __getattr__(self, name: str) -> object:
            return look_up(name)

    build(other, tmp_path / "expected")
    monkeypatch.setattr(atomic.ctypes, "CDLL", Library)
    build(other, out)
    assert tree(out) == tree(tmp_path / "expected")
    assert [path.name for path in out.parent.iterdir()] == ["sarchat"]


def run(library: Path, corpus: Path, out: Path, kill_before: int) -> int:
    environment = {**os.environ, "LD_PRELOAD": str(library), "KILL_BEFORE": str(kill_before)}
    arguments = command("build", corpus, "--out", out, "--no-pictures")
    return subprocess.run(arguments, capture_output=True, check=False, env=environment).returncode


@pytest.mark.slow
@pytest.mark.parametrize("kill_before", [1, 2, 3])
def test_a_kill_between_the_two_renames_loses_neither(out, other, tmp_path, library, kill_before):
    """Before the first: the old one stays. Between them: it is beside, and the next run restores it. After: the new."""
    build(other, tmp_path / "expected")
    old, new = tree(out), tree(tmp_path / "expected")
    code = run(library, other, out, kill_before)
    assert code == (0 if kill_before == 3 else -signal.SIGKILL)
    if kill_before == 2:
        assert not out.exists() and [tree(folder) for folder in leftovers(out, RETIRED)] == [old]
    else:
        assert tree(out) == (old if kill_before == 1 else new)
    # The next run is one that fails, on a corpus that does not exist in full.
    (other / "Annotations" / "train.json").write_text("{")
    assert run(library, other, out, 0) == 1
    assert tree(out) == (new if kill_before == 3 else old)
    assert [path.name for path in out.parent.iterdir()] == ["sarchat"]
