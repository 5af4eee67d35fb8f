"""What a corpus has beside the files that are read is named: nothing of a split is passed over without a word."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from corpora import plain_corpus, zip_corpus
from support import refusal

from builders.cli.command import main
from sarchat_dataset import SARChat


@pytest.fixture
def corpus(tmp_path) -> Path:
    return plain_corpus(tmp_path / "source")


def copy(corpus: Path, old: str, new: str) -> None:
    (corpus / new).parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if (corpus / old).is_dir() else shutil.copyfile)(corpus / old, corpus / new)


def roboflow(corpus: Path) -> None:
    """Rearrange a corpus as Roboflow does, but for the name of the second split."""
    for split in ("train", "val"):
        copy(corpus, f"JPEGImages/{split}", split)
        copy(corpus, f"Annotations/{split}.json", f"{split}/_annotations.coco.json")
    shutil.rmtree(corpus / "Annotations")
    shutil.rmtree(corpus / "JPEGImages")


# What is done to a corpus, and what is then found and not read.
CASES = {
    "nothing": (lambda corpus: None, []),
    "another name of a split": (
        lambda corpus: copy(corpus, "Annotations/val.json", "Annotations/validation.json"),
        ["Annotations/validation.json"],
    ),
    "another case": (
        lambda corpus: shutil.move(corpus / "Annotations/test.json", corpus / "Annotations/Test.json"),
        ["Annotations/Test.json", "JPEGImages/test/"],
    ),
    "a folder of images": (lambda corpus: copy(corpus, "JPEGImages/val", "JPEGImages/extra"), ["JPEGImages/extra/"]),
    "a folder of images elsewhere": (lambda corpus: copy(corpus, "JPEGImages/val", "val2"), ["val2/"]),
    "parts": (
        lambda corpus: copy(corpus, "Annotations/val.json", "Annotations/trainval/a.json"),
        ["Annotations/trainval/a.json"],
    ),
    "another tool's split": (roboflow, ["val/", "val/_annotations.coco.json"]),
    "what is no annotation": (lambda corpus: (corpus / "package.json").write_text("{}"), []),
    "a build inside": (
        lambda corpus: main(["build", str(corpus), "--out", str(corpus / "out"), "--no-pictures"]),
        [],
    ),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_what_was_not_read_is_named(tmp_path, capsys, corpus, case, zipped):
    change, expected = CASES[case]
    change(corpus)
    source = zip_corpus(corpus, tmp_path / "corpus.zip") if zipped else corpus
    capsys.readouterr()
    main(["build", str(source), "--out", str(tmp_path / "out"), "--task", "counting", "--no-pictures"])
    printed = capsys.readouterr()
    assert re.findall(r"^Found but not read: (.+)$", printed.out, re.M) == expected
    warnings = [line for line in printed.err.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == bool(expected)
    for line in warnings:
        assert f"found but not read: {', '.join(expected)}; only " in line and "--annotations" in line


def test_the_live_builder_names_it_too(tmp_path, caplog, corpus):
    copy(corpus, "Annotations/val.json", "Annotations/validation.json")
    SARChat(config_name="counting", data_dir=str(corpus), cache_dir=str(tmp_path / "cache"))
    assert "found but not read: Annotations/validation.json" in caplog.text


def test_where_nothing_is_read_everything_that_was_found_is_named(tmp_path, capsys, corpus):
    for split in ("train", "val", "test"):
        shutil.move(corpus / "Annotations" / f"{split}.json", corpus / f"my {split}.json")
    line = refusal(capsys, "build", corpus, "--out", tmp_path / "out")
    assert "but found JPEGImages/test/, JPEGImages/train/, JPEGImages/val/, my test.json, my train.json, my val" in line


@pytest.mark.parametrize(("removed", "split"), [("test", "train"), ("train", None)])
def test_a_build_without_the_split_that_commands_read_says_so(tmp_path, capsys, corpus, removed, split):
    (corpus / "Annotations" / f"{removed}.json").unlink()
    main(["build", str(corpus), "--out", str(tmp_path / "out"), "--task", "counting", "--no-pictures"])
    printed = capsys.readouterr().out
    assert (f"no split test, which other commands read by default: give them --split {split}" in printed) == bool(split)
