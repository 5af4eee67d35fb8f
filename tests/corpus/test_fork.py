"""An archive is read by many processes and threads at once, and each gets the bytes that are in it."""

from __future__ import annotations

import hashlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
from corpora import noisy_pictures, write_corpus, zip_corpus

from builders.core.errors import SARChatError
from builders.corpus.source import open_source
from sarchat_dataset import SARChat


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus larger than any buffer: 8 MB of noise."""
    pictures = noisy_pictures(32, side=450) | noisy_pictures(16, side=300, split="test")
    return write_corpus(tmp_path_factory.mktemp("large"), pictures)


@pytest.fixture(scope="module")
def archive(corpus, tmp_path_factory):
    return zip_corpus(corpus, tmp_path_factory.mktemp("archive") / "corpus.zip")


def read_all(source, names: list[str]) -> list[str]:
    return [hashlib.sha256(source.read(name)).hexdigest() for name in names]


def read_one(source, name: str) -> str:
    return read_all(source, [name])[0]


def image_names(source, corpus) -> list[str]:
    prefix = "" if source.is_dir("Annotations") else f"{corpus.name}/"
    return [f"{prefix}{path.relative_to(corpus).as_posix()}" for path in sorted(corpus.rglob("*.png"))]


@pytest.mark.slow
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
def test_forked_processes_read_an_open_archive(corpus, archive):
    source = open_source(archive)
    names = image_names(source, corpus)
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(corpus.rglob("*.png"))]
    assert read_all(source, names[:3]) == expected[:3]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=lambda: queue.put(read_all(source, names))) for _ in range(4)]
    for process in processes:
        process.start()
    own = read_all(source, names)
    results = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert [own, *results] == [expected] * 5


@pytest.mark.slow
def test_threads_read_an_open_archive(corpus, archive):
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(corpus.rglob("*.png"))]
    for _ in range(3):
        source = open_source(archive)
        names = image_names(source, corpus)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(read_one, [source] * len(names), names)) == expected


@pytest.mark.slow
def test_prepare_in_two_processes_from_a_zip(corpus, archive, tmp_path):
    builder = SARChat(config_name="counting", data_dir=str(archive), cache_dir=str(tmp_path / "zip"))
    builder.download_and_prepare(num_proc=2)
    other = SARChat(config_name="counting", data_dir=str(corpus), cache_dir=str(tmp_path / "folder"))
    other.download_and_prepare()
    for split, records in builder.as_dataset().items():
        assert records["id"] == other.as_dataset(split=split)["id"]
        assert all(image.size for image in records["image"])


def test_archive_that_was_replaced_is_refused_in_another_process(archive, tmp_path, monkeypatch):
    copy = tmp_path / "copy.zip"
    copy.write_bytes(archive.read_bytes())
    source = open_source(copy)
    copy.write_bytes(archive.read_bytes() + b"more")
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(SARChatError, match="has changed"):
        source.read("any")
