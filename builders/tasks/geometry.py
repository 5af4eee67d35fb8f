"""Position, size and shape of a box, and the distance and direction between two boxes: pure functions.

A box is a `schema.Box`, in pixels; of an oriented target, cell, distance and direction are those of its upright box.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from builders.core.polygons import area, covered_area, rectangle, to_points
from builders.core.schema import CORNERS, Box, Corners
from builders.corpus.targets import Target

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "center", "right")
CELLS = tuple(f"{row} {column}" for row in ROWS for column in COLUMNS)
SHAPES = ("wide", "square", "tall")
ORIENTATIONS = ("horizontal", "falling", "vertical", "rising")
IDENTIFICATION_SIZES = ("very small", "small", "medium", "large", "very large")
DIRECTIONS = ("left", "upper left", "above", "upper right", "right", "lower right", "below", "lower left")

# From this ratio of its sides on, an oriented box has an orientation.
_ELONGATED = 1.5
_TAN_OF_HALF_SECTOR = math.tan(math.pi / 8)
# Centres this close, in pixels, differ only by the rounding of decimals.
_SAME_PLACE = 1e-6
_DIAGONALS = {
    (False, False): "upper left",
    (False, True): "upper right",
    (True, False): "lower left",
    (True, True): "lower right",
}


def corners(bbox: tuple[float, float, float, float]) -> Box:
    """Return the box of a COCO `(x, y, width, height)`."""
    x, y, w, h = bbox
    return x, y, x + w, y + h


def shapes_of(objects: Mapping[str, Any]) -> list[tuple[float, ...]]:
    """Return the boxes of a record's column `objects`: the corners of oriented ones."""
    oriented = objects.get(CORNERS)
    return [corners(bbox) for bbox in objects["bbox"]] if oriented is None else [tuple(eight) for eight in oriented]


def center(box: Box) -> tuple[float, float]:
    """Return the centre `(x, y)` of a box, in pixels."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


# Several tasks need the same cell, one after the other.
@lru_cache(maxsize=1024)
def cell(box: Box, width: int, height: int) -> str:
    """Name the cell of the 3 x 3 grid that contains the box's centre, e.g. `"top left"` (section 3.2, item 0).

    A centre on the line between two cells belongs to the right or lower cell.

    Args:
        box: the box, inside the image.
        width: the image's width in pixels.
        height: the image's height in pixels.

    Returns:
        One of `CELLS`: row, then column.
    """
    x, y = center(box)
    return f"{ROWS[_third(y, height)]} {COLUMNS[_third(x, width)]}"


# Images of a corpus have few sizes.
@lru_cache(maxsize=1024)
def boxes_of_cells(width: int, height: int) -> dict[str, Box]:
    """Return the box of each of `CELLS` in an image, in pixels."""
    places = product(range(len(ROWS)), range(len(COLUMNS)))
    return {
        name: (width * column / 3, height * row / 3, width * (column + 1) / 3, height * (row + 1) / 3)
        for name, (row, column) in zip(CELLS, places, strict=True)
    }


def area_share(box: Box, width: int, height: int) -> float:
    """Return the fraction of the image's area that the box covers, 0 to 1 (Eq. 1)."""
    return (box[2] - box[0]) * (box[3] - box[1]) / (width * height)


def covered_share(target: Target, width: int, height: int) -> float:
    """Return the fraction of the image's area that a target covers, 0 to 1: that of its corners, if it has any."""
    if target.corners is None:
        return area_share(target.box, width, height)
    inside = area(to_points(target.corners)) if target.whole else covered_area(target.corners, width, height)
    return inside / (width * height)


def description_size(share: float) -> str:
    """Name a size for the description task: below 0.05 small, above 0.30 large, else medium (section 3.2, item 2)."""
    if share < 0.05:
        return "small"
    return "large" if share > 0.30 else "medium"


def identification_size(share: float) -> str:
    """Name a size for the identification task, by shares of 0.03, 0.10, 0.25 and 0.40 (section 3.2, item 5)."""
    if share < 0.03:
        return "very small"
    if share < 0.10:
        return "small"
    if share < 0.25:
        return "medium"
    return "large" if share < 0.40 else "very large"


def shape(box: Box) -> str:
    """Name the shape by width / height: above 1.5 wide, below 0.67 tall, else square (section 3.2, item 5)."""
    ratio = (box[2] - box[0]) / (box[3] - box[1])
    if ratio > 1.5:
        return "wide"
    return "tall" if ratio < 0.67 else "square"


def side_ratio(box: Box) -> float:
    """Return the ratio of the longer side to the shorter one, at least 1."""
    width, height = box[2] - box[0], box[3] - box[1]
    return max(width, height) / min(width, height)


def outline(target: Target) -> tuple[str, float, str | None]:
    """Describe a target's outline.

    Returns:
        Its shape, one of `SHAPES`, or `elongated` if it is oriented diagonally; the ratio of its longer side to the
        shorter one; and its orientation, see `orientation`, which an upright target has not.
    """
    if target.corners is None:
        return shape(target.box), side_ratio(target.box), None
    return _outline(target.corners)


# Identification and description need the same outline, one after the other.
@lru_cache(maxsize=1024)
def _outline(corners: Corners) -> tuple[str, float, str | None]:
    _, _, length, breadth, angle = rectangle(corners)
    toward = orientation(angle)
    # As the upright box of an object that is turned by less than an eighth of a turn, or of one that stands upright.
    name = shape((0, 0, breadth, length) if toward == "vertical" else (0, 0, length, breadth))
    if length / breadth < _ELONGATED:
        return name if toward in ("horizontal", "vertical") else "square", length / breadth, None
    return name if toward in ("horizontal", "vertical") else "elongated", length / breadth, toward


def orientation(angle: float) -> str:
    """Name the direction of a long side: the sector of 45 degrees around each of four axes.

    Args:
        angle: the angle in radians, at least -pi/2 and below pi/2, clockwise from the x axis.

    Returns:
        One of `ORIENTATIONS`; a rising side goes up from left to right.
    """
    return ORIENTATIONS[math.floor(angle / (math.pi / 4) + 0.5) % 4]


def offset(box: Box, origin: Box) -> tuple[float, float]:
    """Return the offset from another box's centre to this one's: pixels to the right and pixels down."""
    return ((box[0] + box[2]) - (origin[0] + origin[2])) / 2, ((box[1] + box[3]) - (origin[1] + origin[3])) / 2


def is_near(right: float, down: float, width: int, height: int) -> bool:
    """Return whether two centres, given their offset, are closer than `(width + height) / 8` (section 3.2, item 4)."""
    return math.hypot(right, down) < (width + height) / 8


def direction(right: float, down: float) -> str | None:
    """Name the direction of an offset: the sector of 45 degrees around each of eight axes (section 3.2, item 4).

    Returns:
        One of `DIRECTIONS`, or `None` if the centres coincide.
    """
    if -_SAME_PLACE < right < _SAME_PLACE and -_SAME_PLACE < down < _SAME_PLACE:
        return None
    if abs(right) < _TAN_OF_HALF_SECTOR * abs(down):
        return "below" if down > 0 else "above"
    if abs(down) < _TAN_OF_HALF_SECTOR * abs(right):
        return "right" if right > 0 else "left"
    return _DIAGONALS[down > 0, right > 0]


def _third(position: float, length: int) -> int:
    return min(int(3 * position / length), 2)
