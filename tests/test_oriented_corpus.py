"""A corpus of oriented boxes with known angles: built, loaded live, exported, asked about and scored."""

from __future__ import annotations

import json
import math
import re

import pytest
from asked_models import hash_pixels
from built_fixture import sample_corpus
from chat_server import ChatServer
from datasets import load_dataset
from family_writers import ORIENTED_WRITERS
from PIL import Image, ImageDraw
from support import refusal, slow

from builders.cli.command import main
from builders.core.polygons import canonical, turn
from builders.core.schema import asks_for_boxes
from builders.data.open_data import open_data
from builders.notation.formats import read_notation
from builders.notation.render import Phrasing
from builders.scoring.readers import AnswerSource
from builders.scoring.scoring import evaluate_file
from sarchat_dataset import SARChat

SIDE = 300
DESCRIPTION = """name: Turned
format: dota
boxes: oriented
modality: optical
splits:
  train: {labels: labelTxt, images: images, listed: train.txt}
  test: {labels: labelTxt, images: images, listed: test.txt}
categories: [ship, {name: plane, also: [airplane]}]
"""
# Of each image the name, and of each target the rectangle, the category and whether it is difficult.
IMAGES = {
    "a": [((150, 150, 90, 20, 30), "ship", 0), ((60, 240, 40, 30, 0), "plane", 0)],
    "b": [((100, 100, 80, 16, 135), "ship", 0)],
    "c": [
        ((150, 80, 100, 40, 90), "ship", 0),
        ((220, 220, 60, 12, -20), "ship", 1),
        ((70, 200, 50, 50, 45), "plane", 0),
    ],
    # The last one is cut by the edge and left out, the second is cut less.
    "d": [((150, 150, 60, 20, 10), "plane", 0), ((10, 100, 30, 20, 0), "ship", 0), ((2, 250, 60, 20, 80), "ship", 0)],
}
BRACES = re.compile(r"\{((?:<-?\d+>)+)\}")


def numbers_in(text):
    return [tuple(map(int, re.findall(r"-?\d+", box))) for box in BRACES.findall(text)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    top = tmp_path_factory.mktemp("turned")
    for folder in ("images", "labelTxt"):
        (top / "corpus" / folder).mkdir(parents=True)
    for name, targets in IMAGES.items():
        picture = Image.new("L", (SIDE, SIDE), 60)
        lines = ["imagesource:none", "gsd:null"]
        for start, ((x, y, w, h, degrees), category, difficult) in enumerate(targets):
            corners = turn(x, y, w, h, math.radians(degrees))
            ImageDraw.Draw(picture).polygon([*zip(corners[::2], corners[1::2], strict=True)], fill=200)
            # The order of corners in the labels must not matter.
            corners = corners[2 * start :] + corners[: 2 * start]
            lines.append(" ".join(f"{number:.2f}" for number in corners) + f" {category} {difficult}")
        picture.save(top / "corpus/images" / f"{name}.png")
        (top / "corpus/labelTxt" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (top / "corpus/train.txt").write_text("a\n")
    (top / "corpus/test.txt").write_text("b\nc\nd\n")
    (top / "corpus.yaml").write_text(DESCRIPTION)
    return top


def build(top, out, *more):
    description = ("--corpus", str(top / "corpus.yaml"))
    main(["build", str(top / "corpus"), *description, "--out", str(out), "--no-pictures", *more])


@pytest.fixture(scope="module")
def oriented(corpus):
    build(corpus, corpus / "oriented", "--boxes", "oriented")
    return corpus / "oriented"


def rows(folder, task, split="test"):
    return list(open_data(str(folder)).rows(task, split))


def test_corners_are_in_the_texts_and_in_a_column_of_their_own(oriented):
    assert json.loads((oriented / "build.json").read_text())["corpus"]["boxes"] == "oriented"
    card = (oriented / "README.md").read_text()
    assert "Boxes are oriented" in card and "`objects.corners`" in card
    assert re.search(r"box: cut by the edge of the image \| +0 \| +1 ", card)
    found = {}
    for row in rows(oriented, "referring"):
        found.setdefault(row["file_name"], []).extend(row["objects"]["corners"])
        assert numbers_in(row["messages"][1]["content"]) == [
            tuple(map(round, corners)) for corners in row["objects"]["corners"]
        ]
    for name in "bcd":
        targets = [target[0] for target in IMAGES[name] if target[0][0] != 2]
        expected = [canonical(turn(*of[:4], math.radians(of[4])))[0] for of in targets]
        assert len(found[f"{name}.png"]) == len(expected)
        for corners in found[f"{name}.png"]:
            assert any(corners == pytest.approx(one, abs=0.006) for one in expected)


def test_the_orientation_is_said_of_long_targets(oriented):
    words = r"horizontal|vertical|(?:rising|falling) diagonally"
    said = {}
    for row in rows(oriented, "identification"):
        if len(row["objects"]["bbox"]) == 1:
            (found,) = re.findall(words, row["messages"][1]["content"]) or [None]
            said.setdefault(row["file_name"][0], []).append(found)
    assert said["b"] == ["rising diagonally"]
    assert sorted(map(str, said["c"])) == ["None", "horizontal", "vertical"]


def test_upright_builds_have_the_same_records_without_corners(corpus, oriented, capsys):
    build(corpus, corpus / "upright")
    assert "--boxes oriented writes the corners" in capsys.readouterr().out
    for task in ("referring", "identification", "grounding"):
        upright, turned = rows(corpus / "upright", task), rows(oriented, task)
        assert [row["id"] for row in upright] == [row["id"] for row in turned]
        for one, other in zip(upright, turned, strict=True):
            assert set(one["objects"]) == {"bbox", "category"}
            assert one["objects"]["bbox"] == other["objects"]["bbox"]
            assert all(len(box) == 4 for message in one["messages"] for box in numbers_in(message["content"]))
    assert "corners" not in (corpus / "upright/README.md").read_text()


def test_the_live_builder_gives_what_the_build_has(corpus, oriented, tmp_path):
    options = {"data_dir": str(corpus / "corpus"), "corpus": str(corpus / "corpus.yaml"), "boxes": "oriented"}
    builder = SARChat(config_name="grounding", cache_dir=str(tmp_path / "live"), **options)
    live = list(builder.as_streaming_dataset(split="test"))
    stored = load_dataset(str(oriented), "grounding", split="test", cache_dir=str(tmp_path / "stored"))
    assert builder.info.features == stored.features
    for one, other in zip(live, stored, strict=True):
        assert {key: one[key] for key in ("id", "messages", "objects")} == {
            key: other[key] for key in ("id", "messages", "objects")
        }
    upright = SARChat(config_name="grounding", cache_dir=str(tmp_path / "live"), **(options | {"boxes": None}))
    assert set(upright.info.features["objects"]) == {"bbox", "category"} and upright.cache_dir != builder.cache_dir


@pytest.mark.parametrize(("choice", "left"), [("keep", 2), ("drop", 1), ("ignore", 0)])
def test_difficult_targets_are_treated_as_the_description_says(corpus, tmp_path, choice, left):
    text = (corpus / "corpus.yaml").read_text()
    (tmp_path / "corpus.yaml").write_text(f"{text}difficult: {choice}\n")
    description = ("--corpus", str(tmp_path / "corpus.yaml"), "--boxes", "oriented", "--task", "referring")
    main(["build", str(corpus / "corpus"), *description, "--out", str(tmp_path / "out"), "--no-pictures"])
    ships = [row for row in rows(tmp_path / "out", "referring") if row["file_name"] == "c.png"]
    assert sum(row["objects"]["category"].count(0) for row in ships) == left
    assert bool(ships) == bool(left)


def test_upright_labels_are_refused(tmp_path, capsys):
    message = refusal(capsys, "build", sample_corpus(), "--boxes", "oriented", "--out", tmp_path / "out")
    assert "has no oriented box" in message
    message = refusal(capsys, "build", sample_corpus(), "--boxes", "orientated", "--out", tmp_path / "out")
    assert "did you mean 'oriented'?" in message


def test_exports_have_corners_as_text(oriented, tmp_path, capsys):
    for to, box_format in (("ms-swift", None), ("trl", "internvl"), ("llama-factory", "qwen2.5-vl")):
        out = tmp_path / to
        more = ["--box-format", box_format] if box_format else []
        main(["export", str(oriented), "--to", to, "--task", "referring", "--out", str(out), *more])
    lines = [json.loads(line) for line in (tmp_path / "ms-swift/referring-test.jsonl").read_text().splitlines()]
    assert all("objects" not in line for line in lines)
    assert all(len(box) == 8 for line in lines for box in numbers_in(line["messages"][1]["content"]))
    capsys.readouterr()
    message = refusal(capsys, "export", oriented, "--to", "trl", "--box-format", "florence-2", "--out", tmp_path / "no")
    assert "florence-2 has no notation for oriented boxes" in message


@pytest.mark.parametrize(
    ("box_format", "size"),
    [
        ("sarchat", None),
        ("rscovlm-angle", "840x616"),
        *slow(("internvl", None), ("lmmrotate", None), ("geochat", None)),
    ],
)
def test_a_model_that_knows_the_answers_scores_100(oriented, tmp_path, box_format, size):
    pytest.importorskip("openai")
    data, out = open_data(str(oriented)), tmp_path / "answers.jsonl"
    phrasing = Phrasing(read_notation(box_format, size))
    writer = ORIENTED_WRITERS[box_format][0]
    known = {}
    for task in data.select_scored("all", "test"):
        for row in data.rows(task, "test"):
            asked, gold = (message["content"] for message in row["messages"])
            sent = phrasing.phrase(asked, (SIDE, SIDE), data.info, asks_for_boxes=asks_for_boxes(task))
            written = re.sub(
                rf"(?:{BRACES.pattern.replace('((?:', '(?:(?:')})+",
                lambda run: writer(numbers_in(run[0]), None, SIDE, SIDE),
                gold,
            )
            known[hash_pixels(row["image"].read()), sent] = written
    more = ["--box-format", box_format, *(["--input-size", size] if size else [])]
    with ChatServer(lambda asked: known[hash_pixels(asked.image), asked.question]) as server:
        main(["predict", str(oriented), "--model", "m", "--base-url", server.url, "--out", str(out), *more])
    source = AnswerSource(str(out), notation=phrasing.notation)
    result = evaluate_file(source, oriented, "all", "test", "sample")
    exact = box_format not in ("geochat", "rscovlm-angle")
    assert result.missing == 0
    assert result.flat["overall"] == 100 if exact else result.flat["overall"] > 90
    for key, value in result.flat.items():
        if key.count("/") and "iou@0.5" not in key:
            assert value == 100, key
