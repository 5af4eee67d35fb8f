"""What comes from other people's files is one printable line wherever a command prints it."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from built_fixture import sample_build
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT

from builders.cli.command import COMMANDS
from builders.core.errors import SARChatError
from builders.corpus.info import DEFAULT, known_corpus
from builders.data.reader import open_build
from sarchat_metric import SUB_SCORES, TASKS

HOSTILE = "\x1b[31mmine\x9b2J\u202e\n  1  GPT-9  99.99\rx"


def is_clean(text: str) -> bool:
    return all(sign.isprintable() or sign == "\n" for sign in text)


@pytest.fixture
def scores(tmp_path):
    """A file of scores from somebody else: a model's name with escape codes and a row of its own."""
    content = {key: 50.0 for keys in SUB_SCORES.values() for key in keys}
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps({**content, "model": HOSTILE, "average": "sample", "n": dict.fromkeys(TASKS, 10)}))
    return path


def test_a_name_in_the_leaderboard_and_in_its_warning(scores, sarchat):
    run, without = sarchat("leaderboard", scores), sarchat("leaderboard")
    rows = [sum("  " in line for line in shown.stdout.splitlines()) for shown in (run, without)]
    assert rows[0] == rows[1] + 1
    assert is_clean(run.stdout) and is_clean(run.stderr)
    assert run.stderr.startswith("Warning: ") and run.stderr.count("\n") == 1


def test_a_name_in_a_comparison(scores, sarchat):
    run = sarchat("compare", scores, scores)
    assert run.returncode == 0 and is_clean(run.stdout)


def test_an_error_is_one_printable_line(sarchat):
    run = sarchat("leaderboard", "--show", HOSTILE)
    assert run.returncode == 1 and run.stderr.count("\n") == 1 and is_clean(run.stderr)
    assert is_clean(str(SARChatError(HOSTILE))) and "\n" not in str(SARChatError(HOSTILE))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_misspelt_command_gets_the_near_one(command, sarchat):
    run = sarchat(f"{command}s")
    assert f"did you mean {command!r}?" in run.stderr and run.stderr.count("\n") == 1


def test_a_picture_of_hostile_texts_is_sound(tmp_path):
    """An SVG file with a control character is not XML."""
    show_record = pytest.importorskip("builders.drawing.figures.record").show_record
    record = open_build(sample_build()).record("referring", "test", 0)
    question, answer = record["messages"]
    hostile = {**record, "id": HOSTILE, "messages": [{**question, "content": f"{HOSTILE} \ud800 -->"}, answer]}
    show_record(hostile, known_corpus(DEFAULT), tmp_path / "record.svg", f"{HOSTILE} \ud800 --> {{<1><2><3><4>}}")
    assert ElementTree.parse(tmp_path / "record.svg").getroot().tag.endswith("svg")


def test_a_chart_of_hostile_names_is_sound(scores, tmp_path, sarchat):
    pytest.importorskip("matplotlib")
    run = sarchat("leaderboard", scores, "--figure", f"radar={tmp_path / 'radar.svg'}")
    assert run.returncode == 0, run.stderr
    assert ElementTree.parse(tmp_path / "radar.svg").getroot().tag.endswith("svg")


@given(st.text(min_size=1) | st.text("/\\\n\r\x00\x1b.-:*?ab", min_size=1))
def test_an_id_never_becomes_a_path_or_an_option(record_id):
    default_name = pytest.importorskip("builders.drawing.figures.record").default_name
    try:
        name = default_name(record_id)
    except SARChatError:
        assert not re.search(r"[^\W_]", record_id)
        return
    assert re.fullmatch(r"[\w.-]+\.png", name) and name[0] not in ".-"
    assert len(name.encode("utf-8", "surrogatepass")) <= 255


def test_warnings_are_logged_and_not_printed():
    """So that each is one printable line, whatever is in it."""
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "builders").rglob("*.py")}
    assert [path for path, text in sources.items() if "Warning: {" in text] == []
