"""A corpus that nobody described: the draft of its description, what it leaves open, and the build from it."""

from __future__ import annotations

import json

import pytest
import yaml
from datasets import load_dataset
from PIL import Image
from support import refusal

from builders.cli.command import main
from builders.corpus.info import parse_info
from builders.corpus.words import near_duplicates, propose

# The names of categories with their numbers of boxes.
BOXES = {"A320/321": 3, "Ship": 4, "ship ": 1, "people": 2, "DontCare": 1, "other": 1, "Truck w/Box": 2, "cars": 0}


def write_coco(top, names=BOXES, splits=("train", "val", "test")) -> None:
    """Write a corpus in COCO form whose categories have the given numbers of boxes in each split."""
    (top / "annotations").mkdir(parents=True)
    for split in splits:
        (top / split).mkdir()
        boxes = [label for label, number in enumerate(names.values()) for _ in range(number)]
        content = {
            "images": [{"id": 1, "file_name": f"{split}1.png", "width": 300, "height": 300}],
            "annotations": [
                {"id": number, "image_id": 1, "category_id": label, "bbox": [15 * number, 10 * number, 60, 40]}
                for number, label in enumerate(boxes)
            ],
            "categories": [{"id": label, "name": name} for label, name in enumerate(names)],
        }
        (top / f"annotations/instances_{split}.json").write_text(json.dumps(content))
        Image.new("L", (300, 300), 90).save(top / split / f"{split}1.png")


def write_voc(top, name="ship") -> None:
    (top / "Annotations").mkdir(parents=True)
    (top / "JPEGImages").mkdir()
    Image.new("L", (300, 300), 90).save(top / "JPEGImages/1.jpg")
    (top / "Annotations/1.xml").write_text(
        "<annotation><filename>1.jpg</filename><size><width>300</width><height>300</height></size><object>"
        f"<name>{name}</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>99</xmax><ymax>99</ymax></bndbox></object>"
        "</annotation>"
    )


def test_a_draft_can_be_built_as_it_is(tmp_path, capsys):
    write_coco(tmp_path / "mine")
    main(["describe", str(tmp_path / "mine"), "--out", str(tmp_path / "mine.yaml")])
    # `Ship` and `ship ` are one, and of the cars there is none.
    assert "categories: 6, images: 3, boxes: 42," in capsys.readouterr().out
    text = (tmp_path / "mine.yaml").read_text()
    data = yaml.safe_load(text)
    assert (
        data["root"] == "mine" and data["format"] == "coco" and set(data["splits"]) == {"train", "validation", "test"}
    )
    entries = {entry["name"]: entry for entry in data["categories"]}
    assert entries["Ship"] == {"name": "Ship"} and "also annotated as 'ship'" in text
    assert entries["people"] == {"name": "people", "say": "person", "many": "people"}
    assert entries["DontCare"]["ignore"] and "ignore" not in entries["other"]
    assert entries["Truck w/Box"]["many"] == "trucks with boxes"
    assert "# No box, and so no category: cars." in text and "no kind of its own: choose ignore: true" in text
    assert "{name: Ship}  # 15 boxes" in text
    main(["build", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "out"), "--no-pictures"])
    dataset = load_dataset(str(tmp_path / "out"), "referring", split="test", cache_dir=str(tmp_path / "cache"))
    labels = dataset.features["objects"]["category"].feature.names
    assert labels == ["ship", "A320/321", "truck with box", "person", "other"]
    report = capsys.readouterr().out
    assert [line.split()[-1] for line in report.splitlines() if "category left out" in line] == ["3"]


def test_an_edited_draft_stays(tmp_path, capsys):
    write_coco(tmp_path / "mine")
    arguments = ["describe", str(tmp_path / "mine"), "--out", str(tmp_path / "mine.yaml")]
    main(arguments)
    main(arguments)
    with (tmp_path / "mine.yaml").open("a") as stream:
        stream.write("license: mit\n")
    before = (tmp_path / "mine.yaml").read_bytes()
    assert "was edited" in refusal(capsys, *arguments)
    assert (tmp_path / "mine.yaml").read_bytes() == before


def test_two_layouts_that_fit_are_both_named(tmp_path, capsys):
    write_coco(tmp_path / "mine", {"ship": 1})
    write_voc(tmp_path / "mine")
    line = refusal(capsys, "build", tmp_path / "mine", "--out", tmp_path / "out")
    assert "(coco: COCO)" in line and "(voc: PASCAL VOC)" in line and "--format coco|voc" in line
    main(["describe", str(tmp_path / "mine"), "--out", str(tmp_path / "mine.yaml")])
    text = (tmp_path / "mine.yaml").read_text()
    assert "# format: coco" in text and "# format: voc" in text
    assert not {"root", "format", "splits"} & yaml.safe_load(text).keys()
    refusal(capsys, "build", tmp_path / "mine.yaml", "--out", tmp_path / "out")
    build = ["build", str(tmp_path / "mine"), "--out", str(tmp_path / "out"), "--no-pictures", "--task", "counting"]
    main([*build, "--format", "voc"])
    assert len(load_dataset(str(tmp_path / "out"), "counting", split="train", cache_dir=str(tmp_path / "cache"))) == 1


def test_faults_are_counted_and_the_line_that_leaves_them_out_works(tmp_path, capsys):
    write_voc(tmp_path / "mine")
    (tmp_path / "mine/Annotations/2.xml").write_text((tmp_path / "mine/Annotations/1.xml").read_text())
    main(["describe", str(tmp_path / "mine"), "--out", str(tmp_path / "mine.yaml")])
    text = (tmp_path / "mine.yaml").read_text()
    assert "# Found: 1 labels without an image." in text
    capsys.readouterr()
    assert "labels_without_image" in refusal(capsys, "build", tmp_path / "mine.yaml", "--out", tmp_path / "out")
    (tmp_path / "mine.yaml").write_text(text.replace("# options:", "options:"))
    main(["build", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "out"), "--no-pictures"])


def test_unknown_categories_are_all_listed_with_the_commands_to_go_on(tmp_path, capsys):
    names = {f"category number {number}": 1 for number in range(80)}
    write_coco(tmp_path / "mine", names, ["train"])
    line = refusal(capsys, "build", tmp_path / "mine", "--out", tmp_path / "out")
    assert all(f"'{name}'" in line for name in names)
    assert f"`sarchat describe {tmp_path / 'mine'} --out corpus.yaml`, then `sarchat build corpus.yaml`" in line


def test_categories_of_a_known_corpus_are_recognized(tmp_path, capsys):
    write_coco(tmp_path / "mine", {"storage-tank": 1, "ground-track-field": 1, "small vehicle": 2}, ["train"])
    line = refusal(capsys, "build", tmp_path / "mine", "--out", tmp_path / "out")
    assert "--corpus dota-1.0`" in line and "describe" not in line
    described = ["--corpus", "dota-1.0", "--format", "coco"]
    main(["build", str(tmp_path / "mine"), *described, "--out", str(tmp_path / "out"), "--no-pictures"])
    card = (tmp_path / "out/README.md").read_text()
    assert "DOTA-v1.0" in card and "license: other" in card


@pytest.mark.parametrize(
    ("name", "say", "many", "article"),
    [
        ("A220", "A220", "A220s", "an"),
        ("C919", "C919", "C919s", "a"),
        ("SUV", "SUV", "SUVs", "an"),
        ("UAV", "UAV", "UAVs", "a"),
        ("F-16", "F-16", "F-16s", "an"),
        ("LNG carrier", "LNG carrier", "LNG carriers", "an"),
        ("8-wheeler", "8-wheeler", "8-wheelers", "an"),
        ("11-seater", "11-seater", "11-seaters", "an"),
        ("A320/321", "A320/321", "A320/321s", "an"),
        ("Nimitz", "nimitz", "nimitzes", "a"),
        ("Ferry", "ferry", "ferries", "a"),
        ("cars", "car", "cars", "a"),
        ("bus", "bus", "buses", "a"),
        ("Hut/Tent", "hut or tent", "huts or tents", "a"),
        ("Hut / / Tent", "hut or tent", "huts or tents", "a"),
        ("Front loader/Bulldozer", "front loader or bulldozer", "front loaders or bulldozers", "a"),
        ("GroundTrackField", "ground track field", "ground track fields", "a"),
        ("groundtrackfield", "ground track field", "ground track fields", "a"),
        ("Expressway-Service-area", "expressway service area", "expressway service areas", "an"),
        ("aircraft", "aircraft", "aircraft", "an"),
        ("hour glass", "hour glass", "hour glasses", "an"),
        ("unit", "unit", "units", "a"),
    ],
)
def test_proposed_words(name, say, many, article):
    category = parse_info({"name": "x", "categories": [propose(name).entry]}, "x").targets[0]
    assert (category.say, category.many, category.article) == (say, many, article)


def test_near_duplicates():
    names = ["ground-track-field", "groundtrackfield", "plane", "planes", "A320", "A321", "harbour", "harbor", "ship"]
    found = {frozenset(pair) for pair in near_duplicates(names)}
    assert found == {
        frozenset(pair)
        for pair in [("ground-track-field", "groundtrackfield"), ("plane", "planes"), ("harbour", "harbor")]
    }
