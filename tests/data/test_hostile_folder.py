"""Folders that somebody else wrote: `show`, `stats` and `score` refuse each fault in one line, and soon."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from built_fixture import sample_build
from support import refusal

TASK = "referring"
CARD = """---
configs:
- config_name: referring
  data_files:
  - split: test
    path: {path}
---
"""
DEEP = "[" * 20_000
# Nine lists of nine references each: 9 ** 9 items when they are read one by one.
ALIASES = "".join(
    f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 9) if depth else '1, 2'}]\n" for depth in range(10)
)
CARDS = {
    "not UTF-8": b"---\nconfigs: \xff\xfe\n---\n",
    "empty": b"",
    "no front matter": b"# hello\n",
    "absolute path": CARD.format(path="/etc/passwd"),
    "path up": CARD.format(path="../*/referring/test-*.parquet"),
    "empty path": CARD.format(path='""'),
    "two stars": CARD.format(path='"a**"'),
    "long path": CARD.format(path='"' + 300 * "9" + '"'),
    "null path": CARD.format(path="null"),
    "number as path": CARD.format(path="7"),
    "null in a list": CARD.format(path="[null]"),
    "path with a line break": CARD.format(path='"a\\nb"'),
    "path with a NUL": CARD.format(path='"a\\0b"'),
    "deep": f"---\nconfigs: {DEEP}\n---\n",
    "a bad date": "---\nconfigs: 2020-99-99\n---\n",
    "a long number": f"---\nconfigs: {'9' * 5000}\n---\n",
    "null config": CARD.format(path="x").replace("config_name: referring", "config_name: null"),
    "list as config": CARD.format(path="x").replace("config_name: referring", "config_name: [1]"),
    "null split": CARD.format(path="x").replace("split: test", "split: null"),
    "null files": "---\nconfigs:\n- config_name: referring\n  data_files: null\n---\n",
    "files by split": "---\nconfigs:\n- config_name: referring\n  data_files: {test: x}\n---\n",
    "text": "---\nconfigs: referring\n---\n",
    "an object": "---\n!!python/object/apply:os.system ['touch owned']\n---\n",
    "aliases": f"---\n{ALIASES}configs: *a9\n---\n",
    "aliases as files": f"---\n{ALIASES}configs:\n- config_name: referring\n  data_files: *a9\n---\n",
    "huge": "---\nconfigs: [\n" + "- 1,\n" * 3_000_000 + "]\n---\n",
}


def commands(folder: Path, tmp_path: Path) -> list[tuple[object, ...]]:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "referring/test/0000005/0", "prediction": "x"}\n')
    return [
        ("show", folder, TASK, "--out", tmp_path / "record.png"),
        ("stats", folder),
        ("score", answers, "--references", folder, "--config", TASK),
    ]


@pytest.mark.parametrize("command", range(3), ids=["show", "stats", "score"])
@pytest.mark.parametrize("card", CARDS)
def test_a_hostile_card_is_one_line(tmp_path, monkeypatch, capsys, card, command):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    text = CARDS[card]
    (folder / "README.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    start = time.process_time()
    line = refusal(capsys, *commands(folder, tmp_path)[command])
    assert time.process_time() - start < 10
    assert "folder" in line and len(line) < 1000
    assert not (tmp_path / "owned").exists()


def spoil(name: str):
    """Return a change of one column of the first row."""

    def change(rows: list[dict], value: object) -> None:
        rows[0][name] = value

    return change


IMAGE = {"bytes": None, "path": "/dev/zero"}
ROWS = {
    "null image": {"image": None},
    "image of nothing": {"image": {"bytes": None, "path": None}},
    "image of a device": {"image": IMAGE},
    "image of a folder": {"image": {"bytes": None, "path": "/"}},
    "image that is none": {"image": {"bytes": b"none", "path": None}},
    "width 0": {"width": 0},
    "height below 0": {"height": -5},
    "no width": {"width": None},
    "no messages": {"messages": []},
    "null messages": {"messages": None},
    "null content": {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": None}]},
    "category 99": {"objects": {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": [99]}},
    "null category": {"objects": {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": [None]}},
    "box of three numbers": {"objects": {"bbox": [[1.0, 2.0, 3.0]], "category": [0]}},
    "box that is infinite": {"objects": {"bbox": [[1.0, 2.0, float("inf"), 3.0]], "category": [0]}},
    "more boxes than categories": {"objects": {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": []}},
    "null objects": {"objects": None},
    "null id": {"id": None},
    "another task": {"task": "vqa"},
    "gold that cannot be read": {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": ""}]},
}


def rewrite(folder: Path, change) -> None:
    (path,) = folder.glob(f"{TASK}/test-*.parquet")
    table = pq.read_table(path)
    pq.write_table(change(table), path)


@pytest.fixture
def folder(tmp_path) -> Path:
    shutil.copytree(sample_build((TASK,)), tmp_path / "folder")
    return tmp_path / "folder"


@pytest.mark.parametrize("row", ROWS)
def test_a_hostile_record_is_one_line_or_drawn(tmp_path, capsys, folder, row):
    def change(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        rows[0] |= ROWS[row]
        return pa.Table.from_pylist(rows, schema=table.schema)

    rewrite(folder, change)
    refusal(capsys, *commands(folder, tmp_path)[0])
    assert not (tmp_path / "record.png").exists()


FOREIGN = {
    "other columns": pa.table({"text": ["a"], "label": [1]}),
    "no column": pa.table({}),
    "other types": pa.table({"id": [1], "image": ["x"], "messages": ["x"], "objects": ["x"], "width": ["1"]}),
    "no row": pa.table({"id": pa.array([], pa.string())}),
}


@pytest.mark.parametrize("command", range(3), ids=["show", "stats", "score"])
@pytest.mark.parametrize("schema", FOREIGN)
def test_another_schema_is_one_line(tmp_path, capsys, folder, schema, command):
    rewrite(folder, lambda table: FOREIGN[schema])
    refusal(capsys, *commands(folder, tmp_path)[command])


@pytest.mark.parametrize("command", range(3), ids=["show", "stats", "score"])
@pytest.mark.parametrize("kind", ["garbage", "damaged", "renamed", "empty", "folder", "pipe", "device"])
def test_files_that_are_none_are_one_line(tmp_path, capsys, folder, kind, command):
    (path,) = folder.glob(f"{TASK}/test-*.parquet")
    content = path.read_bytes()
    path.unlink()
    {
        "garbage": lambda: path.write_bytes(b"PAR1" + bytes(100) + b"PAR1"),
        "damaged": lambda: path.write_bytes(content[:4] + bytes(len(content) - 3000) + content[-2996:]),
        "renamed": lambda: path.write_bytes(content.replace(b"messages", b"massages").replace(b"width", b"depth")),
        "empty": lambda: path.write_bytes(b""),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
    }[kind]()
    assert path.name in refusal(capsys, *commands(folder, tmp_path)[command])
