"""Coordinates of a format to pixels of the image, and back.

Public names:

- `scale_of(fmt, width, height, input_size) -> Scale`, for images of one size.
- `Scale.to_pixels(numbers) -> box` and `Scale.from_pixels(box) -> numbers`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from builders.core.errors import SARChatError
from builders.core.polygons import Rectangle, area, bounds, corners_of, from_top, hull, rectangle, to_points, turn
from builders.core.schema import Corners
from builders.notation.formats import (
    INPUT_PIXELS,
    PIXELS,
    SHARE,
    BoxFormat,
    InputSize,
    ResizeRule,
    check_input_size,
    check_oriented,
)
from sarchat_metric import Box


# Compared by identity: a key of caches that hashes fast.
@dataclass(frozen=True, eq=False)
class Scale:
    """The linear map between a format's coordinates and pixels: pixel = (coordinate + offset) * step - margin.

    Attributes:
        format: the format.
        steps: pixels of the image per unit of the format, along x and y.
        margins: padding of the square at the left and at the top of the image, in pixels.
        largest: the largest coordinate that is written, along x and y.
    """

    format: BoxFormat
    steps: tuple[float, float]
    margins: tuple[int, int]
    largest: tuple[float, float]

    def to_pixels(self, numbers: Sequence[float]) -> Box | None:
        """Return a box in pixels; nothing is clipped.

        Args:
            numbers: the four numbers of an upright box, the eight of four corners, or five with an angle, in the
                format's order.

        Returns:
            The box (x1, y1, x2, y2), or four corners; `None` if such numbers are not a box in this format.
        """
        fmt = self.format
        if (len(numbers) == 4 and "w" not in fmt.order) or (len(numbers) == 8 and fmt.corners):
            return self._points_to_pixels(numbers)
        if len(numbers) != 5 or not fmt.angle or not math.isfinite(numbers[4]):
            return None
        *sides, angle = numbers
        if fmt.rotated == "center":
            x, y, length, breadth = sides
            return self._points_to_pixels(turn(x, y, length, breadth, math.radians(angle)))
        if angle % 180 == 0:
            return self._points_to_pixels(sides)
        if not fmt.rotated or not self.is_even:
            return None
        x1, y1, x2, y2 = sides
        turned = turn((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, -math.radians(angle))
        return self._points_to_pixels(turned)

    @property
    def is_even(self) -> bool:
        """Whether the format's units are as long along x as along y, so that an angle in them is one in pixels."""
        return self.steps[0] == self.steps[1]

    def _points_to_pixels(self, numbers: Sequence[float]) -> Box:
        """Return points in pixels, x before y; the numbers are in the format's order."""
        y_first = self.format.order[0].startswith("y")
        pairs = [(y, x) if y_first else (x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        offset = self.format.offset
        return tuple(
            (value + offset) * step - margin
            for pair in pairs
            for value, step, margin in zip(pair, self.steps, self.margins, strict=True)
        )

    def from_pixels(self, box: Box) -> dict[str, float]:
        """Return the numbers of a box as the format writes them, by name.

        They are rounded to the format's last digit. Those of an upright box are kept inside its range, and opposite
        sides differ by at least one unit of that digit, so that no box becomes empty; those of corners may be outside,
        unless they are bins.

        Args:
            box: the box (x1, y1, x2, y2), or four corners, in pixels.

        Returns:
            x1, y1, x2 and y2; or x1 to y4; or those of a box and its `angle`.

        Raises:
            SARChatError: if the box is oriented, and the format has no notation for it, or one that would be wrong.
        """
        fmt = self.format
        if len(box) == 4:
            if len(fmt.order) == 8:
                return _name(self._corners_from_pixels(corners_of(box)))
            return self._center(corners_of(box)) if "w" in fmt.order else self._upright(box)
        check_oriented(fmt)
        if fmt.rotated == "center":
            return self._center(box)
        return self._turned(box) if fmt.rotated else _name(self._corners_from_pixels(box))

    def _upright(self, box: Box, *, clamped: bool = True) -> dict[str, float]:
        decimals = self.format.decimals
        corners: dict[str, float] = {}
        for axis, name in enumerate("xy"):
            least, largest = (0, self.largest[axis]) if clamped else (-math.inf, math.inf)
            low, high = (
                min(max(least, round(self._unit(box[index], axis), decimals)), largest) for index in (axis, axis + 2)
            )
            if high <= low:
                smallest = 10.0**-decimals
                low = min(low, largest - smallest)
                high = low + smallest
            corners[f"{name}1"], corners[f"{name}2"] = low, high
        return corners

    def _unit(self, pixels: float, axis: int) -> float:
        return (pixels + self.margins[axis]) / self.steps[axis] - self.format.offset

    def _corners_from_pixels(self, corners: Sequence[float]) -> Corners:
        decimals, fmt = self.format.decimals, self.format
        numbers = [round(self._unit(value, place % 2), decimals) for place, value in enumerate(corners)]
        if fmt.unit == SHARE and fmt.largest != fmt.divisor:
            numbers = [min(max(0, number), self.largest[place % 2]) for place, number in enumerate(numbers)]
        if not area(hull(to_points(numbers))):
            upright = self._upright(bounds(to_points(corners)))
            numbers = [*corners_of((upright["x1"], upright["y1"], upright["x2"], upright["y2"]))]
        return from_top(numbers)

    def _rectangle(self, corners: Sequence[float]) -> Rectangle:
        return rectangle(self._unit(value, place % 2) for place, value in enumerate(corners))

    def _center(self, corners: Sequence[float]) -> dict[str, float]:
        x, y, length, breadth, angle = self._rectangle(corners)
        degrees = round(math.degrees(angle))
        sides = {"w": max(1, round(length)), "h": max(1, round(breadth))}
        return {"x": round(x), "y": round(y), **sides, "angle": degrees if degrees < 90 else -90}

    def _turned(self, corners: Sequence[float]) -> dict[str, float]:
        if not self.is_even:
            raise SARChatError(
                f"box format {self.format.name} has an angle, which is unclear in shares of a width and a height that "
                "differ; use square images, or a format with four corners, such as internvl"
            )
        x, y, length, breadth, angle = self._rectangle(corners)
        choices = []
        for w, h, turn_by in ((length, breadth, 0), (breadth, length, 90)):
            degrees = round(turn_by - math.degrees(angle)) % 180
            points = [value * self.steps[0] for value in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)]
            inside = min(points) >= 0 and max(points) <= self.steps[0] * self.largest[0]
            choices.append((not inside, degrees > 90, degrees, points))
        _, _, degrees, (x1, y1, x2, y2) = min(choices)
        return self._upright((x1, y1, x2, y2), clamped=False) | {"angle": degrees}


def _name(corners: Corners) -> dict[str, float]:
    return {f"{'xy'[place % 2]}{place // 2 + 1}": value for place, value in enumerate(corners)}


@lru_cache(maxsize=1024)
def scale_of(fmt: BoxFormat, width: int, height: int, input_size: InputSize | ResizeRule | None = None) -> Scale:
    """Return the scale of a format on images of one size.

    Args:
        fmt: the format.
        width: the image's width in pixels.
        height: the image's height in pixels.
        input_size: the size that the model saw, for a format in input pixels.

    Raises:
        SARChatError: if the size is missing, or is given to a format that does not use it.
    """
    check_input_size(fmt, input_size)
    if fmt.unit == PIXELS:
        return Scale(fmt, (1, 1), (0, 0), (width, height))
    if fmt.unit == INPUT_PIXELS and input_size is not None:
        seen = input_size.of(width, height)
        return Scale(fmt, (width / seen[0], height / seen[1]), (0, 0), seen)
    largest = fmt.largest, fmt.largest
    if not fmt.padded:
        return Scale(fmt, (width / fmt.divisor, height / fmt.divisor), (0, 0), largest)
    side = max(width, height)
    # LLaVA's and Shikra's expand2square paste the image at half the difference, rounded down.
    margins = ((side - width) // 2, (side - height) // 2)
    return Scale(fmt, (side / fmt.divisor, side / fmt.divisor), margins, largest)
