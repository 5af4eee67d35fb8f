"""Files that a command writes: whole or not at all, and never in place of what it reads."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from built_fixture import sample_build
from support import refusal

from builders.cli.command import main
from builders.core.atomic import replacing_folder
from builders.core.errors import SARChatError
from builders.core.writing import check_outputs, leftovers, temporary, writing_whole


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
    monkeypatch.setattr("builders.scoring.scoring.evaluate_file", lambda *arguments: pytest.fail("scored already"))
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


def test_writes_of_one_file_side_by_side_are_each_whole(tmp_path):
    """In one process and in threads; each begins by looking for what killed ones left."""
    path = tmp_path / "scores.json"
    with writing_whole(path) as first, writing_whole(path) as second:
        first.write("first")
        second.write("second, and longer")
    assert path.read_text() == "first"

    def write(number: int) -> None:
        for _ in range(30):
            with writing_whole(path) as stream:
                stream.write(str(number) * 10_000)
            assert len({*path.read_text()}) == 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    assert os.listdir(tmp_path) == ["scores.json"]


def test_leftovers_are_removed_unless_they_are_being_written(tmp_path):
    path = tmp_path / "scores.json"
    temporary(path).write_text("half")
    with writing_whole(path) as stream:
        stream.write("slow")
        with writing_whole(path) as other:
            other.write("quick")
        assert len(os.listdir(tmp_path)) == 2
    assert path.read_text() == "slow"
    assert os.listdir(tmp_path) == ["scores.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from builders.core.writing import writing_whole
with writing_whole(Path(sys.argv[1])) as stream:
    stream.write("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_killed_write_keeps_the_old_file_and_the_next_one_clears_up(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert path.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    with writing_whole(path) as stream:
        stream.write("new")
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_a_new_file_has_the_permissions_of_the_old_one(tmp_path, mode):
    path = tmp_path / "scores.json"
    path.write_text("old")
    path.chmod(mode)
    with writing_whole(path) as stream:
        (partial,) = leftovers(path)
        assert partial.stat().st_mode & 0o777 == mode
        stream.write("new")
    assert path.stat().st_mode & 0o777 == mode


def test_a_file_that_is_read_only_is_not_replaced(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text('{"metric_version": 1}')
    check_outputs({"--output": path}, [], {"--output": b"metric_version"})
    path.chmod(0o444)
    with pytest.raises(SARChatError, match="exists and is not a file that this option writes"):
        check_outputs({"--output": path}, [], {"--output": b"metric_version"})


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
