"""One corpus in each label format: what `corpora.Picture` says, written as the programs that have the format do."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from corpora import NAMES, Picture

from builders.corpus.label_formats import SplitLabels

OPTIONS = {"yolo": {"names_in": "data.yaml"}}


def write_labels(folder: Path, pictures: Sequence[Picture], format: str) -> SplitLabels:
    """Write the images and labels of a split; return where they are."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for picture in pictures:
        path = folder / "images" / picture.name
        path.parent.mkdir(exist_ok=True, parents=True)
        picture.draw(random.Random(0)).save(path)
    if format == "coco":
        (folder / "labels.json").write_text(json.dumps(coco(pictures)))
        return SplitLabels("coco", "labels.json", "images")
    if format == "yolo":
        (folder / "data.yaml").write_text(f"train: images\nnames: {list(NAMES)}\n")
    for picture in pictures:
        path = folder / "labels" / Path(picture.name).with_suffix(".xml" if format == "voc" else ".txt")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text({"voc": voc, "yolo": yolo, "dota": dota}[format](picture))
    return SplitLabels(format, "labels", "images", "", OPTIONS.get(format, {}))


def coco(pictures: Sequence[Picture]) -> dict:
    images, annotations = [], []
    for picture in sorted(pictures, key=lambda picture: picture.name):
        image_id = len(images) + 1
        images.append({"id": image_id, "file_name": picture.name, "width": picture.width, "height": picture.height})
        for category, *bbox in picture.boxes:
            category_id = NAMES.index(category)
            annotations.append({"id": len(annotations), "image_id": image_id, "category_id": category_id, "bbox": bbox})
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def voc(picture: Picture, first: int = 0, more: Mapping[str, str] | None = None) -> str:
    objects = "".join(
        f"<object><name>{category}</name><bndbox><xmin>{x + first}</xmin><ymin>{y + first}</ymin>"
        f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
        for category, x, y, w, h in picture.boxes
    )
    size = f"<size><width>{picture.width}</width><height>{picture.height}</height><depth>1</depth></size>"
    return f"<annotation><filename>{picture.name}</filename>{size}{objects}</annotation>"


def yolo(picture: Picture) -> str:
    return "".join(
        f"{NAMES.index(category)} {(x + w / 2) / picture.width!r} {(y + h / 2) / picture.height!r} "
        f"{w / picture.width!r} {h / picture.height!r}\n"
        for category, x, y, w, h in picture.boxes
    )


def dota(picture: Picture) -> str:
    rows = (f"{x} {y} {x + w} {y} {x + w} {y + h} {x} {y + h} {category} 0\n" for category, x, y, w, h in picture.boxes)
    return "imagesource:GoogleEarth\ngsd:0.146\n" + "".join(rows)
