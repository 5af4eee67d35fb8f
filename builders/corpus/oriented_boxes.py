"""Corners of oriented boxes, from the numbers that label files have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from builders.core.errors import SARChatError
from builders.core.polygons import bounds, to_points, turn
from builders.core.schema import Corners
from builders.corpus.label_formats import Option
from builders.corpus.targets import RawBox

_UNITS = {"degrees": math.radians, "radians": float}
# In an image, y points down: a positive angle of mathematics turns clockwise on the screen.
_DIRECTIONS = {"clockwise": 1, "counter-clockwise": -1}
ANGLE_OPTIONS = {
    "angle_unit": Option("", ("", *_UNITS), "the unit of angles; must be given where the labels have any"),
    "angle_direction": Option(
        "", ("", *_DIRECTIONS), "where a positive angle turns, as seen in the image; must be given like the unit"
    ),
}


def turn_rectangle(numbers: Sequence[float], options: Mapping[str, Any], place: str) -> Corners:
    """Return the corners of a rectangle given by its centre x and y, width, height and angle.

    Args:
        numbers: these five, in pixels; an angle of 0 is that of an upright box.
        options: the values of `ANGLE_OPTIONS`.
        place: the file and the entry, for the message.

    Raises:
        SARChatError: if the options do not say what the angle means, which the numbers do not show.
    """
    centre_x, centre_y, width, height, angle = numbers
    unit, direction = options["angle_unit"], options["angle_direction"]
    if not (unit and direction):
        raise SARChatError(
            f"{place} has an angle, {angle:g}, whose meaning numbers do not show: set the options angle_unit "
            f"({' or '.join(_UNITS)}) and angle_direction ({' or '.join(_DIRECTIONS)}) of the label format"
        )
    return turn(centre_x, centre_y, width, height, _DIRECTIONS[direction] * _UNITS[unit](angle))


def quadrilateral(corners: Corners, *, difficult: bool = False) -> RawBox:
    """Return the box of four corners, whose category is set later."""
    left, top, right, bottom = bounds(to_points(corners))
    return RawBox(0, (left, top, right - left, bottom - top), False, corners, difficult)
