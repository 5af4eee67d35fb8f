"""Wherever a command refuses an unknown name, it names the known one that is near."""

from __future__ import annotations

import pytest
from built_fixture import sample_build

SCORE = ("score", "ANSWERS", "--references", "DATA")
EXPORT = ("export", "DATA", "--out", "OUT", "--to")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ((*SCORE, "--config", "refering"), "referring"),
        ((*SCORE, "--split", "tets"), "test"),
        ((*SCORE, "--from", "msswift"), "ms-swift"),
        ((*SCORE, "--average", "corpos"), "corpus"),
        ((*SCORE, "--weights", "publised"), "published"),
        ((*SCORE, "--format", "markdwon"), "markdown"),
        ((*SCORE, "--box-format", "qwen3vl"), "qwen3-vl"),
        ((*EXPORT, "trll"), "trl"),
        ((*EXPORT, "trl", "--images", "copi"), "copy"),
        ((*EXPORT, "trl", "--task", "countng"), "counting"),
        (("build", "--sample", "--out", "OUT", "--task", "refering"), "referring"),
        (("build", "--sample", "--out", "OUT", "--split", "trian"), "train"),
        (("build", "--sample", "--out", "OUT", "--engine", "raay"), "ray"),
        (("show", "DATA", "refering"), "referring"),
        (("show", "DATA", "referring", "--split", "tset"), "test"),
        (("leaderboard", "--show", "qwen2vl 7b"), "Qwen2-VL 7B"),
        (("leaderboard", "--weights", "onw"), "own"),
        (("leaderboard", "--figure", "radr.pdf"), "radar"),
        (("leaderboard", "--fromat", "csv"), "--format"),
    ],
)
def test_the_near_name_is_named(arguments, meant, tmp_path, sarchat):
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "prediction": "b"}\n')
    places = {"DATA": sample_build(), "ANSWERS": tmp_path / "answers.jsonl", "OUT": tmp_path / "out"}
    run = sarchat(*(places.get(argument, argument) for argument in arguments))
    assert run.returncode == 1 and run.stderr.count("\n") == 1
    assert f"id you mean '{meant}'?" in run.stderr
    assert not (tmp_path / "out").exists()
