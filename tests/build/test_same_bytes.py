"""A build has the same bytes wherever and however it is made: `SHA256SUMS` is equal under every setting around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from corpora import random_corpus, zip_corpus
from support import ROOT, command

# Several at once, since each build takes seconds; bytes that differ under one of them differ.
SETTINGS: dict[str, dict] = {
    "hash seed 1, plain C locale, umask 077": {
        "env": {"PYTHONHASHSEED": "1", "LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        "umask": 0o077,
    },
    "hash seed 4711, Latin-1, umask 000": {
        "env": {
            "PYTHONHASHSEED": "4711",
            "LC_ALL": "de_DE.ISO-8859-1",
            "LANG": "de_DE",
            "PYTHONIOENCODING": "latin-1",
        },
        "umask": 0,
    },
    "Turkish, the far east, one thread": {
        "env": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati"}
        | dict.fromkeys(("OMP_NUM_THREADS", "ARROW_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    },
    "no docstrings, other order on disk": {"flags": ["-OO"], "copy": True},
    "development mode, links": {"flags": ["-X", "dev"], "links": True},
    "two processes": {"options": ["--num-proc", "2"]},
    "three processes, relative paths in another folder": {
        "options": ["--num-proc", "3"],
        "cwd": True,
        "env": {"PYTHONHASHSEED": "7", "TZ": "America/St_Johns"},
    },
    "zip, two processes": {"zip": True, "options": ["--num-proc", "2"]},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A corpus with every awkward case."""
    return random_corpus(tmp_path_factory.mktemp("source"), seed=5, number=8)


def build_sums(corpus: Path, out: Path, setting: dict) -> str:
    """Build in a process of its own; return the checksums of all files, the card and its pictures among them."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHASHSEED", "TZ", "LC_ALL")}
    environment |= {"PYTHONPATH": str(ROOT), **setting.get("env", {})}
    arguments = command("build", corpus, "--out", out, *setting.get("options", []))
    arguments[1:1] = setting.get("flags", [])
    umask = setting.get("umask", -1)
    cwd = out.parent if setting.get("cwd") else ROOT
    if setting.get("cwd"):
        arguments = [os.path.relpath(word, cwd) if word in (str(corpus), str(out)) else word for word in arguments]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment, cwd=cwd, umask=umask)
    assert done.returncode == 0, done.stderr
    return (out / "SHA256SUMS").read_text()


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("plain") / "sarchat"
    sums = build_sums(corpus, out, {"env": {"PYTHONHASHSEED": "0"}})
    listed = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=False)
    assert listed.returncode == 0
    return sums


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="umask and links")
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_build_has_the_same_bytes(corpus, expected, tmp_path, setting):
    source = corpus
    if setting.get("zip"):
        source = zip_corpus(corpus, tmp_path / "corpus.zip")
    elif setting.get("links"):
        # A link to a folder whose files are links inside it.
        shutil.copytree(corpus, tmp_path / "real" / ".store")
        shutil.copytree(tmp_path / "real" / ".store", tmp_path / "real", copy_function=os.symlink, dirs_exist_ok=True)
        source = tmp_path / "links"
        source.symlink_to("real")
    elif setting.get("copy"):
        source = tmp_path / "SARDet_100K"
        for path in sorted(corpus.rglob("*"), reverse=True):
            if path.is_file():
                (source / path.relative_to(corpus)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, source / path.relative_to(corpus))
        for split in ("train", "val", "test"):
            for folder in ("Images", "JPEGImages"):
                if (corpus / folder / split).is_dir():
                    (source / folder / split).mkdir(parents=True, exist_ok=True)
    assert build_sums(source, tmp_path / "sarchat", setting) == expected
