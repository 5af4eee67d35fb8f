"""Reading a COCO detection file entry by entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from builders.core.errors import SARChatError, near
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.entries import get, get_box, get_flag, get_id, get_image, is_id, short
from builders.corpus.json_lists import read_lists


def read_coco(chunks: Iterable[bytes], name: str, table: AnnotationTable) -> None:
    """Add the images and boxes of a COCO detection file to a table.

    Only one entry is in memory at a time. The lists `images`, `annotations` and `categories` may come in any order.

    Args:
        chunks: the file's bytes, in pieces of any length.
        name: the file's name in error messages.
        table: takes images, boxes and the names of categories.

    Raises:
        SARChatError: if the file is not JSON, not COCO, or has a wrong entry; the message names file, entry and value.
    """
    part = _Part(name, table)
    handlers = {"images": part.add_image, "annotations": part.add_annotation, "categories": part.add_category}
    try:
        found = read_lists(chunks, handlers)
    except SARChatError:
        # Of an entry.
        raise
    except ValueError as error:
        raise SARChatError(f"{name} is not valid JSON: {error}; it may be truncated, download it again") from error
    for key in handlers:
        if not found.get(key):
            keys = f"its keys are {short(', '.join(found))}" if found else "it is not an object with keys"
            hint = near(key, found.keys() - handlers.keys())
            raise SARChatError(
                f"{name} is not a COCO detection file: it has no list '{key}'{hint}; {keys}; give a file with the "
                "lists images, annotations and categories"
            )
    table.set_categories(part.labels)


class _Part:
    """One file while it is read.

    Attributes:
        labels: the names of its categories by id.
    """

    def __init__(self, name: str, table: AnnotationTable) -> None:
        self.labels: dict[int, str] = {}
        self._name = name
        self._table = table
        table.begin_part(name)

    def add_category(self, entry: Any) -> None:  # noqa: ANN401
        label = str(get(entry, "name", self._name, "category")).strip()
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
        owner = f"{self._name}: annotation {annotation_id}"
        if not is_id(category_id):
            raise SARChatError(f"{owner} has category id {short(category_id)}, not a whole number; fix the file")
        ignored = get_flag(entry, "iscrowd", owner) or get_flag(entry, "ignore", owner)
        box = get_box(category_id, bbox, ignored, owner)
        if type(image_id) is not int:
            raise SARChatError(f"{owner} has image id {short(image_id)}, not a whole number; fix the file")
        self._table.add_box(image_id, annotation_id, box)
