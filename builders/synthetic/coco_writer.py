"""COCO annotation files as SARDet-100K has them: for the sample, the benchmarks and the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from builders.schema import CATEGORIES


def coco_annotation(
    annotation_id: int,
    image_id: int,
    category_id: int,
    bbox: Sequence[float],
    area: float,
    **fields: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return an annotation.

    Args:
        annotation_id: its id.
        image_id: its image's id.
        category_id: its category's id.
        bbox: x, y, width, height in pixels.
        area: the area of the target's outline in square pixels.
        fields: fields that replace the defaults, such as `iscrowd=1`.
    """
    return {
        "area": area,
        "iscrowd": 0,
        "image_id": image_id,
        "bbox": list(bbox),
        "category_id": category_id,
        "id": annotation_id,
        "ignore": 0,
        "segmentation": [],
    } | fields


def coco_document(
    images: Iterable[dict[str, Any]],
    annotations: Iterable[dict[str, Any]],
    category_ids: Sequence[int] = range(len(CATEGORIES)),
) -> dict[str, Any]:
    """Return a file's content.

    Args:
        images: entries with `file_name`, `height`, `width` and `id`.
        annotations: what `coco_annotation` returns.
        category_ids: the id of each of `CATEGORIES`.
    """
    categories = [{"id": number, "name": name} for number, name in zip(category_ids, CATEGORIES, strict=True)]
    return {"images": list(images), "type": "instances", "annotations": list(annotations), "categories": categories}
