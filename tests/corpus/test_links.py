"""A symbolic link in a corpus that leads out of it is refused by its name and target; others are followed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from corpora import plain_corpus
from datasets.exceptions import DatasetGenerationError
from support import build, parquet_sums, refusal, slow

from builders.build.options import BuildOptions
from builders.core.errors import SARChatError
from builders.corpus.corpus import locate
from sarchat_dataset import SARChat

OPTIONS = BuildOptions(tasks=["counting"])


@pytest.fixture
def corpus(tmp_path) -> Path:
    return plain_corpus(tmp_path / "source")


def move_out(corpus: Path, path: str, place: str = "elsewhere") -> Path:
    """Move a file or folder of a corpus beside it, and link to it."""
    target = corpus.parent / place / Path(path).name
    target.parent.mkdir(exist_ok=True)
    shutil.move(corpus / path, target)
    (corpus / path).symlink_to(os.path.relpath(target, (corpus / path).parent))
    return target


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("JPEGImages/train/0000002.png", "JPEGImages/train/0000002.png"),
        ("JPEGImages/train", "JPEGImages/train"),
        ("JPEGImages", "JPEGImages/train"),
        ("Annotations/train.json", "Annotations/train.json"),
        ("Annotations", "Annotations"),
    ],
)
def test_a_link_out_of_the_corpus_is_refused(tmp_path, capsys, corpus, path, shown):
    target = move_out(corpus, path)
    for option in ("--embed", "--no-embed"):
        line = refusal(capsys, "build", corpus, option, "--out", tmp_path / "out")
        assert f"{corpus / shown} is a link out of the folder, to {target}" in line and "--images DIR" in line
    for streaming in (False, True):
        with pytest.raises((SARChatError, DatasetGenerationError)) as caught:
            builder = SARChat(config_name="counting", data_dir=str(corpus), cache_dir=str(tmp_path / "cache"))
            list(builder.as_streaming_dataset("train")) if streaming else builder.download_and_prepare()
        assert "is a link out of the folder, to" in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    "kind", ["an image", "a cache of the Hub", *slow("the corpus", "the folder around it", "the images")]
)
def test_other_links_are_followed(tmp_path, corpus, kind):
    build(corpus, tmp_path / "expected", OPTIONS)
    source = tmp_path / "link"
    if kind == "the corpus":
        source.symlink_to(corpus)
    elif kind == "the folder around it":
        source.symlink_to(corpus.parent)
    elif kind == "a cache of the Hub":
        source = shutil.move(corpus.parent, tmp_path / "snapshots" / "0123")
        for place, path in enumerate(sorted(source.rglob("*.*"))):
            (tmp_path / "blobs").mkdir(exist_ok=True)
            shutil.move(path, tmp_path / "blobs" / str(place))
            path.symlink_to(os.path.relpath(tmp_path / "blobs" / str(place), path.parent))
    else:
        move_out(
            corpus,
            {"an image": "JPEGImages/train/0000002.png", "the images": "JPEGImages"}[kind],
            f"{corpus.name}/.store",
        )
        source = corpus
    build(source, tmp_path / "out", OPTIONS)
    assert parquet_sums(tmp_path / "out") == parquet_sums(tmp_path / "expected")
    SARChat(config_name="counting", data_dir=str(source), cache_dir=str(tmp_path / "cache")).download_and_prepare()


def test_a_file_and_a_folder_that_are_named_may_be_anywhere(tmp_path, corpus):
    build(corpus, tmp_path / "expected", OPTIONS)
    (tmp_path / "images").symlink_to(corpus / "JPEGImages" / "train")
    (tmp_path / "boxes.json").symlink_to(corpus / "Annotations" / "train.json")
    build(locate(tmp_path / "images", {"train": tmp_path / "boxes.json"}), tmp_path / "out", OPTIONS)
    sums = parquet_sums(tmp_path / "expected")
    assert parquet_sums(tmp_path / "out") == {path: digest for path, digest in sums.items() if "/train-" in path}
