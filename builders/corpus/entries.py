"""Checks of single values of annotations; an error names the file, the entry and the value. Boxes of segmentations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeGuard

from builders.core.checksums import hash_text
from builders.core.errors import SARChatError, near
from builders.core.polygons import bounds, to_points
from builders.core.schema import Corners
from builders.corpus.targets import RawBox

# Of Windows: `C:x.jpg` is a file on another drive. Other colons may be in a name, as of a time.
_DRIVE = re.compile("[A-Za-z]:")
# ASCII's and Latin-1's control characters, and Unicode's line and paragraph separators.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_FLAGS = {"0": False, "false": False, "1": True, "true": True}


def get(entry: Any, key: str, name: str, kind: str) -> Any:  # noqa: ANN401
    """Return a value of an entry.

    Raises:
        SARChatError: if the entry is not an object or lacks the key.
    """
    try:
        return entry[key]
    except (KeyError, TypeError):
        hint = near(key, entry) if isinstance(entry, dict) else ""
        raise SARChatError(
            f"{name}: an entry of kind '{kind}' has no '{key}'{hint}: {short(entry)}; fix the file"
        ) from None


def get_id(entry: Any, key: str, name: str, kind: str) -> int:  # noqa: ANN401
    """Return an id of an entry: a whole number of 64 bits, also as text; other text is replaced by a hash.

    Raises:
        SARChatError: if it is missing or anything else.
    """
    value = get(entry, key, name, kind)
    found = as_id(value)
    if found is None:
        raise SARChatError(
            f"{name}: an entry of kind '{kind}' has '{key}' {short(value)}, not a whole number; fix the file"
        )
    return found


def as_id(value: object) -> int | None:
    """Return the whole number of 64 bits that an id stands for, or `None`."""
    if is_id(value):
        return value
    if isinstance(value, str) and value.strip():
        text = value.strip()
        # One text is one number, and two are hardly ever the same.
        return int(text) if _NUMBER.fullmatch(text) else int(hash_text(text)[:15], 16)
    return None


def is_id(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number of 64 bits."""
    return type(value) is int and -(2**63) <= value < 2**63


def get_image(
    entry: Any,  # noqa: ANN401
    id_key: str,
    name: str,
    name_key: str = "file_name",
    *,
    sized: bool = True,
) -> tuple[int, str, int | None, int | None]:
    """Return id, file name, width and height of an image's entry; no size if one is missing that need not be there.

    Args:
        entry: the entry.
        id_key: the key of the id.
        name: the file, for messages.
        name_key: the key of the file name.
        sized: whether width and height must be there.

    Raises:
        SARChatError: if one is missing or wrong.
    """
    image_id = get_id(entry, id_key, name, "image")
    file_name = get(entry, name_key, name, "image")
    check_file_name(file_name, name)
    if not sized and None in (entry.get("width"), entry.get("height")):
        return image_id, file_name, None, None
    width, height = get(entry, "width", name, "image"), get(entry, "height", name, "image")
    if not (_is_side(width) and _is_side(height)):
        raise SARChatError(
            f"{name}: image {file_name!r} has width and height {(width, height)}; expected two whole numbers above 0"
        )
    return image_id, file_name, width, height


def _is_side(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31


def check_file_name(file_name: object, name: str) -> None:
    """Check that a file name is valid and stays inside the image folder.

    Raises:
        SARChatError: if it is not text, is empty, is absolute, has a part `..`, or contains a control character, which
            could end a line wherever the name is written.
    """
    text = file_name if _is_text(file_name) else ""
    parts = text.replace("\\", "/").split("/")
    if any(part in ("", ".", "..") for part in parts) or _DRIVE.match(text) or "\0" in text:
        raise SARChatError(f"{name}: file name {file_name!r} does not stay inside the image folder; fix the file")
    if _CONTROL.search(text):
        raise SARChatError(f"{name}: file name {file_name!r} contains a control character; rename the image")


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is text without lone surrogates, which JSON accepts but no file can store."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))


def get_box(category: int, bbox: Any, ignored: bool, owner: str) -> RawBox:  # noqa: ANN401
    """Return a box as annotated.

    Args:
        category: its category.
        bbox: COCO x, y, w, h in pixels.
        ignored: whether it is to be ignored.
        owner: the file and the entry, for the message.

    Raises:
        SARChatError: if `bbox` is not a list of four finite numbers.
    """
    if not (type(bbox) is list and len(bbox) == 4 and all(map(is_finite_number, bbox))):
        raise SARChatError(f"{owner} has bbox {short(bbox)}, not four finite numbers x, y, w, h; fix the file")
    x, y, width, height = map(float, bbox)
    return RawBox(category, (x, y, width, height), ignored)


def get_flag(entry: Any, key: str, owner: str) -> bool:  # noqa: ANN401
    """Return whether an entry is marked by a key; an entry without the key, or with null, is not.

    Args:
        entry: an object.
        key: the key; its value is true, false, 1, 0, or one of these as text.
        owner: the file and the entry, for the message.

    Raises:
        SARChatError: if the value is anything else.
    """
    value = entry.get(key)
    if value is None or value == 0:
        return False
    if value == 1:
        return True
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise SARChatError(f"{owner} has '{key}' {short(value)}, not 0, 1, true or false; fix the file")


def is_finite_number(value: object) -> bool:
    """Return whether a value is a number that a coordinate can be."""
    # No image comes near the bound, below which sums of two numbers are exact enough. It excludes NaN and infinity too.
    return isinstance(value, (int, float)) and type(value) is not bool and -1e15 < value < 1e15


def short(value: object) -> str:
    """Return a value as Python writes it, of at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


# Of the compressed text, each character stands for six bits, from this one on.
_ZERO = 48
_MORE, _SIGN = 0x20, 0x10


def box_of_segmentation(value: Any) -> tuple[float, float, float, float] | None:  # noqa: ANN401
    """Return the box x, y, w, h around a segmentation, in pixels; `None` if it is none or has no pixel."""
    if isinstance(value, dict):
        return _box_of_runs(value.get("size"), value.get("counts"))
    points = [point for polygon in _polygons(value) for point in to_points(polygon)]
    if not points:
        return None
    left, top, right, bottom = bounds(points)
    return left, top, right - left, bottom - top


def corners_of_segmentation(value: Any) -> Corners | None:  # noqa: ANN401
    """Return the corners of a segmentation that is one polygon of four points; `None` of any other."""
    polygons = _polygons(value)
    return tuple(map(float, polygons[0])) if len(polygons) == 1 and len(polygons[0]) == 8 else None  # type: ignore[return-value]


def _polygons(value: Any) -> list[Sequence[float]]:  # noqa: ANN401
    # Some programs write a single polygon without the list around it.
    polygons = [value] if isinstance(value, list) and value and not isinstance(value[0], list) else value
    if not isinstance(polygons, list):
        return []
    fits = all(
        isinstance(polygon, list)
        and len(polygon) >= 6
        and len(polygon) % 2 == 0
        and all(map(is_finite_number, polygon))
        for polygon in polygons
    )
    return polygons if fits else []


def _box_of_runs(size: Any, counts: Any) -> tuple[float, float, float, float] | None:  # noqa: ANN401
    """Return the box around a mask of height and width `size`, whose runs go down its columns, the first one empty."""
    if not (isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        return None
    height, width = size
    runs = counts if isinstance(counts, list) else [*_decompress(counts)] if isinstance(counts, str) else []
    if not all(type(run) is int and run >= 0 for run in runs) or sum(runs) != height * width:
        return None
    lefts, tops, rights, bottoms = [], [], [], []
    ends = [*accumulate(runs)]
    for start, end in zip(ends[0::2], ends[1::2], strict=False):
        if end > start:
            left, top = divmod(start, height)
            right, bottom = divmod(end - 1, height)
            lefts.append(left)
            rights.append(right)
            # A run that goes on in the next column touches the lower edge and the upper one.
            tops.append(top if left == right else 0)
            bottoms.append(bottom if left == right else height - 1)
    if not lefts:
        return None
    left, top = min(lefts), min(tops)
    return float(left), float(top), float(max(rights) + 1 - left), float(max(bottoms) + 1 - top)


def _decompress(text: str) -> Iterator[int]:
    """Yield the run lengths of a compressed text; one that is wrong ends with -1.

    A number is written in groups of five bits, the lowest first; all but the last have a sixth bit, and the fifth of
    the last is the sign. From the fourth number on, it is the difference from the last but one.
    """
    before = [0, 0, 0]
    value = bits = number = 0
    for character in text:
        code = ord(character) - _ZERO
        if not 0 <= code < 64 or bits > 60:
            yield -1
            return
        value |= (code & 0x1F) << bits
        bits += 5
        if not code & _MORE:
            if code & _SIGN:
                value -= 1 << bits
            if number > 2:
                value += before[-2]
            before = [*before[-2:], value]
            yield value
            value, bits, number = 0, 0, number + 1
    if bits:
        yield -1
