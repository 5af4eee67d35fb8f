"""COCO files as people really have them: each quirk is read as meant, or refused in one line that says what to do."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builders.core.errors import SARChatError
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.categories import Naming
from builders.corpus.entries import box_of_segmentation, corners_of_segmentation
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.label_formats import SplitLabels, find_candidates, open_labels
from builders.corpus.source import open_source


def document(**annotation: object) -> dict:
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
        "annotations": [{"id": 7, "image_id": 1, "category_id": 3, **annotation}],
        "categories": [{"id": 0, "name": "cars", "supercategory": "none"}, {"id": 3, "name": "Small Vehicle"}],
    }


def write(folder: Path, coco: dict, name: str = "labels.json", image: str | None = "images/a.jpg") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(coco))
    if image:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (100, 80)).save(folder / image)
    return folder


def read(folder: Path, *, corners: bool = False, labels: str = "labels.json", **options: object):
    """Return size and boxes by image, the tally, and the numbers of boxes by category."""
    tally: Counter[str] = Counter()
    split = SplitLabels("coco", labels, "images", "", options)
    with AnnotationTable(corners=corners) as table:
        open_labels(open_source(folder), split).read_into(table, tally)
        naming = Naming(known_corpus(DEFAULT), {"small vehicle": "car"})
        found = {name: (tuple(size), boxes) for _, name, *size, boxes in table.images_in_order(naming)}
        return found, tally, table.category_counts()


def only_box(folder: Path, **options):
    found, _, _ = read(folder, **options)
    ((_, (box,)),) = found.values()
    return box


# Keys


def test_wrong_keys_are_named_with_the_option_that_reads_them(tmp_path):
    coco = document(bbox=[1, 2, 3, 4])
    coco["annotation"] = coco.pop("annotations")
    coco["images"][0]["filename"] = coco["images"][0].pop("file_name")
    write(tmp_path, coco)
    with pytest.raises(SARChatError, match=r"no 'file_name' \(did you mean 'filename'\?\).* file_name_key: filename"):
        read(tmp_path)
    with pytest.raises(SARChatError, match=r"no list 'annotations' \(did you mean 'annotation'\?\).* annotations_key"):
        read(tmp_path, file_name_key="filename")
    box = only_box(tmp_path, file_name_key="filename", annotations_key="annotation")
    assert box.bbox == (1, 2, 3, 4)


def test_placeholder_categories_are_not_counted_and_category_zero_is_one(tmp_path):
    coco = document(bbox=[1, 2, 3, 4])
    assert read(write(tmp_path, coco))[2] == {"Small Vehicle": 1}
    coco["annotations"][0]["category_id"] = 0
    assert read_counts(write(tmp_path, coco)) == {"cars": 1}


def read_counts(folder: Path) -> Counter[str]:
    with AnnotationTable() as table:
        open_labels(open_source(folder), SplitLabels("coco", "labels.json", "images")).read_into(table, Counter())
        return table.category_counts()


@pytest.mark.parametrize(("image_id", "category_id"), [("1", "3"), (" 1 ", 3), ("scene-a", "car"), (20180000001, "x")])
def test_ids_may_be_text(tmp_path, image_id, category_id):
    coco = document(bbox=[1, 2, 3, 4])
    coco["images"][0]["id"] = image_id
    coco["annotations"][0] |= {"image_id": image_id, "category_id": category_id, "id": "n1"}
    coco["categories"][1]["id"] = category_id
    coco["images"].append({"id": "other", "file_name": "b.jpg", "width": 9, "height": 9})
    found, _, counts = read(write(tmp_path, coco))
    assert list(found) == ["a.jpg"] and counts == {"Small Vehicle": 1}
    # The same one as text and as a number.
    if image_id == "1":
        coco["annotations"][0]["image_id"] = 1
        assert list(read(write(tmp_path, coco))[0]) == ["a.jpg"]


@pytest.mark.parametrize("size", [{}, {"width": None, "height": None}, {"width": 100}])
@pytest.mark.parametrize("image", ["images/a.jpg", "images/a.png", "images/a.tif", "images/a.bmp"])
def test_a_missing_size_is_read_from_the_header(tmp_path, size, image):
    coco = document(bbox=[1, 2, 3, 4])
    coco["images"] = [{"id": 1, "file_name": Path(image).name, **size}]
    found, _, _ = read(write(tmp_path, coco, image=image))
    assert found[Path(image).name][0] == (100, 80)


def test_a_missing_size_of_a_missing_image_is_one_line(tmp_path):
    coco = document(bbox=[1, 2, 3, 4])
    del coco["images"][0]["width"]
    write(tmp_path, coco, image=None)
    (tmp_path / "images").mkdir()
    with pytest.raises(SARChatError, match=r"images/a\.jpg"):
        read(tmp_path)


# File names with folders


@pytest.mark.parametrize(
    ("name", "there", "expected", "how"),
    [
        ("images/a.jpg", "images/images/a.jpg", "images/a.jpg", None),
        ("images/a.jpg", "images/a.jpg", "a.jpg", "without their first folder: a.jpg"),
        ("images/x/a.jpg", "images/x/a.jpg", "x/a.jpg", "without their first folder: x/a.jpg"),
        ("data/set/a.jpg", "images/a.jpg", "a.jpg", "without their folders: a.jpg"),
        ("data/set/a.jpg", "images/zz.jpg", "data/set/a.jpg", None),
    ],
)
def test_folders_in_file_names(tmp_path, caplog, name, there, expected, how):
    coco = document(bbox=[1, 2, 3, 4])
    coco["images"][0]["file_name"] = name
    write(tmp_path, coco, image=there)
    with caplog.at_level(logging.WARNING):
        found, _, _ = read(tmp_path)
    assert list(found) == [expected]
    assert (how in caplog.text) if how else not caplog.records


def test_names_that_are_one_without_their_folders_are_refused(tmp_path):
    coco = document(bbox=[1, 2, 3, 4])
    coco["images"] = [{"id": n, "file_name": f"d/{n}/a.jpg", "width": 100, "height": 80} for n in (1, 2)]
    with pytest.raises(SARChatError, match=r"'a\.jpg' and 'a\.jpg' would share record ids"):
        read(write(tmp_path, coco))


# Boxes


def test_five_numbers_are_never_read_as_four(tmp_path):
    folder = write(tmp_path, document(bbox=[50, 40, 30, 10, 90]))
    with pytest.raises(SARChatError, match=r"annotation 7 has bbox .*, five numbers .* boxes: oriented .* angle_unit"):
        read(folder)
    with pytest.raises(SARChatError, match="has an angle, 90, whose meaning"):
        read(folder, corners=True)
    box = only_box(folder, corners=True, angle_unit="degrees", angle_direction="clockwise")
    assert box.bbox == pytest.approx((45, 25, 10, 30))
    # From the top left corner of the rectangle, which is at the top right now.
    assert box.corners == pytest.approx((55, 25, 55, 55, 45, 55, 45, 25))


def test_four_points_are_corners_only_if_the_corpus_says_so(tmp_path):
    quad = [28.5, 194, 37, 207, 47, 202, 37, 186]
    folder = write(tmp_path, document(bbox=[29, 186, 18, 21], segmentation=[quad]))
    assert only_box(folder) == only_box(folder)._replace(corners=None, bbox=(29, 186, 18, 21))
    box = only_box(folder, corners=True)
    assert box.corners == tuple(quad) and box.bbox == (28.5, 186, 18.5, 21)
    assert only_box(folder, box_from="segmentation").bbox == (28.5, 186, 18.5, 21)
    write(tmp_path, document(bbox=[29, 186, 18, 21], segmentation=[[*quad, 30, 190]]))
    found, tally, _ = read(folder, corners=True)
    assert found["a.jpg"][1][0].corners is None and tally == {"has no four corners": 1}


@pytest.mark.parametrize("bbox", [None, [], "missing"])
@pytest.mark.parametrize(
    ("segmentation", "expected"),
    [
        ([[10, 20, 30, 20, 30, 45]], (10, 20, 20, 25)),
        ([[10, 20, 30, 20, 30, 45], [1, 2, 3, 4, 5, 60]], (1, 2, 29, 58)),
        ([10, 20, 30, 20, 30, 45], (10, 20, 20, 25)),
        ({"size": [4, 5], "counts": [5, 2, 13]}, (1, 1, 1, 2)),
        ({"size": [4, 5], "counts": [6, 4, 10]}, (1, 0, 2, 4)),
        # Any JSON number, also one that no machine word holds.
        ({"size": [10**30, 1], "counts": [10**29, 10**29, 8 * 10**29]}, (0, 1e29, 1, 1e29)),
    ],
)
def test_a_box_of_the_segmentation_alone(tmp_path, bbox, segmentation, expected):
    more = {} if bbox == "missing" else {"bbox": bbox}
    assert only_box(write(tmp_path, document(segmentation=segmentation, **more))).bbox == expected


@pytest.mark.parametrize(
    "segmentation",
    [
        *(None, [], [[]], [[1, 2]], [[1, 2, 3, 4, 5]], [["a"] * 6], "rle", {}),
        *({"size": [2, 2], "counts": counts} for counts in ([1], "~~", [4], [-1, 5])),
    ],
)
def test_an_annotation_without_any_box_is_named_and_left_out_if_wished(tmp_path, segmentation):
    coco = document(bbox=[], segmentation=segmentation)
    coco["annotations"].append({"id": 8, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]})
    folder = write(tmp_path, coco)
    with pytest.raises(SARChatError, match=r"that do not fit the format \(annotation 7: no bbox.* unfit_rows: skip"):
        read(folder)
    found, tally, _ = read(folder, unfit_rows="skip")
    assert len(found["a.jpg"][1]) == 1 and tally == {"does not fit the format": 1}


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_as_pycocotools_has_them(seed):
    mask = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 300, 2)
    pixels = np.zeros((height, width), np.uint8, order="F")
    for _ in range(rng.integers(1, 4)):
        top, left = rng.integers(0, height), rng.integers(0, width)
        pixels[top : top + rng.integers(1, 90), left : left + rng.integers(1, 90)] = 1
    pixels &= rng.random((height, width)) < rng.choice([0.02, 0.5, 1])
    encoded = mask.encode(np.asfortranarray(pixels))
    found = box_of_segmentation({"size": encoded["size"], "counts": encoded["counts"].decode()})
    expected = tuple(mask.toBbox(encoded))
    assert (found or (0, 0, 0, 0)) == expected
    flat = pixels.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes, flat.size]).tolist()
    listed = {"size": [int(height), int(width)], "counts": [0, *runs] if flat[0] else runs}
    assert box_of_segmentation(listed) == found


def test_corners_of_what_is_no_quadrilateral():
    for value in (None, [], [[1, 2, 3, 4, 5, 6]], [[1] * 8, [1] * 8], [[1] * 10], {"size": [1, 1], "counts": [1]}):
        assert corners_of_segmentation(value) is None


def test_a_turn_of_cvat_is_warned_of(tmp_path, caplog):
    folder = write(tmp_path, document(bbox=[1, 2, 3, 4], attributes={"rotation": 31.5, "occluded": False}))
    with caplog.at_level(logging.WARNING):
        read(folder)
    assert "1 annotations have attributes.rotation" in caplog.text
    caplog.clear()
    read(write(tmp_path, document(bbox=[1, 2, 3, 4], attributes={"rotation": 0.0})))
    assert not caplog.records


def test_difficult_is_kept(tmp_path):
    assert only_box(write(tmp_path, document(bbox=[1, 2, 3, 4], difficult=True))).difficult
    assert not only_box(write(tmp_path, document(bbox=[1, 2, 3, 4], difficult=False))).difficult


def test_images_that_are_missing_are_left_out_if_wished(tmp_path, caplog):
    coco = document(bbox=[1, 2, 3, 4])
    coco["images"] += [{"id": n, "file_name": f"{n}.jpg"} for n in range(2, 7)]
    coco["annotations"] += [{"id": n, "image_id": n, "category_id": 0, "bbox": [1, 2, 3, 4]} for n in range(2, 7)]
    with caplog.at_level(logging.WARNING):
        found, tally, counts = read(write(tmp_path, coco), labels_without_image="skip")
    assert list(found) == ["a.jpg"] and counts == {"Small Vehicle": 1} and tally == {"label: no image": 5}
    assert "labels without an image (2.jpg, 3.jpg, 4.jpg, and 2 more)" in caplog.text


def test_a_list_of_images_is_not_passed_over(tmp_path):
    split = SplitLabels("coco", "labels.json", "images", "train.txt")
    with pytest.raises(SARChatError, match=r"take no list of images, but listed is train\.txt"):
        open_labels(open_source(write(tmp_path, document(bbox=[1, 2, 3, 4]))), split)


# Layouts


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["annotations/instances_default.json", "images/default/a.jpg"], {"default": "images/default"}),
        (["result.json", "images/a.jpg"], {"": "images"}),
        (["labels.json", "data/a.jpg"], {"": "data"}),
        (["SSDD.json", "images/a.jpg"], {"": "images"}),
        (
            ["annotations/train2017.json", "annotations/test2017.json", "JPEGImages/a.jpg"],
            {"train": "JPEGImages", "test": "JPEGImages"},
        ),
        (["annotations/val.json", "annotations/log.json", "val/a.jpg"], {"val": "val"}),
        (["train/_annotations.coco.json", "train/a.jpg"], {"train": "train"}),
        (["validate/_annotations.coco.json", "validate/a.jpg"], {"validate": "validate"}),
        (
            ["test/all/test.json", "test/all/a.jpg", "test/inshore/test.json", "test/inshore/a.jpg"],
            {"test/all": "test/all", "test/inshore": "test/inshore"},
        ),
        (["annotations.json", "a.jpg"], {"": ""}),
        (["package.json", "images/a.jpg"], None),
    ],
)
def test_layouts_of_other_programs(tmp_path, files, expected):
    coco = document(bbox=[1, 2, 3, 4])
    for name in files:
        if name.endswith(".json"):
            write(tmp_path, {"summary": 1} if "log" in name or "package" in name else coco, name, None)
        else:
            write(tmp_path, coco, "unused/labels.json", name)
    (tmp_path / "unused/labels.json").unlink()
    candidates = find_candidates(open_source(tmp_path))
    if expected is None:
        assert not candidates
    else:
        (candidate,) = candidates
        assert {split: labels.images for split, labels in candidate.splits.items()} == expected
