"""Temporary folders: of a process that was killed, the next one removes them, and nobody else's."""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from corpora import plain_corpus
from support import ROOT, refusal

from builders.core import atomic
from builders.core.atomic import scratch_folder
from builders.core.errors import SARChatError
from builders.core.writing import lock_of
from builders.corpus.corpus import find_corpus
from builders.data.live import open_split

HOLDING = """
import time
from builders.core.atomic import scratch_folder
with scratch_folder() as folder:
    (folder / "half.parquet").write_bytes(bytes(1000))
    print(folder, flush=True)
    time.sleep(100)
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """The folder for temporary files, in which nobody has looked for abandoned ones."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    atomic._remove_abandoned.cache_clear()
    return tmp_path


def test_folder_is_removed_after_its_block(place):
    with scratch_folder() as folder:
        (folder / "file").touch()
        assert folder.parent == place
    assert not [*place.iterdir()]


def test_folder_of_a_killed_process_is_removed_and_that_of_a_running_one_is_not(place):
    holding = [
        subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    folders = [Path(process.stdout.readline().strip()) for process in holding]
    try:
        holding[0].send_signal(signal.SIGKILL)
        holding[0].wait()
        assert all(folder.is_dir() for folder in folders)
        with scratch_folder():
            pass
        assert sorted(place.iterdir()) == sorted([folders[1], lock_of(folders[1])])
    finally:
        for process in holding:
            process.kill()
            process.communicate()


def test_others_with_such_a_name_stay(place):
    (place / "sarchat-mine").mkdir()
    (place / "sarchat-mine" / "notes.txt").touch()
    (place / ".sarchat-mine.0123456789ab.lock").touch()
    linked = place / "sarchat-linked"
    linked.mkdir()
    (place / "precious").write_text("mine")
    lock_of(linked).symlink_to(place / "precious")
    before = sorted(place.rglob("*"))
    with scratch_folder():
        pass
    assert sorted(place.rglob("*")) == before and (place / "precious").read_text() == "mine"


def test_index_of_live_records_is_removed_with_what_reads_it(place, tmp_path_factory):
    """In another thread than it was opened in, as by a stream."""
    corpus = plain_corpus(tmp_path_factory.mktemp("corpus"))
    stamp = find_corpus(corpus).stamp()
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(open_split, str(corpus), stamp, "train").result()
    assert [*opened.images()] and len([*place.glob("sarchat-*")]) == 1
    open_split.cache_clear()
    del opened
    gc.collect()
    assert not [*place.iterdir()]


def test_full_disk_is_named(place):
    with pytest.raises(SARChatError, match=rf"^No space left on device: {place}, the folder .* set TMPDIR"):
        with scratch_folder():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not [*place.iterdir()]


def test_full_disk_of_another_folder_keeps_its_name(place, tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "sarchat"))
    with pytest.raises(OSError) as raised, scratch_folder():
        raise full
    assert raised.value is full


def test_full_disk_for_the_sample_is_named(place, tmp_path_factory, monkeypatch, capsys):
    def write(folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("builders.corpus.sample.write_sample", write)
    error = refusal(capsys, "build", "--sample", "--out", tmp_path_factory.mktemp("out") / "sarchat")
    assert f"{place}, the folder for temporary files" in error
    assert not [*place.iterdir()]
