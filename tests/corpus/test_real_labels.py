"""Label files of real corpora, where they are beside the project: as many boxes as plain code counts in them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support import ROOT

from builders.core.errors import SARChatError
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.categories import Naming
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.label_formats import SplitLabels, find_candidates, open_labels
from builders.corpus.source import open_source

# A folder with one folder for each corpus.
REAL = Path(os.environ.get("SARCHAT_REAL_CORPORA", ROOT.parent / "shared" / "real"))
SKIP = {"unfit_rows": "skip", "labels_without_image": "skip", "images_without_label": "skip"}


@pytest.fixture
def real():
    def find(name: str) -> Path:
        if not (REAL / name).is_dir():
            pytest.skip(f"no {name} in {REAL}")
        return REAL / name

    return find


def read(top: Path, split: SplitLabels, *, corners: bool = False):
    """Return what was annotated: boxes by image, in order, with the names of their categories, and the tally."""
    tally: Counter[str] = Counter()
    with AnnotationTable(corners=corners) as table:
        open_labels(open_source(top), split).read_into(table, tally)
        counts = table.category_counts()
        naming = Naming(known_corpus(DEFAULT), {name.lower(): None for name in counts})
        boxes = {name: found for _, name, _, _, found in table.images_in_order(naming)}
        return counts, boxes, tally, table.count_images()


def only(top: Path) -> dict[str, SplitLabels]:
    (candidate,) = find_candidates(open_source(top))
    return dict(candidate.splits)


def test_sar_aircraft(real):
    top = real("sar_aircraft_voc")
    expected = Counter(
        name.text for path in (top / "Annotations").glob("*.xml") for name in ElementTree.parse(path).iter("name")
    )
    counts, boxes, tally, images = read(top, only(top)["test"])
    assert counts == expected and expected["A320/321"] and not tally
    assert images == len(list((top / "Annotations").glob("*.xml")))
    for path in sorted((top / "Annotations").glob("*.xml")):
        sides = [
            [float(box.findtext(key)) for key in ("xmin", "ymin", "xmax", "ymax")]
            for box in ElementTree.parse(path).iter("bndbox")
        ]
        assert [box.bbox for box in boxes.get(f"{path.stem}.jpg", [])] == [
            (x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in sides
        ]


def test_the_merged_file_of_sar_aircraft(real, tmp_path):
    """Its images are empty files of their names: it says their sizes, so that none is opened."""
    top = real("sar_aircraft_voc")
    file = next(top.glob("merged*.xml"))
    text = file.read_text()
    for name in re.findall("<filename>(.*?)</filename>", text):
        (tmp_path / name).touch()
    (tmp_path / "all.xml").write_text(text)
    counts, boxes, tally, images = read(tmp_path, SplitLabels("voc", "all.xml"))
    assert sum(counts.values()) == text.count("<object>") and images == text.count("<filename>") and not tally
    assert len(boxes) == len({*re.findall("<filename>(.*?)</filename>", text)})


def test_hit_uav_is_the_same_as_voc_and_as_coco(real):
    top = real("hit_uav")
    counts, boxes, _, images_too = read(top / "normal_xml", only(top / "normal_xml")["val"])
    options = {"annotations_key": "annotation", "file_name_key": "filename"}
    coco = json.loads((top / "normal_json/annotations/val.json").read_text())
    with pytest.raises(SARChatError, match="did you mean 'filename'"):
        read(top / "normal_json", SplitLabels("coco", "annotations/val.json", "val"))
    split = SplitLabels("coco", "annotations/val.json", "val", "", options)
    _, as_coco, _, images = read(top / "normal_json", split)
    assert images == len(coco["images"]) and sum(map(len, as_coco.values())) == len(coco["annotation"]) == 2460
    assert images_too == 30 and sum(counts.values()) == 310
    for name, found in boxes.items():
        assert sorted(box.bbox for box in found) == sorted(box.bbox for box in as_coco[name])


def test_hit_uav_rotated_is_the_same_as_xml_and_as_coco(real):
    """The centre of each box is that of its corners, whatever the angle; the two files have the same ones."""
    top = real("hit_uav")
    angle = {"angle_unit": "radians", "angle_direction": "clockwise"}
    with pytest.raises(SARChatError, match="five numbers as of an oriented box"):
        read(top / "rotate_json", SplitLabels("coco", "annotations/val.json", "val", "", {"file_name_key": "filename"}))
    with pytest.raises(SARChatError, match="has an angle"):
        read(top / "rotate_xml", only(top / "rotate_xml")["val"], corners=True)
    options = {"file_name_key": "filename", **angle}
    _, as_coco, *_ = read(
        top / "rotate_json", SplitLabels("coco", "annotations/val.json", "val", "", options), corners=True
    )
    split = only(top / "rotate_xml")["val"]
    counts, boxes, *_ = read(
        top / "rotate_xml", SplitLabels("voc", split.labels, split.images, split.listed, angle), corners=True
    )
    paths = sorted((top / "rotate_xml/Annotations").glob("*.xml"))
    centres = [
        (float(box.findtext("cx")), float(box.findtext("cy")))
        for path in paths
        for box in ElementTree.parse(path).iter("robndbox")
    ]
    assert sum(counts.values()) == len(centres)
    found = [box for path in paths for box in boxes.get(f"{path.stem}.jpg", [])]
    assert [centre(box.corners) for box in found] == [pytest.approx(point) for point in centres]
    for name, of_image in boxes.items():
        pairs = zip(sorted(of_image), sorted(as_coco[name]), strict=True)
        for one, other in pairs:
            assert one.corners == pytest.approx(other.corners, abs=0.01)


def centre(corners):
    return sum(corners[0::2]) / 4, sum(corners[1::2]) / 4


def test_roboflow_yolo(real, caplog):
    """Rows are counted by splitting lines; class ids above 0 are not declared."""
    top = real("roboflow_yolo_ships")
    splits = only(top)
    assert {split: of.images for split, of in splits.items()} == {
        "train": "train/images",
        "val": "validate/images",
        "test": "test/images",
    }
    for of in splits.values():
        stems = {path.stem for path in (top / of.images).glob("*.jpg")}
        rows = [
            line.split()
            for path in (top / of.labels).glob("*.txt")
            if path.stem in stems
            for line in path.read_text().splitlines()
        ]
        options = {**of.options, **SKIP, "undeclared_classes": "skip"}
        counts, _, tally, images = read(top, SplitLabels("yolo", of.labels, of.images, "", options))
        labelled = {path.stem for path in (top / of.labels).glob("*.txt")}
        assert counts == {"Ships": sum(row[0] == "0" for row in rows)}
        assert tally["class id not declared"] == sum(row[0] != "0" for row in rows)
        assert tally["label: no image"] == len(labelled - stems) and tally["image: no label"] == len(stems - labelled)
        assert images == len(stems & labelled) and not tally["does not fit the format"]
        assert any(len(row) > 5 for row in rows) or of.images != "validate/images"


def test_dota(real):
    top = real("dota_devkit")
    split = only(top)[""]
    counts, boxes, tally, _ = read(top, SplitLabels("dota", split.labels, split.images, "", SKIP))
    rows = {
        path.stem: [line.split() for line in path.read_text().splitlines() if len(line.split()) in (9, 10)]
        for path in (top / "labelTxt").glob("*.txt")
    }
    there = {path.stem for path in (top / "images").glob("*.png")}
    assert counts == Counter(row[8] for stem in there for row in rows[stem])
    assert tally == {"label: no image": len(rows.keys() - there)}
    for stem in there:
        found = boxes[f"{stem}.png"]
        assert [box.corners for box in found] == [tuple(map(float, row[:8])) for row in rows[stem]]
        assert [box.difficult for box in found] == [row[9] != "0" for row in rows[stem]]


def test_every_row_of_dota(real, tmp_path):
    """Most of its images are not there: they are small ones of their names."""
    top = real("dota_devkit")
    paths = sorted((top / "labelTxt").glob("*.txt"))
    from PIL import Image

    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    for path in paths:
        (tmp_path / "labels" / path.name).write_bytes(path.read_bytes())
        Image.new("L", (8, 8)).save(tmp_path / "images" / f"{path.stem}.png")
    counts, boxes, tally, _ = read(tmp_path, SplitLabels("dota", "labels", "images"))
    assert sum(counts.values()) == sum(len(re.findall(r"(?m)^-?[\d.]+ .*$", path.read_text())) for path in paths) == 984
    assert sum(box.difficult for found in boxes.values() for box in found) == 67 and not tally


def test_roboflow_coco(real):
    top = real("roboflow_coco_satellite")
    coco = json.loads((top / "valid/_annotations.coco.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    expected = Counter(names[annotation["category_id"]] for annotation in coco["annotations"])
    split = only(top)["validation"]
    counts, boxes, _, images = read(top, split)
    assert counts == expected and images == len(coco["images"]) and "cars" not in counts
    quads = sum(len(annotation["segmentation"][0]) == 8 for annotation in coco["annotations"])
    _, boxes, tally, _ = read(top, split, corners=True)
    assert sum(box.corners is not None for found in boxes.values() for box in found) == quads
    assert tally["has no four corners"] == len(coco["annotations"]) - quads


def test_ssdd(real):
    top = real("ssdd_coco")
    coco = json.loads((top / "SSDD.json").read_text())
    counts, _, _, images = read(top, only(top)[""])
    assert sum(counts.values()) == len(coco["annotations"]) and images == len(coco["images"])


def test_visdrone_in_yolo_form(real, tmp_path):
    from PIL import Image

    top = real("visdrone_yolo")
    paths = sorted(top.rglob("*.txt"))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").mkdir()
    for path in paths:
        (tmp_path / "annotations" / path.name).write_bytes(path.read_bytes())
        Image.new("L", (960, 540)).save(tmp_path / "images" / f"{path.stem}.jpg")
    rows = [line.split() for path in paths for line in path.read_text().splitlines() if line.strip()]
    names = [f"c{number}" for number in range(10)]
    counts, _, tally, _ = read(tmp_path, SplitLabels("yolo", "annotations", "images", "", {"names": names}))
    assert counts == Counter(f"c{row[0]}" for row in rows) and not tally


@pytest.mark.parametrize(
    ("name", "labels", "tag"),
    [("hrsc2016", "FullDataSet/Annotations", "HRSC_Object"), ("fair1m_xml", "labelXml", "object")],
)
def test_oriented_xml(real, tmp_path, name, labels, tag):
    top = real(name)
    angle = {"angle_unit": "radians", "angle_direction": "clockwise"}
    roots = {path.stem: ElementTree.parse(path).getroot() for path in (top / labels).glob("*.xml")}
    (tmp_path / "labels").mkdir()
    for path in (top / labels).glob("*.xml"):
        (tmp_path / "labels" / path.name).write_bytes(path.read_bytes())
        (tmp_path / f"{path.stem}.bmp").touch()
    _, boxes, tally, _ = read(tmp_path, SplitLabels("voc", "labels", "", "", angle), corners=True)
    assert not tally
    for stem, root in roots.items():
        found = boxes[f"{stem}.bmp"]
        assert len(found) == len(list(root.iter(tag))) and all(box.corners for box in found)
        for box, entry in zip(found, root.iter(tag), strict=True):
            if name == "hrsc2016":
                # One of the ends is the bow, which the file has, too: it was marked by hand.
                bow = float(entry.findtext("header_x")), float(entry.findtext("header_y"))
                ends = [
                    ((a + c) / 2, (b + d) / 2)
                    for a, b, c, d in (box.corners[2:6], (*box.corners[6:], *box.corners[:2]))
                ]
                assert min(abs(x - bow[0]) + abs(y - bow[1]) for x, y in ends) < 60
            else:
                points = [tuple(map(float, point.text.split(","))) for point in entry.iter("point")]
                assert box.corners == tuple(number for point in points[:4] for number in point)
