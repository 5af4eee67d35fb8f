"""No command follows a path out of a folder that somebody else wrote."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from built_fixture import sample_build
from support import refusal

from builders.cli.command import main
from builders.core.checksums import write_checksums

TASK = "referring"
SECRET = "the secret of another folder"
CARD = "---\nconfigs:\n- config_name: referring\n  data_files:\n  - split: test\n    path: {path}\n---\n"


@pytest.fixture
def secret(tmp_path) -> Path:
    """A file outside the folder that nobody may see, and a good Parquet file beside it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "id_rsa").write_text(SECRET)
    (good,) = sample_build((TASK,)).glob(f"{TASK}/test-*.parquet")
    shutil.copy(good, tmp_path / "outside" / "test.parquet")
    return tmp_path / "outside" / "id_rsa"


@pytest.fixture
def folder(tmp_path) -> Path:
    shutil.copytree(sample_build((TASK,)), tmp_path / "folder")
    return tmp_path / "folder"


def commands(folder: Path, tmp_path: Path) -> dict[str, list[object]]:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "referring/test/0000005/0", "prediction": "x"}\n')
    return {
        "show": ["show", folder, TASK, "--out", tmp_path / "record.png"],
        "stats": ["stats", folder],
        "score": ["score", answers, "--references", folder, "--config", TASK],
        "export": ["export", folder, "--to", "ms-swift", "--split", "test", "--out", tmp_path / "export"],
        "push": ["push", "dataset", folder, "me/data", "--dry-run"],
    }


COMMANDS = ("show", "stats", "score", "export", "push")


def files_written(tmp_path: Path) -> list[bytes]:
    """Return the contents of everything outside the folder and the secret's own."""
    inside = (tmp_path / "folder", tmp_path / "outside")
    found = [path for path in tmp_path.rglob("*") if path.is_file() and not any(top in path.parents for top in inside)]
    return [path.read_bytes() for path in found]


def check_refused(capsys, tmp_path: Path, folder: Path, command: str) -> None:
    line = refusal(capsys, *commands(folder, tmp_path)[command])
    assert SECRET not in line and len(line) < 1_500
    assert not any(SECRET.encode() in content for content in files_written(tmp_path))
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("path", ["../outside/test.parquet", "{outside}/test.parquet", "x/../../outside/*", "~/*"])
def test_a_card_that_names_files_elsewhere(tmp_path, capsys, folder, secret, path, command):
    (folder / "README.md").write_text(CARD.format(path=path.format(outside=secret.parent)))
    write_checksums(folder)
    check_refused(capsys, tmp_path, folder, command)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["file", "relative", "folder", "card"])
def test_a_link_that_leads_elsewhere(tmp_path, capsys, folder, secret, kind, command):
    (data,) = folder.glob(f"{TASK}/test-*.parquet")
    outside = secret.parent / "test.parquet"
    if kind == "card":
        shutil.move(folder / "README.md", secret.parent / "README.md")
        (folder / "README.md").symlink_to(secret.parent / "README.md")
    elif kind == "folder":
        shutil.move(folder / TASK, secret.parent / TASK)
        (folder / TASK).symlink_to(secret.parent / TASK)
    else:
        data.unlink()
        data.symlink_to(outside if kind == "file" else os.path.relpath(outside, data.parent))
    check_refused(capsys, tmp_path, folder, command)


@pytest.mark.parametrize("command", ["show", "stats", "score", "export"])
def test_a_snapshot_of_the_hub_may_link_to_its_own_blobs(tmp_path, capsys, folder, command):
    """The cache of huggingface_hub keeps files in `blobs/`, and links to them in `snapshots/REVISION/`."""
    top = tmp_path / "datasets--me--data"
    (top / "blobs").mkdir(parents=True)
    snapshot = top / "snapshots" / "0123abcd"
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        blob = top / "blobs" / str(number)
        shutil.move(path, blob)
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    arguments = commands(snapshot, tmp_path)[command]
    if command == "score":
        record = json.loads(json.dumps(pq.read_table(snapshot / TASK, columns=["id"]).column("id")[-1].as_py()))
        Path(arguments[1]).write_text(json.dumps({"id": record, "prediction": "x"}) + "\n")
        split = record.split("/")[1]
        arguments += ["--split", split]
    main(list(map(str, arguments)))


@pytest.mark.parametrize("command", ["show", "export"])
@pytest.mark.parametrize("place", ["absolute", "relative", "linked"])
def test_an_image_path_that_names_no_image(tmp_path, capsys, monkeypatch, folder, secret, place, command):
    """A build without embedded images names files anywhere on its machine, so only images are read and passed on."""
    monkeypatch.chdir(secret.parent)
    target = {"absolute": str(secret), "relative": secret.name, "linked": str(secret.parent / "a.png")}[place]
    if place == "linked":
        Path(target).symlink_to(secret)
    (path,) = folder.glob(f"{TASK}/test-*.parquet")
    table = pq.read_table(path)
    images = pa.array([{"bytes": None, "path": target}] * len(table), table.schema.field("image").type)
    pq.write_table(table.set_column(table.schema.names.index("image"), "image", images), path)
    check_refused(capsys, tmp_path, folder, command)
