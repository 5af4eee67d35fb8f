"""The annotations of a corpus written as parts: COCO files or Parquet."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SPLITS = ("train", "val", "test")


def use_parts(corpus: Path, kind: str, parts: int = 3, seed: int = 0) -> Path:
    """Replace each annotation file of a corpus by parts with its images in random order; return the corpus."""
    rng = random.Random(seed)
    for split in SPLITS:
        file = corpus / "Annotations" / f"{split}.json"
        coco = json.loads(file.read_text())
        file.unlink()
        (corpus / "Annotations" / split).mkdir()
        rng.shuffle(coco["images"])
        for number in range(parts):
            path = corpus / "Annotations" / split / f"part-{number}.{kind}"
            write_part(path, coco, coco["images"][number::parts])
    return corpus


def write_part(path: Path, coco: dict[str, Any], images: list[dict]) -> None:
    """Write some of a document's images as a file of the kind that the path's ending says."""
    ids = {image["id"] for image in images}
    annotations = [annotation for annotation in coco["annotations"] if annotation["image_id"] in ids]
    if path.suffix == ".json":
        path.write_text(json.dumps({**coco, "images": images, "annotations": annotations}))
    else:
        pq.write_table(pa.Table.from_pylist(rows(coco, images), SCHEMA), path)


SCHEMA = pa.schema(
    {
        "image_id": pa.int64(),
        "file_name": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "objects": pa.struct(
            {
                "bbox": pa.list_(pa.list_(pa.float64())),
                "category": pa.list_(pa.string()),
                "ignored": pa.list_(pa.bool_()),
            }
        ),
    }
)


def rows(coco: dict[str, Any], images: list[dict]) -> list[dict[str, Any]]:
    """Return a row per image, with its boxes in the order of annotation ids."""
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes: dict[int, list[dict]] = {image["id"]: [] for image in images}
    for annotation in sorted(coco["annotations"], key=lambda annotation: annotation["id"]):
        boxes.get(annotation["image_id"], []).append(annotation)
    return [
        {
            "image_id": image["id"],
            **{key: image[key] for key in ("file_name", "width", "height")},
            "objects": {
                "bbox": [box["bbox"] for box in boxes[image["id"]]],
                "category": [names[box["category_id"]] for box in boxes[image["id"]]],
                "ignored": [bool(box.get("iscrowd") or box.get("ignore")) for box in boxes[image["id"]]],
            },
        }
        for image in images
    ]
