"""S3, by a server on this machine: a corpus there gives the same build, and a build there loads as its page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import islice

import pytest
from built_fixture import sample_build, sample_corpus
from corpora import Picture, plain_pictures, random_corpus
from datasets import load_dataset
from faulty_storage import stored
from label_corpora import write_labels
from s3_server import serving
from support import ROOT, build, comparable, tree

from builders.build import pipeline
from builders.build.options import BuildOptions
from builders.build.pipeline import format_report
from builders.core.errors import SARChatError
from builders.corpus.categories import Naming
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.label_formats import open_labels
from builders.corpus.source import open_source
from sarchat_dataset import FEATURES, SARChat

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def s3():
    """The file system of a server with the empty bucket `bucket`."""
    with serving() as server:
        yield server.fs


def test_corpus_in_a_bucket_gives_the_bytes_of_a_local_one(tmp_path, s3):
    corpus = sample_corpus() / "SARDet_100K"
    s3.put(str(corpus), "bucket/corpora/", recursive=True)
    build(corpus, tmp_path / "local", BuildOptions(pictures=False))
    for processes in (1, 2):
        options = BuildOptions(pictures=False, num_proc=processes)
        build("s3://bucket/corpora/SARDet_100K", tmp_path / f"remote-{processes}", options)
        assert tree(tmp_path / f"remote-{processes}") == tree(tmp_path / "local")


def test_looking_for_a_file_in_a_folder_itself_lists_none_of_its_folders(s3, monkeypatch):
    """A corpus has its images there."""
    for name in ("JPEGImages/1.jpg", "JPEGImages/2.jpg", "train.json"):
        s3.pipe_file(f"bucket/flat/{name}", b"x")
    source = open_source("s3://bucket/flat")
    call, pages = type(source.fs).call_s3, []

    def call_and_keep(fs, *arguments, **options):
        pages.append(call(fs, *arguments, **options))
        return pages[-1]

    monkeypatch.setattr(type(source.fs), "call_s3", call_and_keep)
    assert [name for name, *_ in source.walk("", deep=False)] == ["train.json"]
    assert [entry["Key"] for entry in pages[-1]["Contents"]] == ["flat/train.json"]


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_live_records_of_a_bucket_are_those_of_a_local_folder(tmp_path, s3, method):
    """Prepared, streamed, shuffled, resumed, and shared by the workers of a loader after its parent has read too."""
    torch_data = pytest.importorskip("torch.utils.data")
    corpus = random_corpus(tmp_path / "corpus", 2, 6)
    s3.put(str(corpus), f"bucket/live-{method}", recursive=True)

    def make(place: object, cache: str) -> SARChat:
        return SARChat(config_name="all", data_dir=str(place), cache_dir=str(tmp_path / cache))

    def stream():
        return make(f"s3://bucket/live-{method}", "remote").as_streaming_dataset()["train"]

    local, remote = make(corpus, "local"), make(f"s3://bucket/live-{method}", "remote")
    for builder in (local, remote):
        builder.download_and_prepare()
    expected = [comparable(record) for record in local.as_dataset(split="train")]
    assert [comparable(record) for record in remote.as_dataset(split="train")] == expected
    assert [comparable(record) for record in stream()] == expected
    whole = [record["id"] for record in expected]
    shuffled = stream().shuffle(seed=1, buffer_size=10)
    assert sorted(record["id"] for record in shuffled) == sorted(whole)
    begun = stream()
    first = [record["id"] for record in islice(begun, 5)]
    rest = stream()
    rest.load_state_dict(begun.state_dict())
    assert first + [record["id"] for record in rest] == whole
    loader = torch_data.DataLoader(
        stream().remove_columns("image"), batch_size=None, num_workers=2, multiprocessing_context=method
    )
    assert sorted(record["id"] for record in loader) == sorted(whole)


def test_image_that_is_gone_is_named(tmp_path, s3):
    s3.put(str(sample_corpus() / "SARDet_100K"), "bucket/incomplete/", recursive=True)
    first, *_ = sorted(s3.find("bucket/incomplete/SARDet_100K/JPEGImages/train"))
    s3.rm(first)
    with pytest.raises(SARChatError, match=f"image missing: s3://{re.escape(first)}"):
        build("s3://bucket/incomplete/SARDet_100K", tmp_path / "out", BuildOptions(pictures=False))
    assert not (tmp_path / "out").exists()


def test_the_page_loads_a_build_from_a_bucket(tmp_path, s3):
    s3.put(str(sample_build()), "bucket/sarchat", recursive=True)
    page = (ROOT / "docs/object-storage.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    environment = {
        **os.environ,
        "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"referring/test/\S+ \(\d+, \d+\)\n", done.stdout)


@pytest.mark.parametrize("processes", [1, 2])
def test_build_into_a_bucket_has_the_bytes_of_a_local_one(tmp_path, s3, processes):
    """With pictures, from a corpus in the bucket; the second time, it is refused. The printed code loads it."""
    s3.put(str(sample_corpus() / "SARDet_100K"), f"bucket/source-{processes}/", recursive=True)
    options = BuildOptions(num_proc=processes)
    pipeline.build(sample_corpus(), tmp_path / "local", options)
    url = f"s3://bucket/built-{processes}/sarchat"
    text = format_report(pipeline.build(f"s3://bucket/source-{processes}/SARDet_100K", url, options))
    assert stored(url) == tree(tmp_path / "local")
    with pytest.raises(SARChatError, match="holds a finished build"):
        build(sample_corpus(), url, options)
    code = text.partition("Load it in Python:\n")[2]
    names: dict = {}
    exec(code.replace('split="test")', f'split="test", cache_dir={str(tmp_path / "cache")!r})'), names)
    files = {"test": f"{url}/referring/test-*.parquet"}
    stream = load_dataset("parquet", data_files=files, features=FEATURES, split="test", streaming=True)
    assert names["dataset"]["id"][:] == [record["id"] for record in stream]


def test_bucket_that_does_not_exist_is_named(s3):
    with pytest.raises(SARChatError, match=r"^cannot list s3://nowhere/sarchat: .*; create the bucket first$"):
        build(sample_corpus(), "s3://nowhere/sarchat")


@pytest.mark.parametrize("label_format", ["coco", "voc", "yolo", "dota"])
def test_labels_in_a_bucket_are_those_of_a_local_folder(tmp_path, s3, label_format):
    """A folder of many files is listed page by page, and its files are read ahead."""
    pictures = [*plain_pictures()["train"], Picture("more/none.jpg", 64, 64)]
    split = write_labels(tmp_path / "local", pictures, label_format)
    s3.put(f"{tmp_path}/local", f"bucket/{label_format}", recursive=True)
    found = []
    for top in (str(tmp_path / "local"), f"s3://bucket/{label_format}"):
        with open_labels(open_source(top), split).read(Naming(known_corpus(DEFAULT))) as annotations:
            found.append((list(annotations.images()), annotations.count_images(), annotations.digest))
    assert found[0] == found[1] and len(found[0][0]) == 3 and found[0][1] == 4
