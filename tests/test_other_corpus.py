"""A corpus of other categories and images: built, loaded live, its card, its pictures and its scores."""

from __future__ import annotations

import json
import re

import pytest
from datasets import load_dataset
from PIL import Image
from support import refusal

from builders.cli.command import main
from sarchat_dataset import SARChat

WIND = """name: Wind
homepage: https://example.org/wind
license: cc-by-4.0
modality: infrared
categories:
  - {name: windmill, also: [turbine]}
  - {name: oil rig, article: an}
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus of infrared images in COCO form, whose third category is a synonym, and its description."""
    top = tmp_path_factory.mktemp("wind")
    for split, images in (("train", 3), ("test", 2)):
        boxes = [(7, 10, 10), (9, 180, 20), (8, 100, 190)]
        content = {
            "images": [
                {"id": image, "file_name": f"{image:07d}.png", "width": 320, "height": 320} for image in range(images)
            ],
            "annotations": [
                {"id": 10 * image + number, "image_id": image, "category_id": category, "bbox": [x + image, y, 90, 70]}
                for image in range(images)
                for number, (category, x, y) in enumerate(boxes)
            ],
            "categories": [{"id": 7, "name": "Windmill"}, {"id": 8, "name": "oil rig"}, {"id": 9, "name": "turbine"}],
        }
        (top / "c/Annotations").mkdir(parents=True, exist_ok=True)
        (top / f"c/Annotations/{split}.json").write_text(json.dumps(content))
        (top / "c/JPEGImages" / split).mkdir(parents=True)
        for image in range(images):
            Image.new("L", (320, 320), 60 + image).save(top / "c/JPEGImages" / split / f"{image:07d}.png")
    (top / "wind.yaml").write_text(WIND)
    main(["build", str(top / "c"), "--corpus", str(top / "wind.yaml"), "--out", str(top / "wind"), "--no-pictures"])
    return top


def test_records_and_labels_are_those_of_the_corpus(corpus, tmp_path):
    dataset = load_dataset(str(corpus / "wind"), "all", split="train", cache_dir=str(tmp_path))
    assert dataset.features["objects"]["category"].feature.names == ["windmill", "oil rig"]
    texts = " ".join(message["content"] for row in dataset.remove_columns("image") for message in row["messages"])
    assert not re.search(r"\b(?:SAR|radar|ship|turbine)\b", texts)
    assert "windmills" in texts and "an oil rig" in texts and "thermal image" in texts


def test_the_live_builder_gives_the_same_records(corpus, tmp_path):
    arguments = {"data_dir": str(corpus / "c"), "corpus": str(corpus / "wind.yaml"), "cache_dir": str(tmp_path)}
    builder = SARChat(config_name="counting", **arguments)
    builder.download_and_prepare()
    live = builder.as_dataset(split="test").remove_columns("image")
    built = load_dataset(str(corpus / "wind"), "counting", split="test", cache_dir=str(tmp_path)).remove_columns(
        "image"
    )
    assert live.to_list() == built.to_list() and live.features == built.features
    assert builder.info.license == "cc-by-4.0"
    other = SARChat(config_name="counting", **{**arguments, "drop": ["turbine"]})
    assert other.cache_dir != builder.cache_dir


def test_gold_scores_100_and_other_words_do_not(corpus, tmp_path, capsys):
    dataset = load_dataset(str(corpus / "wind"), "all", split="test", cache_dir=str(tmp_path)).remove_columns("image")
    for old, new, overall in (("", "", 100.0), ("windmill", "ship", None)):
        answers = [(row["id"], row["messages"][1]["content"].replace(old, new)) for row in dataset]
        file = tmp_path / "answers.jsonl"
        file.write_text("".join(json.dumps({"id": key, "prediction": text}) + "\n" for key, text in answers))
        out = tmp_path / f"{new or 'gold'}.json"
        main(["score", str(file), "--references", str(corpus / "wind"), "--output", str(out)])
        result = json.loads(out.read_text())
        assert result["overall"] == overall if overall else result["overall"] < 90


def test_scores_are_not_ranked_among_those_of_the_paper(corpus, tmp_path, capsys):
    dataset = load_dataset(str(corpus / "wind"), "all", split="test", cache_dir=str(tmp_path)).remove_columns("image")
    lines = [json.dumps({"id": row["id"], "prediction": row["messages"][1]["content"]}) for row in dataset]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    score = ("score", tmp_path / "answers.jsonl", "--references", corpus / "wind", "--output", tmp_path / "own.json")
    capsys.readouterr()
    assert "the records are about Wind" in refusal(capsys, *score, "--weights", "published")
    main([*map(str, score)])
    capsys.readouterr()
    line = refusal(capsys, "leaderboard", tmp_path / "own.json")
    assert "own.json cannot be ranked" in line and "about Wind" in line and "SARDet-100K" in line


def test_the_card_is_about_the_corpus(corpus):
    card = (corpus / "wind/README.md").read_text(encoding="utf-8")
    assert "license: cc-by-4.0" in card and "infrared images" in card and "Wind" in card
    assert not re.search(r"synthetic-aperture-radar|radar images|the SAR image", card)
    assert json.loads((corpus / "wind/build.json").read_text())["corpus"]["name"] == "Wind"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file; give a YAML file"),
        ("name: [", "its YAML cannot be read"),
        ("name: Wind\ncategories: [{nane: windmill}]", "unknown key 'nane' (did you mean 'name'?)"),
    ],
)
def test_a_wrong_description_is_refused_in_a_line(corpus, tmp_path, capsys, text, message):
    if text is not None:
        (tmp_path / "wrong.yaml").write_text(text)
    line = refusal(capsys, "build", corpus / "c", "--corpus", tmp_path / "wrong.yaml", "--out", tmp_path / "out")
    assert message in line
