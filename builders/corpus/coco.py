"""Parsing of a COCO annotation file into images with their targets."""

from __future__ import annotations

import gc
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeGuard

from builders.corpus.targets import AnnotatedImage, RawBox, clean
from builders.errors import SARChatError
from builders.resources import load_json
from builders.schema import CATEGORIES, stem

# ASCII's and Latin-1's control characters, and Unicode's line and paragraph separators.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Annotations:
    """The content of one annotation file.

    Attributes:
        images: the images that have a target, sorted by file name.
        dropped: boxes left out, by reason.
        without_target: the number of images left out because no box of theirs counts.
        digest: a hash of the file.
        category_names: the names of its categories, in lower case.
    """

    images: Sequence[AnnotatedImage]
    dropped: Counter[str]
    without_target: int
    digest: str
    category_names: frozenset[str]


class _Categories(NamedTuple):
    """The categories of a file by id: the index into `CATEGORIES`, or the name of one that is none of them."""

    index_of: dict[int, int]
    other: dict[int, str]


def parse_annotations(content: bytes, name: str, renames: Mapping[str, str] = MappingProxyType({})) -> Annotations:
    """Read a COCO detection file and clean its boxes.

    Args:
        content: the file's bytes.
        name: the file's name in error messages.
        renames: one of `CATEGORIES` for names of the file's categories, in lower case. Other names may be synonyms that
            the metric knows; a category that is none of the six may be in the file if no box is of it.

    Raises:
        SARChatError: if the file is not JSON, not COCO, or has a wrong entry; the message names file, entry and value.
    """
    with _without_collections():
        return _parse(content, name, renames)


def digest_of(content: bytes) -> str:
    """Return the hash of an annotation file, hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@contextmanager
def _without_collections() -> Iterator[None]:
    """Disable the garbage collector: it would scan hundreds of thousands of live entries again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _parse(content: bytes, name: str, renames: Mapping[str, str]) -> Annotations:
    document = _load_json(content, name)
    names = _read_category_names(document["categories"], name)
    categories = _find_categories(names, renames)
    images = _read_images(document["images"], name)
    boxes: dict[int, list[tuple[int, RawBox]]] = {image_id: [] for image_id in images}
    for entry in document["annotations"]:
        annotation_id, image_id, box = _read_annotation(entry, categories, name)
        if image_id not in boxes:
            raise SARChatError(
                f"{name}: annotation {annotation_id} has image id {image_id!r}, which is not in 'images'; fix the file"
            )
        boxes[image_id].append((annotation_id, box))

    dropped: Counter[str] = Counter()
    annotated = []
    for image_id, (file_name, width, height) in images.items():
        in_order = [box for _, box in sorted(boxes[image_id], key=_annotation_id)]
        targets = clean(in_order, width, height, dropped)
        if targets:
            annotated.append(AnnotatedImage(image_id, file_name, width, height, targets))
    annotated.sort(key=lambda image: image.file_name)
    without_target = len(images) - len(annotated)
    return Annotations(annotated, dropped, without_target, digest_of(content), frozenset(names.values()))


def _annotation_id(pair: tuple[int, RawBox]) -> int:
    return pair[0]


def _load_json(content: bytes, name: str) -> dict[str, list]:
    try:
        document = load_json(content)
    except ValueError as error:
        raise SARChatError(f"{name} is not valid JSON: {error}; it may be truncated, download it again") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise SARChatError(f"{name} is not a COCO file: it has no list '{key}'; use SARDet-100K's annotations")
    return document


def _read_category_names(entries: list[Any], name: str) -> dict[int, str]:
    """Map a file's category ids to their names in lower case."""
    names: dict[int, str] = {}
    for entry in entries:
        label = str(_get(entry, "name", name, "category")).strip().lower()
        category_id = _get_id(entry, "id", name, "category")
        if category_id in names:
            raise SARChatError(f"{name}: category id {category_id} is in 'categories' more than once; fix the file")
        names[category_id] = label
    return names


def _find_categories(names: Mapping[int, str], renames: Mapping[str, str]) -> _Categories:
    """Find the file's categories among the six by name: the ids differ between editions."""
    categories = _Categories({}, {})
    for category_id, label in names.items():
        category = renames.get(label, label)
        if category not in CATEGORIES:
            category = _synonyms().get(category, category)
        if category in CATEGORIES:
            categories.index_of[category_id] = CATEGORIES.index(category)
        else:
            categories.other[category_id] = label
    return categories


def _synonyms() -> Mapping[str, str]:
    # Imported here: SARDet-100K has none, and the metric's libraries take longer than all others.
    from sarchat_metric import CATEGORY_OF

    return CATEGORY_OF


def _read_images(entries: list[Any], name: str) -> dict[int, tuple[str, int, int]]:
    images: dict[int, tuple[str, int, int]] = {}
    named: dict[str, str] = {}
    for entry in entries:
        image_id = _get_id(entry, "id", name, "image")
        file_name = _get(entry, "file_name", name, "image")
        check_file_name(file_name, name)
        if image_id in images:
            raise SARChatError(f"{name}: image id {image_id} is in 'images' more than once; fix the file")
        if stem(file_name) in named:
            other = named[stem(file_name)]
            raise SARChatError(f"{name}: images {other!r} and {file_name!r} would share record ids; rename one")
        named[stem(file_name)] = file_name
        sides = (_get(entry, "width", name, "image"), _get(entry, "height", name, "image"))
        if not all(type(side) is int and 0 < side < 2**31 for side in sides):
            raise SARChatError(
                f"{name}: image {file_name!r} has width and height {sides}; expected two whole numbers above 0"
            )
        images[image_id] = (file_name, *sides)
    return images


def check_file_name(file_name: object, name: str) -> None:
    """Check that a file name is valid and stays inside the image folder.

    Raises:
        SARChatError: if it is not text, is empty, is absolute, has a part `..`, or contains a control character, which
            could end a line wherever the name is written.
    """
    text = file_name if _is_text(file_name) else ""
    parts = text.replace("\\", "/").split("/")
    if any(part in ("", ".", "..") for part in parts) or ":" in parts[0] or "\0" in text:
        raise SARChatError(f"{name}: file name {file_name!r} does not stay inside the image folder; fix the file")
    if _CONTROL.search(text):
        raise SARChatError(f"{name}: file name {file_name!r} contains a control character; rename the image")


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is text without lone surrogates, which JSON accepts but no file can store."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))


def _read_annotation(entry: Any, categories: _Categories, name: str) -> tuple[int, int, RawBox]:  # noqa: ANN401
    annotation_id = _get_id(entry, "id", name, "annotation")
    category_id = _get(entry, "category_id", name, "annotation")
    image_id = _get(entry, "image_id", name, "annotation")
    bbox = _get(entry, "bbox", name, "annotation")
    category = categories.index_of.get(category_id) if type(category_id) is int else None
    if category is None and type(category_id) is int and category_id in categories.other:
        label = categories.other[category_id]
        raise SARChatError(
            f"{name}: annotation {annotation_id} is of category {label!r}, none of {', '.join(CATEGORIES)}; say which "
            f"one it is with --rename {label!r}=CATEGORY, or leave its boxes out"
        )
    if category is None:
        raise SARChatError(
            f"{name}: annotation {annotation_id} has category id {category_id!r}, which is not in 'categories'; "
            "fix the file"
        )
    if not (type(bbox) is list and len(bbox) == 4 and all(map(_is_finite_number, bbox))):
        raise SARChatError(
            f"{name}: annotation {annotation_id} has bbox {_short(bbox)}, not four finite numbers x, y, w, h; "
            "fix the file"
        )
    if type(image_id) is not int:
        raise SARChatError(
            f"{name}: annotation {annotation_id} has image id {_short(image_id)}, not a whole number; fix the file"
        )
    ignored = bool(entry.get("iscrowd")) or bool(entry.get("ignore"))
    x, y, width, height = map(float, bbox)
    return annotation_id, image_id, RawBox(category, (x, y, width, height), ignored)


def _is_finite_number(value: Any) -> bool:  # noqa: ANN401
    # No image comes near the bound, below which sums of two numbers are exact enough. It excludes NaN and infinity too.
    return type(value) in (int, float) and -1e15 < value < 1e15


def _get(entry: Any, key: str, name: str, kind: str) -> Any:  # noqa: ANN401
    if not isinstance(entry, dict) or key not in entry:
        raise SARChatError(f"{name}: an entry of kind '{kind}' has no '{key}': {_short(entry)}; fix the file")
    return entry[key]


def _get_id(entry: Any, key: str, name: str, kind: str) -> int:  # noqa: ANN401
    value = _get(entry, key, name, kind)
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise SARChatError(f"{name}: an entry of kind '{kind}' has '{key}' {value!r}, not a whole number; fix the file")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
