"""COCO annotation files as SARDet-100K has them: for the sample, the benchmarks and the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from builders.corpus.info import DEFAULT, known_corpus


def coco_annotation(
    annotation_id: int,
    image_id: int,
    category_id: int,
    bbox: Sequence[float],
    area: float,
    **fields: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return an annotation; `area` is that of the outline in square pixels, `fields` replace defaults."""
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
    category_ids: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Return a file's content; `category_ids` are the ids of SARDet-100K's categories, if not 0 to 5."""
    names = known_corpus(DEFAULT).names
    ids = range(len(names)) if category_ids is None else category_ids
    categories = [{"id": number, "name": name} for number, name in zip(ids, names, strict=True)]
    return {"images": list(images), "type": "instances", "annotations": list(annotations), "categories": categories}
