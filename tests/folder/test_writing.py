"""Files that a command writes: whole or not at all, and never in place of what it reads."""

from __future__ import annotations

import errno
import json
import os
import threading

import pytest
from built_fixture import sample_build
from support import refusal

from builders.cli.command import main
from builders.errors import SARChatError
from builders.folder.atomic import replacing_folder
from builders.folder.writing import check_outputs, writing_whole


@pytest.fixture
def predictions(tmp_path):
    path = tmp_path / "predictions.jsonl"
    row = next(iter(read_ids()))
    path.write_text(json.dumps({"id": row, "prediction": "ship"}) + "\n")
    return path


def read_ids() -> list[str]:
    import pyarrow.parquet as pq

    (file,) = sample_build(("counting",), ("test",)).glob("counting/*.parquet")
    return pq.read_table(file, columns=["id"]).column("id").to_pylist()


def score(predictions, *options: object) -> list[object]:
    references = sample_build(("counting",), ("test",))
    return ["score", predictions, "--references", references, "--config", "counting", *options]


@pytest.mark.parametrize("option", ["--output", "--details"])
@pytest.mark.parametrize("kind", ["itself", "symlink", "hard link", "another spelling"])
def test_output_never_replaces_the_predictions(predictions, capsys, option, kind):
    content = predictions.read_text()
    output = predictions.with_name("other.jsonl")
    if kind == "itself":
        output = predictions
    elif kind == "symlink":
        output.symlink_to(predictions)
    elif kind == "hard link":
        output.hardlink_to(predictions)
    else:
        (predictions.parent / "folder").mkdir()
        output = predictions.parent / "folder" / ".." / predictions.name
    assert str(output) in refusal(capsys, *score(predictions, option, output))
    assert predictions.read_text() == content


@pytest.mark.parametrize("name", ["README.md", "counting/test-00000-of-00001.parquet", "new.json"])
def test_output_never_goes_into_the_built_folder(predictions, capsys, name):
    """It would no longer be what its checksums say."""
    folder = sample_build(("counting",), ("test",))
    before = sorted(folder.rglob("*"))
    assert "--output" in refusal(capsys, *score(predictions, "--output", folder / name))
    assert sorted(folder.rglob("*")) == before


def test_two_outputs_are_two_files(predictions, capsys):
    both = predictions.with_name("both")
    assert "two files" in refusal(capsys, *score(predictions, "--output", both, "--details", both))
    assert not both.exists()


def test_output_that_cannot_be_written_is_refused_before_scoring(predictions, capsys, monkeypatch):
    monkeypatch.setattr("builders.evaluation.scoring.evaluate_file", lambda *arguments: pytest.fail("scored already"))
    assert "is a folder" in refusal(capsys, *score(predictions, "--output", predictions.parent))
    assert "create it first" in refusal(capsys, *score(predictions, "--output", predictions.parent / "none" / "a.json"))


def test_folder_in_place_of_predictions_is_reported(capsys):
    assert "--references" in refusal(capsys, *score(sample_build(("counting",), ("test",))))


def test_a_link_stays_and_its_file_is_replaced(tmp_path, predictions):
    (tmp_path / "results").mkdir()
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "results" / "first.json")
    main([str(argument) for argument in score(predictions, "--output", link)])
    assert link.is_symlink()
    assert json.loads((tmp_path / "results" / "first.json").read_text())["config"] == "counting"
    assert sorted(os.listdir(tmp_path)) == ["latest.json", "predictions.jsonl", "results"]


def test_what_is_no_file_is_written_to(tmp_path, predictions):
    """As `--output /dev/stdout`; root would replace the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    main([str(argument) for argument in score(predictions, "--output", pipe, "--details", "/dev/null")])
    reader.join(10)
    assert pipe.is_fifo()
    assert json.loads(read[0])["config"] == "counting"
    assert not os.path.isfile("/dev/null")


def test_somebodys_link_beside_the_file_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".scores.json.partial").symlink_to(victim)
    with writing_whole(tmp_path / "scores.json") as stream:
        stream.write("new")
    assert victim.read_text() == "mine"
    assert (tmp_path / "scores.json").read_text() == "new"


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), writing_whole(path) as stream:
        stream.write("half")
        raise OSError("full")
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_remote_input_is_passed_over(tmp_path):
    check_outputs({"--output": tmp_path / "a"}, ["hf://datasets/a/b", "owner/name"], {"--output": b"x"})
    with pytest.raises(SARChatError):
        check_outputs({"--output": tmp_path / "a"}, [tmp_path], {"--output": b"x"})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's disk that is always full")
@pytest.mark.parametrize("option", ["--output", "--details"])
def test_a_full_disk_is_named(predictions, capsys, option):
    assert refusal(capsys, *score(predictions, option, "/dev/full")).endswith("No space left on device: /dev/full")


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EIO"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path, name):
    """Writing to an open file fails without the file's name."""
    out = tmp_path / "out"
    with pytest.raises(OSError, match="device") as caught, replacing_folder(out, lambda _: True):
        raise OSError(getattr(errno, name), "on the device")
    assert caught.value.filename == str(out)
    assert list(tmp_path.iterdir()) == []
