"""Rows of harnesses name the notation that an export wrote them in: it is read from there, and not contradicted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from built_fixture import sample_build
from support import refusal, slow, write_lines

from builders.cli.command import main
from builders.data.open_data import open_data
from builders.export.record import harness_row, make_record
from builders.notation.models import choose
from builders.notation.render import Phrasing

TASK = "referring"


def exported_rows(model: str) -> list[dict]:
    """Return the rows of a harness's export."""
    data = open_data(str(sample_build()))
    phrasing = Phrasing(choose(model).notation)
    return [harness_row(make_record(row, "", phrasing, data.info)) for row in data.rows(TASK, "test")]


def as_vlmevalkit(rows: list[dict], folder: Path) -> Path:
    path = folder / "m_SARChat.json"
    path.write_text(json.dumps([{"index": n, **row, "prediction": row["answer"]} for n, row in enumerate(rows)]))
    return path


def as_evalscope(rows: list[dict], folder: Path) -> Path:
    lines = [{"sample_score": {"sample_metadata": row, "score": {"prediction": row["answer"]}}} for row in rows]
    write_lines(folder / "sarchat_referring.jsonl", lines)
    return folder / "sarchat_referring.jsonl"


def as_inspect(rows: list[dict], folder: Path) -> Path:
    samples = [
        {
            "id": row["id"],
            "output": {"completion": row["answer"], "choices": [{"stop_reason": "stop"}]},
            "metadata": {key: value for key, value in row.items() if key not in ("id", "question", "answer")},
        }
        for row in rows
    ]
    (folder / "log.json").write_text(json.dumps({"samples": samples}))
    return folder / "log.json"


def as_lmms_eval(rows: list[dict], folder: Path) -> Path:
    keys = ("id", "box_format", "input_width", "input_height")
    lines = [
        {
            "doc_id": n,
            "target": row["answer"],
            "resps": [[row["answer"]]],
            "overall": ["overall", TASK, "single", True, False, {}, {key: row[key] for key in keys if key in row}, {}],
        }
        for n, row in enumerate(rows)
    ]
    write_lines(folder / "samples.jsonl", lines)
    return folder / "samples.jsonl"


TOOLS = {"vlmevalkit": as_vlmevalkit, "evalscope": as_evalscope, "inspect": as_inspect, "lmms-eval": as_lmms_eval}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("model", ["Qwen/Qwen2.5-VL-7B-Instruct", *slow("Qwen/Qwen3-VL-8B-Instruct", "m")])
def test_gold_answers_read_back_without_an_option_have_all_points(tool, model, tmp_path, capsys):
    rows = exported_rows(model)
    file = TOOLS[tool](rows, tmp_path)
    out = tmp_path / "scores.json"
    score = ["score", str(file), "--references", str(sample_build()), "--config", TASK, "--from", tool]
    main([*score, "--output", str(out)])
    found = json.loads(out.read_text())
    assert found["overall"] == 100 and found["box_format"] == choose(model).box_format
    if model != "m":
        line = refusal(capsys, *score, "--box-format", "internvl")
        assert "not in internvl; use --box-format " + choose(model).box_format in line


def test_of_several_logs_none_is_chosen(tmp_path, capsys):
    for time, name in enumerate(("a.eval", "b.eval")):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (time, time))
    files = [tmp_path / "a.eval", tmp_path / "b.eval"]
    line = refusal(capsys, "score", *files, "--references", sample_build(), "--from", "inspect")
    assert "2 files of answers were given" in line and f"the newest is {files[1]}" in line


def test_the_size_of_a_format_follows_from_the_models_name_here_as_in_an_export(tmp_path, capsys):
    """One rule: by the model's name, or by an option, or refused."""
    rows = exported_rows("Qwen/Qwen2.5-VL-7B-Instruct")
    write_lines(tmp_path / "a.jsonl", [{"id": row["id"], "prediction": row["answer"]} for row in rows])
    score = ["score", tmp_path / "a.jsonl", "--references", sample_build(), "--config", TASK]
    score += ["--box-format", "qwen2.5-vl"]
    export = ["export", sample_build(), "--to", "evalscope", "--limit", "1", "--box-format", "qwen2.5-vl"]
    export += ["--out", tmp_path / "out"]
    for command in (score, export):
        assert "give --input-size WxH or --resize" in refusal(capsys, *command)
        main([*map(str, command), "--model", "Qwen/Qwen2.5-VL-7B-Instruct"])
    out = tmp_path / "scores.json"
    main([*map(str, score), "--model", "Qwen/Qwen2.5-VL-7B-Instruct", "--output", str(out)])
    found = json.loads(out.read_text())
    assert (found["overall"], found["resize"]) == (100, "28,3136,12845056")
