"""Images of a remote folder are read ahead, within limits, and a build of them has the same bytes as a local one."""

from __future__ import annotations

import re
import sys
import threading
import time
import uuid
from pathlib import Path

import fsspec
import pytest
from corpora import Picture, noisy_pictures, write_corpus
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry
from label_corpora import write_labels
from support import build, tree

from builders.build.options import BuildOptions
from builders.core.errors import SARChatError
from builders.core.storage import REQUESTS_AT_ONCE
from builders.corpus import reading_ahead
from builders.corpus.categories import Naming
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.label_formats import open_labels
from builders.corpus.reading_ahead import read_ahead
from builders.corpus.source import open_source

SIZE = 1000


class Observed(MemoryFileSystem):
    """A storage whose answers take a moment; it counts the bytes of the files that are being read."""

    protocol = "observed"
    store: dict = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    lock = threading.Lock()
    now = most = files = 0
    at_once = most_at_once = 0

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("observed://", "memory://"))

    def cat_file(self, path, start=None, end=None, **kwargs):
        size = self.info(path)["size"]
        with Observed.lock:
            Observed.now += size
            Observed.files += 1
            Observed.at_once += 1
            Observed.most_at_once = max(Observed.most_at_once, Observed.at_once)
            Observed.most = max(Observed.most, Observed.now)
        time.sleep(0.01)
        with Observed.lock:
            Observed.now -= size
            Observed.at_once -= 1
        return super().cat_file(path, start, end, **kwargs)


@pytest.fixture
def storage(monkeypatch):
    fsspec.register_implementation("observed", Observed, clobber=True)
    for name in ("now", "most", "files", "at_once", "most_at_once"):
        monkeypatch.setattr(Observed, name, 0)
    return f"observed://{uuid.uuid4().hex}"


def fill(storage: str, number: int) -> list[tuple[str, int]]:
    fs = fsspec.filesystem("observed")
    top = storage.partition("://")[2]
    for index in range(number):
        fs.pipe_file(f"/{top}/{index:03d}", bytes([index]) * SIZE)
    return [(f"{index:03d}", SIZE) for index in range(number)]


def test_files_come_in_order_several_at_a_time(storage):
    files = fill(storage, 100)
    contents = list(read_ahead(open_source(storage), files))
    assert contents == [bytes([index]) * SIZE for index in range(100)]
    assert 2 * SIZE <= Observed.most <= REQUESTS_AT_ONCE * SIZE


def test_files_of_unknown_size_are_read_ahead_too(storage):
    files = [(name, None) for name, _ in fill(storage, 60)]
    assert [content[0] for content in read_ahead(open_source(storage), files)] == list(range(60))
    assert Observed.most >= 2 * SIZE


@pytest.mark.parametrize("budget, most", [(5 * SIZE, 5 * SIZE), (SIZE // 2, SIZE)])
def test_no_more_bytes_are_ahead_than_allowed_or_one_file(storage, monkeypatch, budget, most):
    monkeypatch.setattr(reading_ahead, "BYTES_AHEAD", budget)
    files = fill(storage, 30)
    assert len(list(read_ahead(open_source(storage), files))) == 30
    assert Observed.most <= most


def test_missing_file_is_named_at_its_turn_and_nothing_more_is_read(storage):
    files = fill(storage, 200)
    contents = read_ahead(open_source(storage), [*files[:3], ("absent", SIZE), *files[3:]])
    assert [len(next(contents)) for _ in range(3)] == [SIZE] * 3
    with pytest.raises(SARChatError, match=f"no such file: {storage}/absent"):
        next(contents)
    assert Observed.files < 100


def test_closing_ends_the_threads(storage):
    files = fill(storage, 50)
    contents = read_ahead(open_source(storage), files)
    next(contents)
    contents.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_build_from_storage_has_the_same_bytes_as_from_a_folder(tmp_path, storage):
    corpus = write_corpus(tmp_path, noisy_pictures(20, side=64))
    fs = fsspec.filesystem("observed")
    fs.put(str(corpus), f"/{storage.partition('://')[2]}/", recursive=True)
    options = BuildOptions(pictures=False)
    build(corpus, tmp_path / "local", options)
    build(f"{storage}/SARDet_100K", tmp_path / "remote", options)
    assert tree(tmp_path / "local") == tree(tmp_path / "remote")
    sizes = [path.stat().st_size for path in Path(corpus).rglob("*.png")]
    assert Observed.most > 2 * max(sizes)


def test_storage_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(SARChatError, match=r"cannot open s3://bucket/corpus: .*pip install '.\[s3\]'"):
        open_source("s3://bucket/corpus")


@pytest.mark.parametrize("label_format", ["coco", "voc", "yolo", "dota"])
def test_labels_and_headers_of_images_are_read_ahead(storage, tmp_path, label_format):
    """Each file is read once."""
    pictures = [Picture(f"{number:03d}.png", boxes=[("ship", number, 0, 9, 9)]) for number in range(40)]
    split = write_labels(tmp_path, pictures, label_format)
    # Without the sizes, as in files made by hand.
    for path in (tmp_path / "labels.json", *(tmp_path / "labels").glob("*.xml")):
        if path.exists():
            path.write_text(
                re.sub(
                    '"width": 256, "height": 256|<size>.*</size>',
                    lambda found: "" if "<" in found[0] else '"none": 0',
                    path.read_text(),
                )
            )
    fsspec.filesystem("observed").put(f"{tmp_path}/", f"{storage}/", recursive=True)
    with open_labels(open_source(storage), split).read(Naming(known_corpus(DEFAULT))) as annotations:
        images = list(annotations.images())
    assert [(image.file_name, image.width) for image in images] == [(picture.name, 256) for picture in pictures]
    labels = 0 if label_format == "coco" else 40
    assert labels + 40 <= Observed.files <= labels + 40 + 2
    assert Observed.most_at_once > 4
