"""`sarchat probe`: the same questions with the own image, another one and a grey one."""

import io
import re

import pytest
from asked_models import Gold, hash_pixels, read_lines
from built_fixture import small_build
from chat_server import ChatServer
from PIL import Image
from support import refusal

from builders.cli.command import main


@pytest.fixture(scope="module")
def gold():
    return Gold(small_build())


def probe(server, out, *more):
    main(["probe", str(small_build()), "--model", "m", "--base-url", server.url, "--out", str(out), *more])


def test_a_model_that_looks_loses_without_its_image(gold, tmp_path, capsys):
    with ChatServer(lambda asked: gold.answers.get((hash_pixels(asked.image), asked.question), "nothing")) as server:
        probe(server, tmp_path)
    printed = capsys.readouterr().out
    assert "The model looks: with another image it loses" in printed
    row = next(line for line in printed.splitlines() if line.startswith("overall"))
    assert float(re.findall(r"[\d.]+", row)[1]) == 100
    assert {path.name for path in tmp_path.glob("*.jsonl")} == {"own.jsonl", "another.jsonl", "grey.jsonl"}


def test_a_model_that_does_not_look_is_told(tmp_path, capsys):
    with ChatServer(lambda asked: "ship") as server:
        probe(server, tmp_path)
    assert "No sign that the model looks" in capsys.readouterr().out


def test_another_image_is_another_one_of_the_same_size_also_when_resumed(gold, tmp_path):
    shown = {}
    own = {}

    def answer(asked):
        with Image.open(io.BytesIO(asked.image)) as image:
            shown.setdefault(asked.question, set()).add((image.size, hash_pixels(asked.image)))
        return "x"

    def of_own(asked):
        with Image.open(io.BytesIO(asked.image)) as image:
            own.setdefault(asked.question, set()).add((image.size, hash_pixels(asked.image)))
        return "x"

    arguments = ["predict", str(small_build()), "--model", "m"]
    with ChatServer(of_own) as server:
        main([*arguments, "--base-url", server.url, "--out", str(tmp_path / "own.jsonl")])
    out = tmp_path / "another.jsonl"
    with ChatServer(answer) as server:
        main([*arguments, "--base-url", server.url, "--out", str(out), "--shuffle-images"])
        first = {question: set(images) for question, images in shown.items()}
        # As after a stop: every second answer is asked for again.
        lines = out.read_text().splitlines(keepends=True)
        out.write_text("".join(lines[::2]))
        main([*arguments, "--base-url", server.url, "--out", str(out), "--shuffle-images"])
    assert shown == first, "the same images, whatever was answered before"
    assert len(read_lines(out)) == len(lines)
    for question, images in shown.items():
        assert {size for size, _ in images} == {size for size, _ in own[question]}
        assert not images & own[question] or len(own[question]) > 1


def test_wrong_options_are_one_line(capsys, tmp_path):
    common = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--out", tmp_path / "p")
    assert "leave out --blind" in refusal(capsys, "probe", small_build(), *common, "--blind")
    line = refusal(capsys, "predict", small_build(), *common, "--blind", "--shuffle-images")
    assert "choose one of the two" in line
    assert "No such option" in refusal(capsys, "probe", small_build(), *common, "--modle", "x")
