"""The box around COCO's `segmentation`: polygons, or run lengths as a list or as compressed text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from builders.core.polygons import bounds, to_points
from builders.core.schema import Corners
from builders.corpus.entries import is_finite_number

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
