"""Labels with a file per image: VOC, YOLO, DOTA and their relatives."""

from __future__ import annotations

import logging
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from corpora import Picture
from label_corpora import voc, write_labels
from PIL import Image

from builders.core.errors import SARChatError
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.categories import Naming
from builders.corpus.corpus import find_corpus, locate
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.label_formats import SplitLabels, find_candidates, open_labels
from builders.corpus.source import open_source
from builders.corpus.targets import LEFT_OUT

FORMATS = ("coco", "voc", "yolo", "dota")
NAMING = Naming(known_corpus(DEFAULT))
PICTURES = [
    Picture("b.png", 256, 512, [("ship", 16, 32, 64, 48), ("car", 0, 0, 256, 512)]),
    Picture("a.jpg", 128, 128, [("harbor", 100, 96, 28, 32)]),
    Picture("none.jpg", 64, 64, []),
    Picture("sub/c.bmp", 256, 256, [("ship", 1, 2, 3, 4), ("ship", 1, 2, 3, 4), ("tank", 5, 5, 9, 9)]),
]


def read(top: Path | str, split: SplitLabels):
    with open_labels(open_source(top), split).read(NAMING) as annotations:
        images = list(annotations.images())
        return images, annotations.count_images(), annotations.tally, annotations.table.category_counts()


def boxes_of(top: Path, labels: str, *, corners: bool = False, images: str = "images", listed: str = "", **options):
    """Return category and box of each row as it was read, by image, and what was counted."""
    split = SplitLabels(options.pop("format", "voc"), labels, images, listed, options)
    tally: Counter[str] = Counter()
    with AnnotationTable(corners=corners) as table:
        open_labels(open_source(top), split).read_into(table, tally)
        naming = Naming(known_corpus(DEFAULT), {name.lower(): None for name in table.category_counts()})
        found = {name: (size, boxes) for _, name, *size, boxes in table.images_in_order(naming)}
    assert all(box.category == LEFT_OUT for _, boxes in found.values() for box in boxes)
    return found, tally


def write_image(path: Path, size: tuple[int, int] = (100, 80)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# One corpus in all formats


@pytest.mark.parametrize("kind", ["folder", "zip", "memory"])
def test_one_corpus_gives_the_same_images_and_targets_in_every_format(tmp_path, kind):
    found = {}
    for format in FORMATS:
        split = write_labels(tmp_path / format, PICTURES, format)
        top = tmp_path / format
        if kind == "zip":
            with zipfile.ZipFile(tmp_path / f"{format}.zip", "w") as archive:
                for path in sorted(top.rglob("*")):
                    archive.write(path, path.relative_to(top))
            top = tmp_path / f"{format}.zip"
        elif kind == "memory":
            top = copy_to_memory(top)
        found[format] = read(top, split)
    images, number, tally, counts = found["coco"]
    assert [image.file_name for image in images] == ["a.jpg", "b.png", "sub/c.bmp"]
    assert number == 4 and tally["duplicate"] == 1 and counts == {"ship": 3, "car": 1, "harbor": 1, "tank": 1}
    for format in FORMATS[1:]:
        assert found[format][:2] == (images, number), format
        assert found[format][2]["duplicate"] == 1 and found[format][3] == counts


def copy_to_memory(folder: Path) -> str:
    import fsspec

    place = f"memory://{folder}"
    fsspec.filesystem("memory").put(f"{folder}/", place, recursive=True)
    return place


@pytest.mark.parametrize("format", FORMATS)
def test_the_digest_is_that_of_the_read_files_and_changes_with_them(tmp_path, format):
    split = write_labels(tmp_path, PICTURES, format)
    labels = open_labels(open_source(tmp_path), split)
    with labels.read(NAMING) as annotations:
        assert annotations.digest == labels.digest()
    before = labels.digest(), labels.identity()
    path = next(path for path in sorted((tmp_path / "labels").rglob("*.*")) or [tmp_path / "labels.json"])
    path = path if path.is_file() else tmp_path / "labels.json"
    path.write_text(path.read_text().replace("ship", "tank").replace("harbor", "tank") + "\n")
    after = labels.digest(), labels.identity()
    assert before[0] != after[0] and before[1] != after[1]


# Faults that every format has


@pytest.mark.parametrize("format", FORMATS[1:])
def test_labels_without_image_and_images_without_label_are_named(tmp_path, format, caplog):
    split = write_labels(tmp_path, PICTURES, format)
    (tmp_path / "images" / "a.jpg").unlink()
    next((tmp_path / "labels").glob("b.*")).unlink()
    ending = ".xml" if format == "voc" else ".txt"
    images_too = "" if format == "yolo" else "; images without a label (b.png)"
    with pytest.raises(SARChatError) as refused:
        read(tmp_path, split)
    assert f"labels has labels without an image (a{ending}){images_too}; correct" in str(refused.value)
    assert "labels_without_image: skip" in str(refused.value)
    skip = {"labels_without_image": "skip", "images_without_label": "skip"}
    with caplog.at_level(logging.WARNING):
        images, number, tally, _ = read(
            tmp_path, SplitLabels(format, "labels", "images", "", {**split.options, **skip})
        )
    assert [image.file_name for image in images] == ["sub/c.bmp"] and number == 2
    assert tally["label: no image"] == 1 and tally["image: no label"] == 1
    assert f"left out: labels without an image (a{ending})" in caplog.text.replace("\n", " ")


@pytest.mark.parametrize("format", FORMATS[1:])
def test_hidden_twins_and_other_files_are_passed_over(tmp_path, format):
    split = write_labels(tmp_path, PICTURES, format)
    expected = read(tmp_path, split)
    for path in ("labels/._a.xml", "labels/._a.txt", "labels/#temp", "images/._a.jpg", "images/notes.md"):
        (tmp_path / path).write_bytes(b"\0\5\26\7")
    write(tmp_path / "labels/__MACOSX/a.xml", "no")
    write(tmp_path / "images/__MACOSX/z.jpg", "no")
    assert read(tmp_path, split)[:2] == expected[:2]


def test_two_images_of_one_name_are_refused(tmp_path):
    split = write_labels(tmp_path, PICTURES, "dota")
    write_image(tmp_path / "images/a.png")
    with pytest.raises(SARChatError, match=r"images: a\.jpg, a\.png have one name but for the ending"):
        read(tmp_path, split)


@pytest.mark.parametrize("line", ["a", "a.jpg", "./a.jpg", "images/a.jpg", "data/images/a.jpg", "C:\\data\\a.jpg"])
def test_a_list_names_images_with_or_without_folders(tmp_path, line):
    split = write_labels(tmp_path, PICTURES, "voc")
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n\r\nsub/c\r\n")
    images, number, _, _ = read(tmp_path, SplitLabels("voc", split.labels, split.images, "train.txt"))
    assert [image.file_name for image in images] == ["a.jpg", "sub/c.bmp"] and number == 2


def test_a_list_that_names_what_is_not_there_is_refused(tmp_path):
    split = write_labels(tmp_path, PICTURES, "voc")
    (tmp_path / "train.txt").write_text("a\nzz\n")
    with pytest.raises(SARChatError, match=r"labels without an image \(train\.txt: zz\); correct"):
        read(tmp_path, SplitLabels("voc", split.labels, split.images, "train.txt"))
    (tmp_path / "train.txt").write_text("\n")
    with pytest.raises(SARChatError, match=r"train\.txt lists no image"):
        read(tmp_path, SplitLabels("voc", split.labels, split.images, "train.txt"))


# VOC


def object_of(name: str, box: str, more: str = "") -> str:
    return f"<object><name>{name}</name>{more}{box}</object>"


def sides(*numbers: object) -> str:
    keys = ("xmin", "ymin", "xmax", "ymax")
    return "<bndbox>" + "".join(f"<{key}>{n}</{key}>" for key, n in zip(keys, numbers, strict=True)) + "</bndbox>"


def voc_corpus(folder: Path, objects: str, size: str = "<size><width>100</width><height>80</height></size>") -> Path:
    write_image(folder / "images/a.jpg")
    write(folder / "labels/a.xml", f"<annotation><filename>zz</filename>{size}{objects}</annotation>")
    return folder


def test_pixels_that_count_from_one(tmp_path):
    split = write_labels(tmp_path, PICTURES, "voc")
    expected, *_ = read(tmp_path, split)
    for picture in PICTURES:
        path = tmp_path / "labels" / Path(picture.name).with_suffix(".xml")
        path.write_text(voc(picture, first=1))
    shifted = SplitLabels("voc", "labels", "images", "", {"first_pixel": 1})
    assert read(tmp_path, shifted)[0] == expected
    # A box at 0 contradicts it.
    (tmp_path / "labels/b.xml").write_text(voc(PICTURES[0]))
    with pytest.raises(SARChatError, match=r"b\.xml, object 2 has xmin, ymin 0, 0, but .* set first_pixel: 0"):
        read(tmp_path, shifted)


def test_floats_slashes_and_what_difficult_may_be(tmp_path):
    texts = ("0", "1", "", "Unspecified", "true", "2", "no")
    objects = "".join(
        object_of("A320/321", sides(1.5, 2.25, 30, 40), f"<difficult>{text}</difficult>") for text in texts
    )
    part = f"<part><name>head</name>{sides(1, 1, 2, 2)}</part>"
    objects += object_of("A220", sides(1, 2, 3, 4), part)
    found, tally = boxes_of(voc_corpus(tmp_path, objects), "labels")
    _, boxes = found["a.jpg"]
    assert [box.difficult for box in boxes] == [False, True, False, False, True, True, False, False]
    assert boxes[0].bbox == (1.5, 2.25, 28.5, 37.75) and boxes[-1].bbox == (1, 2, 2, 2)
    assert not tally


@pytest.mark.parametrize(
    "size", ["", "<size><width>0</width><height>0</height></size>", "<size><width>9</width></size>"]
)
def test_a_size_that_is_missing_is_read_from_the_image(tmp_path, size):
    found, _ = boxes_of(voc_corpus(tmp_path, object_of("ship", sides(1, 2, 3, 4)), size), "labels")
    assert found["a.jpg"][0] == [100, 80]


@pytest.mark.parametrize(
    "wrong",
    [
        object_of("ship", ""),
        object_of("", sides(1, 2, 3, 4)),
        object_of("ship", sides(1, 2, 3, "x")),
        object_of("ship", sides(1, 2, 3, "nan")),
        object_of("ship", sides(1, 2, 3, 4), "<difficult>maybe</difficult>"),
    ],
)
def test_an_object_that_does_not_fit_is_named_and_left_out_if_wished(tmp_path, wrong):
    top = voc_corpus(tmp_path, object_of("ship", sides(1, 2, 3, 4)) + wrong)
    with pytest.raises(SARChatError, match=r"labels has boxes that do not fit the format \(a\.xml, object 2: "):
        boxes_of(top, "labels")
    found, tally = boxes_of(top, "labels", unfit_rows="skip")
    assert len(found["a.jpg"][1]) == 1 and tally == {"does not fit the format": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation><object>", "is not valid XML: no element found"),
        ("", "is not valid XML"),
        ("<html/>", "is not Pascal VOC.s XML or a relative: it begins with <html>, not <annotation>"),
        ("<annotations><image name='a'/></annotations>", "is in CVAT's own XML; export the task as COCO"),
        ("<annotations/>", "has 0 images, not one"),
        ("<?xml version='1.0' encoding='gb2312'?><annotation/>", "is not valid XML: multi-byte encodings"),
        ("<?xml version='1.0' encoding='no'?><annotation/>", "is not valid XML: unknown encoding"),
    ],
)
def test_other_xml_is_one_line(tmp_path, text, message):
    top = voc_corpus(tmp_path, "")
    (tmp_path / "labels/a.xml").write_text(text)
    with pytest.raises(SARChatError, match=rf"a\.xml {message}"):
        boxes_of(top, "labels")


def test_entities_are_never_expanded(tmp_path):
    top = voc_corpus(tmp_path, "")
    bomb = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    secret = f'<!DOCTYPE a [<!ENTITY a SYSTEM "file://{write(tmp_path / "secret", "hidden")}">]>'
    for declaration in (bomb, secret, "<!DOCTYPE annotation SYSTEM 'http://localhost/voc.dtd'>"):
        (tmp_path / "labels/a.xml").write_text(
            f"<?xml version='1.0'?>{declaration}<annotation><object><name>&a;</name></object></annotation>"
        )
        with pytest.raises(SARChatError, match="has a document type declaration; remove its line"):
            boxes_of(top, "labels")


def test_all_images_in_one_file(tmp_path):
    split = write_labels(tmp_path, PICTURES, "voc")
    expected = read(tmp_path, split)
    entries = [voc(picture) for picture in sorted(PICTURES, key=lambda picture: picture.name)]
    write(
        tmp_path / "all.xml", f"<?xml version='1.0' encoding='utf-8'?>\n<annotations>{''.join(entries)}</annotations>"
    )
    merged = SplitLabels("voc", "all.xml", "images")
    assert read(tmp_path, merged)[:2] == expected[:2]
    labels = open_labels(open_source(tmp_path), merged)
    with labels.read(NAMING) as annotations:
        assert annotations.digest == labels.digest()
    write(tmp_path / "all.xml", f"<annotations>{entries[0]}{entries[0]}</annotations>")
    with pytest.raises(SARChatError, match=r"all\.xml: image 'a\.jpg' is in it, or in its images, twice"):
        read(tmp_path, merged)
    write(tmp_path / "all.xml", f"<annotations>{entries[0]}{entries[1].replace('b.png', 'q.png')}</annotations>")
    with pytest.raises(
        SARChatError, match=r"labels without an image \('q\.png'\); images without a label \(b\.png, none\.jpg, sub"
    ):
        read(tmp_path, merged)


def rotated(*numbers: float) -> str:
    keys = ("cx", "cy", "w", "h", "angle")
    return "<robndbox>" + "".join(f"<{key}>{n}</{key}>" for key, n in zip(keys, numbers, strict=True)) + "</robndbox>"


DIOR_R = "".join(
    f"<{axis}_{corner}>{n}</{axis}_{corner}>"
    for corner, point in zip(
        ("left_top", "right_top", "right_bottom", "left_bottom"), ((9, 1), (19, 11), (14, 16), (4, 6)), strict=True
    )
    for axis, n in zip("xy", point, strict=True)
)


def test_corners_of_every_relative(tmp_path):
    """A square of 10 about (50, 40), turned by 45 degrees: its corners are 5 * sqrt(2) from the centre."""
    far = 50**0.5
    turned = {"angle_unit": "degrees", "angle_direction": "clockwise"}
    top = voc_corpus(tmp_path, object_of("ship", rotated(50, 40, 10, 10, 45)))
    (box,) = boxes_of(top, "labels", corners=True, **turned)[0]["a.jpg"][1]
    assert box.corners == pytest.approx((50, 40 - far, 50 + far, 40, 50, 40 + far, 50 - far, 40))
    assert box.bbox == pytest.approx((50 - far, 40 - far, 2 * far, 2 * far))
    # Three times as long as high: turned clockwise by 30 degrees, the right end goes down.
    voc_corpus(tmp_path, object_of("ship", rotated(50, 40, 30, 10, 0.5235987755982988)))
    for direction, sign in (("clockwise", 1), ("counter-clockwise", -1)):
        options = {"angle_unit": "radians", "angle_direction": direction}
        (box,) = boxes_of(top, "labels", corners=True, **options)[0]["a.jpg"][1]
        right = (box.corners[2] + box.corners[4]) / 2 - 50, (box.corners[3] + box.corners[5]) / 2 - 40
        assert right == pytest.approx((15 * 3**0.5 / 2, sign * 7.5))
    # DIOR-R has both; FAIR1M repeats the first corner.
    voc_corpus(tmp_path, object_of("ship", f"<robndbox>{DIOR_R}</robndbox><angle>9</angle>{sides(4, 1, 19, 16)}"))
    (box,) = boxes_of(top, "labels", corners=True)[0]["a.jpg"][1]
    assert box.corners == (9, 1, 19, 11, 14, 16, 4, 6)
    assert boxes_of(top, "labels")[0]["a.jpg"][1][0].corners is None
    points = "".join(f"<point>{x}.0,{y}.0</point>" for x, y in ((1, 2), (3, 2), (3, 9), (1, 9), (1, 2)))
    name = "<possibleresult><name>Dry Cargo</name></possibleresult>"
    fair = f"<object><coordinate>pixel</coordinate>{name}<points>{points}</points></object>"
    voc_corpus(tmp_path, f"<objects>{fair}</objects>")
    (box,) = boxes_of(top, "labels", corners=True)[0]["a.jpg"][1]
    assert box.corners == (1, 2, 3, 2, 3, 9, 1, 9) and box.bbox == (1, 2, 2, 7)


def test_hrsc(tmp_path):
    write_image(tmp_path / "images/a.bmp", (60, 50))
    numbers = "".join(
        f"<mbox_{key}>{n}</mbox_{key}>"
        for key, n in zip(("cx", "cy", "w", "h", "ang"), (30, 25, 20, 4, 1.5707963267948966), strict=True)
    )
    upright = "<box_xmin>1</box_xmin><box_ymin>2</box_ymin><box_xmax>9</box_xmax><box_ymax>12</box_ymax>"
    write(
        tmp_path / "labels/a.xml",
        "<HRSC_Image><Img_FileName>a</Img_FileName><Img_SizeWidth>60</Img_SizeWidth><Img_SizeHeight>50</Img_SizeHeight>"
        f"<HRSC_Objects><HRSC_Object><Class_ID>100000013</Class_ID><difficult>1</difficult>{upright}{numbers}"
        "</HRSC_Object></HRSC_Objects></HRSC_Image>",
    )
    size, (box,) = boxes_of(tmp_path, "labels")[0]["a.bmp"]
    assert (size, box.bbox, box.difficult) == ([60, 50], (1, 2, 8, 10), True)
    turned = {"angle_unit": "radians", "angle_direction": "clockwise"}
    (box,) = boxes_of(tmp_path, "labels", corners=True, **turned)[0]["a.bmp"][1]
    assert box.bbox == pytest.approx((28, 15, 4, 20))


def test_an_angle_means_nothing_until_it_is_said(tmp_path):
    top = voc_corpus(tmp_path, object_of("ship", rotated(50, 40, 10, 10, 0.5)))
    for options in ({}, {"angle_unit": "radians"}, {"angle_direction": "clockwise"}):
        with pytest.raises(SARChatError, match=r"a\.xml, object 1 has an angle, 0\.5, .* set the options angle_unit"):
            boxes_of(top, "labels", **options)


# YOLO


def yolo_corpus(folder: Path, rows: str, names: str = "names: [ship, car]", size: tuple[int, int] = (100, 80)) -> Path:
    write_image(folder / "images/a.jpg", size)
    write(folder / "labels/a.txt", rows)
    write(folder / "data.yaml", f"train: images\n{names}\n")
    return folder


def yolo_boxes(folder: Path, **options):
    found, tally = boxes_of(folder, "labels", format="yolo", **{"names_in": "data.yaml", **options})
    return [box for _, boxes in found.values() for box in boxes], tally


def test_boxes_and_polygons_of_one_file(tmp_path):
    """Ultralytics drops an image that has both."""
    rows = "\ufeff0 0.5 0.5 0.2 0.5\r\n1\t0.1 0.1 0.3 0.1 0.2 0.5\n\n0 .1 .25 .5 .25 .5 .5 .1 .5"
    boxes, tally = yolo_boxes(yolo_corpus(tmp_path, rows))
    assert [box.bbox for box in boxes] == [
        pytest.approx((40, 20, 20, 40)),
        pytest.approx((10, 8, 20, 32)),
        pytest.approx((10, 20, 40, 20)),
    ]
    assert not tally and all(box.corners is None for box in boxes)


def test_nine_values_are_corners_only_if_the_corpus_says_so(tmp_path):
    top = yolo_corpus(tmp_path, "0 0.1 0.25 0.5 0.125 0.6 0.5 0.2 0.75\n1 0.5 0.5 0.2 0.5\n")
    quad, upright = yolo_boxes(top, corners=True)[0]
    assert quad.corners == pytest.approx((10, 20, 50, 10, 60, 40, 20, 60)) and upright.corners is None
    assert quad.bbox == yolo_boxes(top)[0][0].bbox == pytest.approx((10, 10, 50, 50))


def test_rounding_does_not_put_a_box_past_the_edge(tmp_path):
    """Six decimals, as programs write them: of boxes that end at the right edge, some would be past it."""
    width, height = 1333, 777
    sides = [(left, width - left) for left in range(1000, 1300)]
    rows = [f"{(left + side / 2) / width:.6f} {0.5:.6f} {side / width:.6f} {1:.6f}" for left, side in sides]
    past = [float(row.split()[0]) + float(row.split()[2]) / 2 > 1 for row in rows]
    assert any(past) and not all(past)
    boxes, _ = yolo_boxes(yolo_corpus(tmp_path, "".join(f"0 {row}\n" for row in rows), size=(width, height)))
    assert all(x + w == width and y == 0 and h == height for x, y, w, h in (box.bbox for box in boxes))
    assert [x for x, *_ in (box.bbox for box in boxes)] == pytest.approx([left for left, _ in sides], abs=0.01)


@pytest.mark.parametrize(
    "row",
    [
        *("0 0.5 0.5 0.2", "0 0.5 0.5 0.2 0.5 0.9", "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "0,0.5,0.5,0.2,0.5", "a b c d e"),
        *(
            "0 50 40 20 40",
            "0 0.5 0.5 nan 0.5",
            "0.5 0.5 0.5 0.2 0.5",
            "ship 0.5 0.5 0.2 0.5",
            "0",
            "0 1.2 0.5 0.2 0.5",
        ),
    ],
)
def test_a_row_that_does_not_fit_leaves_its_image(tmp_path, row):
    top = yolo_corpus(tmp_path, f"0 0.5 0.5 0.2 0.5\n\n{row}\n")
    with pytest.raises(SARChatError, match=r"labels has boxes that do not fit the format \(a\.txt, line 3: '"):
        yolo_boxes(top)
    boxes, tally = yolo_boxes(top, unfit_rows="skip")
    assert len(boxes) == 1 and tally == {"does not fit the format": 1}


def test_values_a_little_outside_are_clipped_as_everywhere(tmp_path):
    boxes, tally = yolo_boxes(yolo_corpus(tmp_path, "0 0.9 0.5 0.3 0.5\n0 0.1 0.2 1.03 0.2 1.03 0.4 0.1 0.4\n"))
    assert boxes[0].bbox == pytest.approx((75, 20, 30, 40)) and boxes[1].bbox == pytest.approx((10, 16, 93, 16))
    assert not tally


def test_class_ids_that_are_not_declared_are_counted(tmp_path):
    top = yolo_corpus(tmp_path, "44 0.5 0.5 0.2 0.5\n1 0.5 0.5 0.2 0.5\n-1 0.5 0.5 0.2 0.5\n")
    with pytest.raises(
        SARChatError, match=r"not declared \(a\.txt, line 1: class 44, a\.txt, line 3: class -1\); .*skip"
    ):
        yolo_boxes(top)
    boxes, tally = yolo_boxes(top, undeclared_classes="skip")
    assert len(boxes) == 1 and tally == {"class id not declared": 2}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("names: [ship, car]", ["ship", "car"]),
        ("names: {0: ship, 1: car}", ["ship", "car"]),
        ("names: {'0': ship, '1': car}\nnc: '2'", ["ship", "car"]),
        ("nc: 2.0", ["class_0", "class_1"]),
        ("names:\n- 747\n- yes", ["747", "True"]),
    ],
)
def test_how_names_may_be_declared(tmp_path, names, expected):
    top = yolo_corpus(tmp_path, "0 0.5 0.5 0.2 0.5\n1 0.5 0.5 0.2 0.5\n", names)
    split = SplitLabels("yolo", "labels", "images", "", {"names_in": "data.yaml"})
    with AnnotationTable() as table:
        open_labels(open_source(top), split).read_into(table, Counter())
        assert [*table.category_counts()] == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("nc: 3\nnames: [ship, car]", "has 2 names, but nc is 3"),
        ("nc: many", "nc: 'many' is not a whole number"),
        ("names: {a: ship}", "names: 'a' is not a whole number"),
        ("names: ship", "has no names of classes"),
        ("names: []", "has no names of classes"),
        ("names: [", "YAML cannot be read"),
        ("names: !!python/object/apply:os.system ['touch x']", "YAML cannot be read"),
    ],
)
def test_names_that_contradict_or_are_none(tmp_path, names, message):
    with pytest.raises(SARChatError, match=rf"data\.yaml.*{message}"):
        yolo_boxes(yolo_corpus(tmp_path, "", names))


def test_names_must_be_given_once(tmp_path):
    top = yolo_corpus(tmp_path, "0 0.5 0.5 0.2 0.5\n")
    for options in ({"names_in": ""}, {"names": ["ship"]}):
        with pytest.raises(SARChatError, match="give either their names, or the file"):
            yolo_boxes(top, **options)
    assert len(yolo_boxes(top, names_in="", names=["ship"])[0]) == 1


def yolo_layout(folder: Path, yaml: str, images: list[str], labels: list[str]):
    for path in images:
        write_image(folder / path)
    for path in labels:
        write(folder / path, "0 0.5 0.5 0.2 0.5\n")
    write(folder / "data.yaml", yaml)
    return {
        split: (of.labels, of.images, of.listed, of.options.get("folders"))
        for candidate in find_candidates(open_source(folder))
        for split, of in candidate.splits.items()
    }


SPLITS_OF_YOLO = (
    ["images/train/a.jpg", "images/val/b.jpg", "images/extra/c.jpg"],
    ["labels/train/a.txt", "labels/val/b.txt", "labels/extra/c.txt"],
)


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("train: images/train\nval: images/val\ntest:\n", {"train": ("train", None), "val": ("val", None)}),
        (
            "path: .\ntrain: images/train\nvalidation: ./images/val/",
            {"train": ("train", None), "validation": ("val", None)},
        ),
        ("path: ../datasets/ships\ntrain: images/train", {"train": ("train", None)}),
        ("path: /content/ships\ntrain: ../images/train", {"train": ("train", None)}),
        ("train: [images/train, images/extra]", {"train": ("", ["train", "extra"])}),
    ],
)
def test_paths_of_a_yaml_file(tmp_path, yaml, expected):
    found = yolo_layout(
        tmp_path, f"{yaml}\nnames: [ship]\ndownload: |\n  raise SystemExit('never run')\n", *SPLITS_OF_YOLO
    )
    assert found == {
        split: (f"labels/{folder}".rstrip("/"), f"images/{folder}".rstrip("/"), "", folders)
        for split, (folder, folders) in expected.items()
    }


def test_the_folders_of_a_split_are_read_alone(tmp_path):
    yolo_layout(tmp_path, "train: [images/train, images/extra]\nnames: [ship]", *SPLITS_OF_YOLO)
    ((candidate,)) = find_candidates(open_source(tmp_path))
    images, number, _, _ = read(tmp_path, candidate.splits["train"])
    assert [image.file_name for image in images] == ["extra/c.jpg", "train/a.jpg"] and number == 2


def test_roboflow_names_a_folder_that_is_not_there(tmp_path, caplog):
    yaml = "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: [ship]\nroboflow: {license: CC BY 4.0}"
    images = ["train/images/a.jpg", "validate/images/b.jpg"]
    with caplog.at_level(logging.WARNING):
        found = yolo_layout(tmp_path, yaml, images, ["train/labels/a.txt", "validate/labels/b.txt"])
    assert found["val"] == ("validate/labels", "validate/images", "", None)
    assert "val is ../valid/images, which does not exist; read is validate/images" in caplog.text


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("train: images/trian", "train is images/trian, which does not exist in"),
        ("train: ../../../etc", "train is ../../../etc, which does not exist in"),
        ("train: 7", "train is 7, not the path"),
        ("train: images/train\nval: images/val", "there are images, but no folder of labels labels/val; add it"),
    ],
)
def test_a_yaml_file_that_does_not_fit_the_folder(tmp_path, yaml, message):
    with pytest.raises(SARChatError, match=re.escape(message)):
        yolo_layout(
            tmp_path, f"{yaml}\nnames: [ship]", ["images/train/a.jpg", "images/val/b.jpg"], ["labels/train/a.txt"]
        )


def test_yaml_of_other_programs_is_none_of_yolo(tmp_path):
    write_image(tmp_path / "images/a.jpg")
    for text in ("site: !ENV [NAME]", "train: images", "a: [", "names_of: x"):
        write(tmp_path / "mkdocs.yml", text)
        assert not find_candidates(open_source(tmp_path))


def test_a_list_of_image_paths(tmp_path):
    yaml = "train: train.txt\nval: val.txt\nnames: [ship, car]"
    write(tmp_path / "train.txt", "\ufeff./images/x/a.jpg\n")
    write(tmp_path / "val.txt", "/home/me/data/images/y/a.jpg\n")
    images, labels = ["images/x/a.jpg", "images/y/a.jpg"], ["labels/x/a.txt", "labels/y/a.txt"]
    found = yolo_layout(tmp_path, yaml, images, labels)
    assert found == {split: ("labels", "images", f"{split}.txt", None) for split in ("train", "val")}
    (candidate,) = find_candidates(open_source(tmp_path))
    for split, name in (("train", "x/a.jpg"), ("val", "y/a.jpg")):
        assert [image.file_name for image in read(tmp_path, candidate.splits[split])[0]] == [name]


def test_darknet(tmp_path):
    write(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n")
    write(tmp_path / "obj.names", "ship\ncar\n")
    write(tmp_path / "train.txt", "data/obj_train_data/a.jpg\n")
    write_image(tmp_path / "obj_train_data/a.jpg")
    write(tmp_path / "obj_train_data/a.txt", "1 0.5 0.5 0.2 0.5\n")
    (candidate,) = find_candidates(open_source(tmp_path))
    images, _, _, counts = read(tmp_path, candidate.splits["train"])
    assert counts == {"car": 1} and [image.file_name for image in images] == ["a.jpg"]


def test_label_studio(tmp_path):
    write(tmp_path / "classes.txt", "car\nship\n")
    write(tmp_path / "notes.json", "{}")
    write_image(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", "1 0.5 0.5 0.2 0.5\n")
    (candidate,) = find_candidates(open_source(tmp_path))
    assert read(tmp_path, candidate.splits[""])[3] == {"ship": 1}


def test_names_and_labels_beside_the_images(tmp_path):
    """As LabelImg writes them."""
    write(tmp_path / "classes.txt", "car\nship\n")
    write_image(tmp_path / "a.jpg")
    write(tmp_path / "a.txt", "1 0.5 0.5 0.2 0.5\n")
    (candidate,) = find_candidates(open_source(tmp_path))
    assert read(tmp_path, candidate.splits[""])[3] == {"ship": 1}


# DOTA and VisDrone


def text_corpus(folder: Path, text: str) -> Path:
    write_image(folder / "images/a.png")
    (folder / "labels").mkdir()
    (folder / "labels/a.txt").write_bytes(text.encode())
    return folder


def test_dota_with_headers_and_either_number_of_fields(tmp_path):
    text = (
        "imagesource:GoogleEarth\r\ngsd:null\r\n1 2 11 2 11 22 1 22 small-vehicle 0\r\n"
        "20 30 40 10 60.5 30 40 50 ship\r\n-5 0 5 0 5 5 -5 5 ship 2\r\n"
    )
    found, tally = boxes_of(text_corpus(tmp_path, text), "labels", format="dota")
    size, boxes = found["a.png"]
    assert size == [100, 80] and not tally
    assert [box.bbox for box in boxes] == [(1, 2, 10, 20), (20, 10, 40.5, 40), (-5, 0, 10, 5)]
    assert [box.corners for box in boxes][1] == (20, 30, 40, 10, 60.5, 30, 40, 50)
    assert [box.difficult for box in boxes] == [False, False, True]


@pytest.mark.parametrize(
    "row", ["1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 ship 0", "1 2 3 4 5 6 7 8 a ship 0", "x", "1 2 3 4 5 6 7 8 ship x"]
)
def test_a_row_that_is_not_dotas(tmp_path, row):
    with pytest.raises(SARChatError, match=r"labels has boxes that do not fit the format \(a\.txt, line 2: "):
        boxes_of(text_corpus(tmp_path, f"gsd:0.1\n{row}\n"), "labels", format="dota")


def test_text_that_is_not_utf_8_is_one_line(tmp_path):
    text_corpus(tmp_path, "")
    (tmp_path / "labels/a.txt").write_bytes(b"\xff\xfe1\0")
    with pytest.raises(SARChatError, match=r"labels/a\.txt is not text in UTF-8"):
        boxes_of(tmp_path, "labels", format="dota")


def test_visdrone(tmp_path):
    rows = "684,8,27,16,0,0,0,0\n406,119,26,24,1,4,0,1,\n1,2,3,4,1,77,0,0\n1 2 3 4\n"
    top = text_corpus(tmp_path, rows)
    with pytest.raises(
        SARChatError, match=r"not declared \(a\.txt, line 3: category 77\); .* \(a\.txt, line 4: '1 2 3 4'\)"
    ):
        boxes_of(top, "labels", format="visdrone")
    found, tally = boxes_of(top, "labels", format="visdrone", unfit_rows="skip", undeclared_classes="skip")
    first, second = found["a.png"][1]
    assert (first.ignored, second.ignored) == (True, False) and second.bbox == (406, 119, 26, 24)
    assert sum(tally.values()) == 2


# Layouts


@pytest.mark.parametrize(
    ("labels", "images", "lists", "expected"),
    [
        (["Annotations/a.xml"], ["JPEGImages/a.jpg"], [], {"": ("Annotations", "JPEGImages", "")}),
        (
            ["Annotations/a.xml"],
            ["JPEGImages/a.jpg"],
            ["ImageSets/Main/train.txt", "ImageSets/Main/val.txt", "ImageSets/Main/ship_train.txt"],
            {s: ("Annotations", "JPEGImages", f"ImageSets/Main/{s}.txt") for s in ("train", "val")},
        ),
        (
            ["train/a.xml", "valid/b.xml"],
            ["train/a.jpg", "valid/b.jpg"],
            [],
            {s: (s, s, "") for s in ("train", "valid")},
        ),
        (["a.xml"], ["a.jpg"], [], {"": ("", "", "")}),
        (
            ["Annotations/Horizontal Bounding Boxes/1.xml"],
            ["JPEGImages-trainval/1.jpg", "JPEGImages-test/2.jpg"],
            ["ImageSets/Main/train.txt", "ImageSets/Main/test.txt"],
            {
                "train": ("Annotations/Horizontal Bounding Boxes", "JPEGImages-trainval", "ImageSets/Main/train.txt"),
                "test": ("Annotations/Horizontal Bounding Boxes", "JPEGImages-test", "ImageSets/Main/test.txt"),
            },
        ),
        (
            ["FullDataSet/Annotations/1.xml"],
            ["FullDataSet/AllImages/1.bmp"],
            ["ImageSets/trainval.txt", "ImageSets/test.txt"],
            {
                s: ("FullDataSet/Annotations", "FullDataSet/AllImages", f"ImageSets/{s}.txt")
                for s in ("trainval", "test")
            },
        ),
        (["labelXml/1.xml"], ["images/1.tif"], [], {"": ("labelXml", "images", "")}),
        (
            ["train/labelTxt/P1.txt", "val/labelTxt/P2.txt"],
            ["train/images/P1.png", "val/images/P2.png"],
            [],
            {s: (f"{s}/labelTxt", f"{s}/images", "") for s in ("train", "val")},
        ),
        (["labelTxt/P1.txt"], ["images/P1.png"], [], {"": ("labelTxt", "images", "")}),
        (
            ["Annotations_train/1.xml", "Annotations_test/2.xml", "Annotations_test_inshore/2.xml"],
            ["JPEGImages_train/1.jpg", "JPEGImages_test/2.jpg", "JPEGImages_test_inshore/2.jpg"],
            [],
            {s: (f"Annotations_{s}", f"JPEGImages_{s}", "") for s in ("train", "test")},
        ),
        (["train/annfiles/P1.txt"], ["train/images/P1.png"], [], {"train": ("train/annfiles", "train/images", "")}),
    ],
)
def test_layouts(tmp_path, labels, images, lists, expected):
    for path in images:
        write_image(tmp_path / path)
    for path in labels:
        write(tmp_path / path, "")
    for path in lists:
        write(tmp_path / path, "1\n")
    (candidate,) = find_candidates(open_source(tmp_path))
    assert {s: (of.labels, of.images, of.listed) for s, of in candidate.splits.items()} == expected


def test_both_folders_of_dior_are_two_candidates(tmp_path):
    write_image(tmp_path / "JPEGImages-trainval/1.jpg")
    for kind in ("Horizontal", "Oriented"):
        write(tmp_path / f"Annotations/{kind} Bounding Boxes/1.xml", "<annotation/>")
    names = [candidate.name for candidate in find_candidates(open_source(tmp_path))]
    assert names == ["DIOR, upright boxes", "DIOR, oriented boxes"]


def test_labels_without_any_image_folder_name_what_was_expected(tmp_path):
    write(tmp_path / "labelTxt/P1.txt", "")
    with pytest.raises(SARChatError, match="contains no images: none of images, JPEGImages exists"):
        find_candidates(open_source(tmp_path))


MERGED = '<?xml version="1.0"?>\n<annotations>\n<annotation><filename>1.jpg</filename></annotation></annotations>'


@pytest.mark.parametrize(
    ("labels", "images", "expected"),
    [
        (["ships.xml"], "JPEGImages", {"": ("ships.xml", "JPEGImages")}),
        (["all.xml"], "", {"all": ("all.xml", "")}),
        (
            ["Annotations/train.xml", "Annotations/val.xml"],
            "JPEGImages",
            {s: (f"Annotations/{s}.xml", "JPEGImages") for s in ("train", "val")},
        ),
    ],
)
def test_files_of_many_images_are_found(tmp_path, labels, images, expected):
    write_image(tmp_path / images / "1.jpg")
    for path in labels:
        write(tmp_path / path, MERGED)
    (candidate,) = find_candidates(open_source(tmp_path))
    assert {s: (of.labels, of.images) for s, of in candidate.splits.items()} == expected


def test_a_file_of_many_images_beside_one_for_each_is_not_taken(tmp_path):
    write_image(tmp_path / "JPEGImages/1.jpg")
    write(tmp_path / "all.xml", MERGED)
    write(tmp_path / "Annotations/1.xml", "<annotation/>")
    (candidate,) = find_candidates(open_source(tmp_path))
    assert candidate.splits[""].labels == "Annotations"


@pytest.mark.parametrize(("row", "formats"), [("684,8,27,16,0,0,0,0\n", ["visdrone"]), ("0 0.5 0.5 0.1 0.1\n", [])])
@pytest.mark.parametrize("above", ["", "val/", "VisDrone2019-DET-val/"])
def test_visdrone_is_found_by_its_rows(tmp_path, row, formats, above):
    write_image(tmp_path / above / "images/1.jpg")
    write(tmp_path / above / "annotations/1.txt", row)
    found = find_candidates(open_source(tmp_path))
    assert [of.format for candidate in found for of in candidate.splits.values()] == formats


def test_what_follows_a_list_of_objects_is_read(tmp_path):
    write_image(tmp_path / "images/a.png", (30, 20))
    one = (
        "<objects><object><name>ship</name><bndbox><xmin>{0}</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    )
    text = "".join(f"{one.format(left)}</object></objects>" for left in (1, 2))
    write(
        tmp_path / "labels/a.xml",
        f"<annotation>{text}<size><width>50</width><height>40</height></size></annotation>",
    )
    size, boxes = boxes_of(tmp_path, "labels")[0]["a.png"]
    assert size == [50, 40] and [box.bbox for box in boxes] == [(1, 1, 8, 8), (2, 1, 7, 8)]


def test_the_folders_of_visdrone_are_its_three_splits(tmp_path):
    for name in ("train", "val", "test-dev", "test-challenge"):
        write_image(tmp_path / f"VisDrone2019-DET-{name}/images/1.jpg")
        if name != "test-challenge":
            write(tmp_path / f"VisDrone2019-DET-{name}/annotations/1.txt", "684,8,27,16,0,0,0,0\n")
    found = find_corpus(locate(tmp_path, info=known_corpus("visdrone")))
    assert {split: files.paths for split, files in found.files.items()} == {
        split: [f"VisDrone2019-DET-{name}/annotations"]
        for split, name in (("train", "train"), ("validation", "val"), ("test", "test-dev"))
    }


def test_corners_of_ssdd(tmp_path):
    write_image(tmp_path / "images/a.png")
    numbers = "".join(f"<{axis}{corner}>{10 * corner}</{axis}{corner}>" for corner in range(1, 5) for axis in "xy")
    box = "<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>40</xmax><ymax>40</ymax></bndbox>"
    write(
        tmp_path / "labels/a.xml",
        f"<annotation><object><name>ship</name>{box}<rotated_bndbox>{numbers}</rotated_bndbox></object></annotation>",
    )
    assert boxes_of(tmp_path, "labels", corners=True)[0]["a.png"][1][0].corners == (10, 10, 20, 20, 30, 30, 40, 40)
    assert boxes_of(tmp_path, "labels")[0]["a.png"][1][0].corners is None
