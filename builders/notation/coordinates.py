"""Coordinates of a format to pixels of the image, and back.

Public names:

- `scale_of(fmt, width, height, input_size) -> Scale`, for images of one size.
- `Scale.to_pixels(numbers) -> box` and `Scale.from_pixels(box) -> numbers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from builders.notation.formats import INPUT_PIXELS, PIXELS, BoxFormat, check_input_size
from builders.notation.input_size import InputSize, ResizeRule
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

    def to_pixels(self, numbers: Sequence[float]) -> Box:
        """Return the box (x1, y1, x2, y2) in pixels of four numbers in the format's order; nothing is clipped."""
        corner = dict(zip(self.format.order, numbers, strict=True))
        x1, y1, x2, y2 = (
            (corner[name] + self.format.offset) * self.steps[axis] - self.margins[axis]
            for axis, name in ((0, "x1"), (1, "y1"), (0, "x2"), (1, "y2"))
        )
        return x1, y1, x2, y2

    def from_pixels(self, box: Box) -> dict[str, float]:
        """Return x1, y1, x2 and y2 as the format writes them, by name.

        They are rounded to the format's last digit and kept inside its range. Opposite sides differ by at least one
        unit of that digit, so that no box becomes empty.
        """
        decimals = self.format.decimals
        corners: dict[str, float] = {}
        for axis, name in enumerate("xy"):
            step, margin, largest = self.steps[axis], self.margins[axis], self.largest[axis]
            low, high = (
                min(max(0, round((box[index] + margin) / step - self.format.offset, decimals)), largest)
                for index in (axis, axis + 2)
            )
            if high <= low:
                smallest = 10.0**-decimals
                low = min(low, largest - smallest)
                high = low + smallest
            corners[f"{name}1"], corners[f"{name}2"] = low, high
        return corners


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
    largest = fmt.largest if fmt.largest is not None else fmt.divisor
    if not fmt.padded:
        return Scale(fmt, (width / fmt.divisor, height / fmt.divisor), (0, 0), (largest, largest))
    side = max(width, height)
    # LLaVA's and Shikra's expand2square paste the image at half the difference, rounded down.
    margins = ((side - width) // 2, (side - height) // 2)
    return Scale(fmt, (side / fmt.divisor, side / fmt.divisor), margins, (largest, largest))
