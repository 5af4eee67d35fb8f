"""`sarchat demo`: what it prints can be typed, and it works on part of a build."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built_fixture import sample_build


@pytest.mark.parametrize("tasks", [(), ("counting",)])
def test_gold_scores_100_and_the_noisy_answers_what_the_command_says(tmp_path, sarchat, tasks):
    build = sample_build(tasks)
    run = sarchat("demo", build, "--out", tmp_path / "demo")
    line = next(line for line in run.stdout.splitlines() if line.startswith("overall"))
    _, of_gold, of_noise = line.split()
    assert of_gold == "100.00" and 0 < float(of_noise) < 100
    scores = tmp_path / "scores.json"
    run = sarchat("score", tmp_path / "demo" / "answers.jsonl", "--references", build, "--output", scores)
    assert run.returncode == 0, run.stderr
    assert f"{json.loads(scores.read_text())['overall']:.2f}" == of_noise
    assert (tmp_path / "demo" / "record.png").read_bytes().startswith(b"\x89PNG")


def steps(printed: str) -> list[str]:
    return [line.strip() for line in printed.partition("What to try next:\n")[2].splitlines() if line.startswith("  ")]


def test_the_next_steps_work(tmp_path, sarchat, monkeypatch):
    """Also for names with blanks."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sample_build(), "my build")
    found = steps(sarchat("demo", "my build", "--out", "my demo").stdout)
    assert len(found) == 4
    for line in found:
        run = sarchat(*shlex.split(line)[1:])
        assert run.returncode == 0, run.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path(sys.executable).with_name("sarchat").exists(), reason="needs the installed command")
def test_the_command_is_named_by_its_path_if_it_is_not_on_the_path(tmp_path):
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    arguments = [Path(sys.executable).with_name("sarchat"), "demo", sample_build()]
    run = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    subprocess.run(["sh", "-ec", "\n".join(steps(run.stdout))], cwd=tmp_path, env=environment, check=True)
