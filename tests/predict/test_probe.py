"""`sarchat probe`: the same questions with the own image, another one and a grey one."""

import contextlib
import io
import json
import re
import shutil

import pytest
from asked_models import Gold, hash_pixels, read_lines
from built_fixture import sample_build, small_build
from chat_server import ChatServer
from PIL import Image
from support import refusal, slow

from builders.cli.command import main


@pytest.fixture(scope="module")
def gold():
    return Gold(small_build())


def probe(server, out, *more, data=None):
    main(["probe", str(data or small_build()), "--model", "m", "--base-url", server.url, "--out", str(out), *more])


@pytest.fixture(scope="module")
def probed_and_printed(gold, tmp_path_factory):
    """The folder of a probe of a model that looks, and what the command printed."""
    out = tmp_path_factory.mktemp("probe")
    with (
        ChatServer(lambda asked: gold.answers.get((hash_pixels(asked.image), asked.question), "nothing")) as server,
        contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
        probe(server, out)
    return out, printed.getvalue()


@pytest.fixture
def probed(probed_and_printed):
    return probed_and_printed[0]


def test_a_model_that_looks_loses_without_its_image(probed_and_printed):
    out, printed = probed_and_printed
    assert "The model looks: with another image it loses" in printed
    row = next(line for line in printed.splitlines() if line.startswith("overall"))
    assert float(re.findall(r"[\d.]+", row)[1]) == 100
    assert {path.name for path in out.glob("*.jsonl")} == {"own.jsonl", "another.jsonl", "grey.jsonl"}


def test_the_scores_are_those_of_score_and_compare(probed, capsys):
    """`probe.json` says of each image what `score` and `compare` say of its file of answers."""
    written = json.loads((probed / "probe.json").read_text())
    scores = {}
    for name in ("own", "another", "grey"):
        path = probed / f"{name}-scores.json"
        main(["score", str(probed / f"{name}.jsonl"), "--references", str(small_build()), "--output", str(path)])
        scores[name] = json.loads(path.read_text())
    others = written.pop("probe")
    assert [*others] == ["another image", "grey image"]
    for name, found in zip(scores, (written, *others.values()), strict=True):
        # Of the two, `score` gets the size, and names the model by its image.
        assert {**found, "params": None} == {**scores[name], "model": "m"}
    capsys.readouterr()
    main(["compare", str(probed / "own-scores.json"), str(probed / "another-scores.json"), "--format", "json"])
    compared = {(row["task"], row["sub-score"]): row for row in rows(capsys)}
    main(["leaderboard", str(probed / "probe.json"), "--format", "json"])
    (own,) = [row for row in rows(capsys) if row["model"] == "> m"]
    overall = compared["overall", ""]
    assert own["another image"] == overall["difference"] < 0
    for end in ("low", "high"):
        assert own[f"95 % interval, {end}"] == overall[f"95 % interval, {end}"]


def rows(capsys):
    return json.loads(capsys.readouterr().out)["tables"][0]["rows"]


def test_a_leaderboard_joins_a_probe_to_the_scores_of_its_model(probed, tmp_path, capsys):
    files = {name: tmp_path / f"{name}.json" for name in ("m", "n")}
    for name, path in files.items():
        answers = ["score", str(probed / "own.jsonl"), "--references", str(small_build())]
        main([*answers, "--model", name, "--output", str(path)])
    capsys.readouterr()
    main(["leaderboard", *map(str, files.values()), str(probed / "probe.json"), "--format", "json"])
    found = {row["model"]: row["another image"] for row in rows(capsys) if row["model"].startswith(">")}
    assert found["> m"] < 0 and found == {"> m": found["> m"], "> n": None}
    twice = tmp_path / "again.json"
    shutil.copy(probed / "probe.json", twice)
    line = refusal(capsys, "leaderboard", files["m"], probed / "probe.json", twice)
    assert f"{probed / 'probe.json'} and {twice} are both probes of m" in line


@pytest.mark.parametrize("where", ["beside", "elsewhere", *slow("given")])
def test_a_report_shows_the_probe(where, probed, tmp_path, capsys):
    answers = probed / "own.jsonl"
    if where != "beside":
        for suffix in ("", ".meta.json"):
            shutil.copy(f"{answers}{suffix}", tmp_path / f"mine.jsonl{suffix}")
        answers = tmp_path / "mine.jsonl"
    given = ("--probe", str(probed / "probe.json")) if where == "given" else ()
    out = tmp_path / "report.html"
    main(["report", str(answers), "--data", str(small_build()), "--out", str(out), "--examples", "0", *given])
    assert ("The model looks: with another image" in out.read_text()) == (where != "elsewhere")


def test_a_task_outside_the_average_is_judged_by_itself(tmp_path, capsys):
    with ChatServer(lambda asked: "yes") as server:
        probe(server, tmp_path, "--config", "presence", data=sample_build(("presence",), ("test",)))
    assert "no less in presence" in capsys.readouterr().out


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
    (tmp_path / "p").mkdir(exist_ok=True)
    (tmp_path / "p" / "probe.json").write_text("mine")
    assert "is not a file that this option writes" in refusal(capsys, "probe", small_build(), *common)
    main(["demo", str(small_build()), "--out", str(tmp_path / "demo")])
    scores = tmp_path / "scores.json"
    answers = str(tmp_path / "demo/answers.jsonl")
    main(["score", answers, "--references", str(small_build()), "--output", str(scores)])
    about = ("--data", small_build(), "--out", tmp_path / "r.html")
    assert "has no scores with other images" in refusal(capsys, "report", answers, *about, "--probe", scores)
