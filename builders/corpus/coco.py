"""Reading a COCO detection file entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.categories import find_category, normalize, unknown_category
from builders.corpus.entries import get, get_box, get_id, get_image, is_id, short
from builders.corpus.json_lists import read_lists
from builders.errors import SARChatError


def read_coco(chunks: Iterable[bytes], name: str, renames: Mapping[str, str], table: AnnotationTable) -> frozenset[str]:
    """Add the images and boxes of a COCO detection file to a table.

    Only one entry is in memory at a time. The lists `images`, `annotations` and `categories` may come in any order.

    Args:
        chunks: the file's bytes, in pieces of any length.
        name: the file's name in error messages.
        renames: one of `CATEGORIES` for names of the file's categories, in lower case. Other names may be synonyms that
            the metric knows; a category that is none of the six may be in the file if no box is of it.
        table: takes images and boxes.

    Returns:
        The names of the file's categories, in lower case.

    Raises:
        SARChatError: if the file is not JSON, not COCO, or has a wrong entry; the message names file, entry and value.
    """
    part = _Part(name, table)
    handlers = {"images": part.add_image, "annotations": part.add_annotation, "categories": part.add_category}
    try:
        found = read_lists(chunks, handlers)
    except ValueError as error:
        raise SARChatError(f"{name} is not valid JSON: {error}; it may be truncated, download it again") from error
    for key in handlers:
        if key not in found:
            raise SARChatError(f"{name} is not a COCO file: it has no list '{key}'; use SARDet-100K's annotations")
    part.resolve_categories(renames)
    return frozenset(part.labels.values())


class _Part:
    """One file while it is read.

    Attributes:
        labels: the names of its categories by id, in lower case.
    """

    def __init__(self, name: str, table: AnnotationTable) -> None:
        self.labels: dict[int, str] = {}
        self._name = name
        self._table = table
        # The first annotation of each category id; the ids' names often come last in the file.
        self._first_use: dict[int, int] = {}
        table.begin_part(name)

    def add_category(self, entry: Any) -> None:  # noqa: ANN401
        label = normalize(get(entry, "name", self._name, "category"))
        category_id = get_id(entry, "id", self._name, "category")
        if category_id in self.labels:
            raise SARChatError(
                f"{self._name}: category id {category_id} is in 'categories' more than once; fix the file"
            )
        self.labels[category_id] = label

    def add_image(self, entry: Any) -> None:  # noqa: ANN401
        self._table.add_image(*get_image(entry, "id", self._name))

    def add_annotation(self, entry: Any) -> None:  # noqa: ANN401
        annotation_id = get_id(entry, "id", self._name, "annotation")
        category_id = get(entry, "category_id", self._name, "annotation")
        image_id = get(entry, "image_id", self._name, "annotation")
        bbox = get(entry, "bbox", self._name, "annotation")
        if not is_id(category_id):
            raise self._unknown_id(annotation_id, category_id)
        ignored = bool(entry.get("iscrowd")) or bool(entry.get("ignore"))
        box = get_box(category_id, bbox, ignored, f"{self._name}: annotation {annotation_id}")
        if type(image_id) is not int:
            raise SARChatError(
                f"{self._name}: annotation {annotation_id} has image id {short(image_id)}, not a whole number; "
                "fix the file"
            )
        self._first_use.setdefault(category_id, annotation_id)
        self._table.add_box(image_id, annotation_id, box)

    def resolve_categories(self, renames: Mapping[str, str]) -> None:
        """Find the categories among the six by name: the ids differ between editions, and between parts perhaps."""
        found = {category_id: find_category(label, renames) for category_id, label in self.labels.items()}
        for category_id, annotation_id in self._first_use.items():
            if category_id not in found:
                raise self._unknown_id(annotation_id, category_id)
            if found[category_id] is None:
                raise unknown_category(self.labels[category_id], f"{self._name}: annotation {annotation_id}")
        self._table.set_categories({key: value for key, value in found.items() if value is not None})

    def _unknown_id(self, annotation_id: int, category_id: object) -> SARChatError:
        return SARChatError(
            f"{self._name}: annotation {annotation_id} has category id {category_id!r}, which is not in 'categories'; "
            "fix the file"
        )
