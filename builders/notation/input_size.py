"""The size at which a model saw an image, for formats whose boxes are in pixels of the resized image.

Public names:

- `InputSize(width, height)`: one size for every image.
- `ResizeRule(factor, min_pixels, max_pixels)`: the size follows from the image's own, by Qwen's smart_resize.
- `read_input_size("1024x768")`, `read_resize_rule("28,3136,12845056")`: the two from the command line.

Both have `of(width, height) -> (width, height)`. Neither can be derived from an answer: the same 512 x 512 image is
504 x 504 under the defaults of transformers and 1008 x 1008 under those of VLMEvalKit.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from builders.core.errors import SARChatError

# smart_resize refuses an image with a larger ratio of its sides.
_LARGEST_RATIO = 200


@dataclass(frozen=True)
class InputSize:
    """One size for every image.

    Attributes:
        width: in pixels, above 0.
        height: in pixels, above 0.
    """

    width: int
    height: int

    def __post_init__(self) -> None:
        """Refuse a size that no image has."""
        if self.width < 1 or self.height < 1:
            raise SARChatError(f"an input size must be at least 1x1 pixels, got {self.width}x{self.height}")

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of an image of the given size, as the model saw it."""
        return self.width, self.height


@dataclass(frozen=True)
class ResizeRule:
    """The resizing of Qwen2-VL and Qwen2.5-VL.

    Both sides become multiples of `factor`; if the area is then not between `min_pixels` and `max_pixels`, the
    image is scaled to fit. Source: `smart_resize` in github.com/QwenLM/Qwen2.5-VL,
    qwen-vl-utils/src/qwen_vl_utils/vision_process.py, and in transformers, image_processing_qwen2_vl.py.

    Attributes:
        factor: 28 for Qwen2-VL and Qwen2.5-VL: 14 pixels per patch, 2 patches merged.
        min_pixels: the smallest area in pixels; 3136 by default in transformers.
        max_pixels: the largest area in pixels; 12845056 in Qwen's own processor settings.
    """

    factor: int
    min_pixels: int
    max_pixels: int

    def __post_init__(self) -> None:
        """Refuse a rule that no size can meet."""
        if self.factor < 1 or self.min_pixels < 1 or self.max_pixels < max(self.min_pixels, self.factor**2):
            raise SARChatError(
                "a resize rule needs factor and min_pixels of at least 1, and max_pixels not below min_pixels and not "
                f"below factor x factor, got {self.factor},{self.min_pixels},{self.max_pixels}"
            )

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of an image of the given size, as the model saw it.

        Raises:
            SARChatError: if one side is more than 200 times the other, which the model's processor refuses too.
        """
        if max(width, height) > _LARGEST_RATIO * min(width, height):
            raise SARChatError(f"an image of {width}x{height} cannot be resized: a side is over 200 times the other")
        sides = [round(side / self.factor) * self.factor for side in (width, height)]
        if math.prod(sides) > self.max_pixels:
            shrink = math.sqrt(width * height / self.max_pixels)
            sides = [
                max(self.factor, math.floor(side / shrink / self.factor) * self.factor) for side in (width, height)
            ]
        elif math.prod(sides) < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (width * height))
            sides = [math.ceil(side * grow / self.factor) * self.factor for side in (width, height)]
        return max(self.factor, sides[0]), max(self.factor, sides[1])


def read_input_size(text: str) -> InputSize:
    """Read `WIDTHxHEIGHT` in pixels, such as `1024x768`.

    Raises:
        SARChatError: if the text does not have this form.
    """
    match = re.fullmatch(r"([0-9]{1,6})[xX]([0-9]{1,6})", text.strip())
    if not match:
        raise SARChatError(f"an input size is WIDTHxHEIGHT in pixels, such as 1024x768, but got {text!r}")
    return InputSize(int(match[1]), int(match[2]))


def read_resize_rule(text: str) -> ResizeRule:
    """Read `factor,min_pixels,max_pixels`, such as `28,3136,12845056`.

    Raises:
        SARChatError: if the text does not have this form.
    """
    if not re.fullmatch(r"[0-9]{1,12}(,[0-9]{1,12}){2}", text.strip()):
        raise SARChatError(f"a resize rule is factor,min_pixels,max_pixels, such as 28,3136,12845056, but got {text!r}")
    return ResizeRule(*map(int, text.split(",")))
