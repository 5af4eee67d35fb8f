"""The named box formats of `formats.yaml`, and the size at which a model saw an image, for those in its pixels.

Public names:
- `get_format(name) -> BoxFormat`; `FORMAT_NAMES`, the included ones in the order of the file, `sarchat` first.
- `InputSize(width, height)`: one size for every image; `ResizeRule(factor, min_pixels, max_pixels)`: the size follows
  from the image's own, by Qwen's smart_resize. Both have `of(width, height) -> (width, height)`. Neither can be derived
  from an answer: the same 512 x 512 image is 504 x 504 under the defaults of transformers and 1008 x 1008 under those
  of VLMEvalKit.
- `check_input_size(fmt, input_size)`: refuses a format in pixels of the resized image without its size.
- `read_notation(name, input_size, resize) -> Notation`: format and size from the command line's three options.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from builders.core.errors import SARChatError
from builders.core.registry import Registry
from builders.core.resources import read_yaml

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


NATIVE = "sarchat"
PIXELS, INPUT_PIXELS, SHARE = "pixels", "input-pixels", "share"


# Compared by identity: there is one of each name, and a key of caches that hashes fast.
@dataclass(frozen=True, eq=False)
class BoxFormat:
    """How a family of models writes boxes; `formats.yaml` says what each entry means.

    Attributes:
        name: the name by which a user asks for it.
        models: the models that write boxes this way.
        box: one box, a `string.Template` of x1, y1, x2, y2 (or x1 to y4, or x, y, w, h) and, in some, label and angle.
        unit: `pixels` of the image, `input-pixels` (pixels of the resized image), or `share` (fractions of width and
            height, times `divisor`).
        divisor: how a share of 1 is written.
        label: position of a box's label: `before`, `after` or `key` (a JSON key inside the box).
        syntax: `template`, `list` or `brackets`.
        boxes: the text before the first of adjacent boxes, between two, and after the last.
        mark: how a label is written; empty if only its position marks it.
        padded: shares are of the square that the image is padded to.
        offset: added to every coordinate that is read.
        largest: the largest coordinate that is written; 0 for pixels.
        decimals: how many decimals are written.
        digits: how many digits are written.
        point: how a point is written, so that it is not read as a box; empty if the format has no points.
        angle: how a rotation follows the four numbers; empty if the format has none.
        tokens: special tokens, which are removed when an answer is read.
        prompt_suffix: the sentence that asks for boxes; empty if none is documented.
        corners: four corners, a template of x1 to y4; empty if the format cannot write them.
        rotated: what an angle turns: `box` or `center`, see `formats.yaml`; empty if angles are not written.
        corners_suffix: the sentence that asks for oriented boxes.
    """

    name: str
    models: str
    box: str
    unit: str
    label: str
    divisor: float = 1
    syntax: str = "template"
    boxes: tuple[str, str, str] = ("", "", "")
    mark: str = ""
    padded: bool = False
    offset: float = 0.0
    largest: float = 0
    decimals: int = 0
    digits: int = 0
    point: str = ""
    angle: str = ""
    tokens: tuple[str, ...] = ()
    prompt_suffix: str = ""
    corners: str = ""
    rotated: str = ""
    corners_suffix: str = ""

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The names of the coordinates in `box`, in their order."""
        return tuple(_FIELD.findall(self.box))

    @property
    def has_oriented(self) -> bool:
        """Whether oriented boxes can be written."""
        return bool(self.corners or self.rotated)

    @property
    def is_native(self) -> bool:
        """Whether this is SARChat's own format."""
        return self.name == NATIVE


@dataclass(frozen=True)
class Notation:
    """A format, and the size that the model saw where the format needs it."""

    format: BoxFormat
    input_size: InputSize | ResizeRule | None = None


def _make(name: str, entry: Mapping[str, Any]) -> BoxFormat:
    entry = dict(entry)
    if isinstance(unit := entry["unit"], Mapping):
        divisor = unit["divisor"]
        entry = {"largest": divisor} | entry | {"unit": SHARE, "divisor": divisor}
    corners = entry.pop("corners", None) or _corners_template(entry["box"], entry.get("rotated"))
    entry["corners"] = "" if corners == "none" else corners
    entry.setdefault("corners_suffix", entry.get("prompt_suffix", ""))
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return BoxFormat(name=name, **fields)


def _corners_template(box: str, rotated: str | None) -> str:
    """Return a template of one box with the eight numbers of four corners, written as those of two are."""
    fields = list(_FIELD.finditer(box))
    if rotated or len(fields) != 4:
        return "" if rotated else box
    (start, pair_end), (next_start, end) = ((fields[place].start(), fields[place + 1].end()) for place in (0, 2))
    pair, between = box[start:pair_end], box[pair_end:next_start]
    pairs = between.join(pair.replace("1", str(number)) for number in range(1, 5))
    return box[:start] + pairs + box[end:]


_FIELD = re.compile(r"\$([xywh][1-4]?)(?![a-z0-9])")
_TABLE = read_yaml("formats.yaml", "builders.notation")
# Other packages add theirs as entry points of this group, objects like the entries of `formats.yaml`.
_FORMATS = Registry(
    "box format", "sarchat.notations", {name: _make(name, entry) for name, entry in _TABLE["formats"].items()}, _make
)
FORMAT_NAMES: tuple[str, ...] = tuple(_FORMATS.included)
BOX_KEYS: frozenset[str] = frozenset(_TABLE["box_keys"])
COUNT_KEYS: frozenset[str] = frozenset(_TABLE["count_keys"])


def get_format(name: str) -> BoxFormat:
    """Return a format by its name.

    Raises:
        SARChatError: if the name is unknown; the message lists all names.
    """
    return _FORMATS[name]


def check_oriented(fmt: BoxFormat) -> None:
    """Check that a format can write oriented boxes.

    Raises:
        SARChatError: if it cannot; the message lists those that can.
    """
    if not fmt.has_oriented:
        others = ", ".join(name for name in FORMAT_NAMES if get_format(name).has_oriented)
        raise SARChatError(f"box format {fmt.name} has no notation for oriented boxes; choose from {others}")


def check_input_size(fmt: BoxFormat, input_size: InputSize | ResizeRule | None) -> None:
    """Check that a size is given where the format needs one, and nowhere else.

    Raises:
        SARChatError: if it is missing, or would not be used.
    """
    if fmt.unit == INPUT_PIXELS and input_size is None:
        raise SARChatError(
            f"box format {fmt.name} is in pixels of the image as the model saw it, a size that answers do not contain; "
            "give --input-size WxH or --resize factor,min_pixels,max_pixels, or --model where its processor is known"
        )
    if fmt.unit != INPUT_PIXELS and input_size is not None:
        raise SARChatError(
            f"box format {fmt.name} does not depend on the model's input size; remove --input-size or --resize"
        )


def read_notation(name: str, input_size: str | None = None, resize: str | None = None) -> Notation:
    """Return the notation that `--box-format`, `--input-size` and `--resize` name.

    Args:
        name: a name of `FORMAT_NAMES`.
        input_size: `WxH`, or None.
        resize: `factor,min_pixels,max_pixels`, or None.

    Raises:
        SARChatError: if a value cannot be parsed, both sizes are given, or the format and the size do not match.
    """
    fmt = get_format(name)
    if input_size is not None and resize is not None:
        raise SARChatError("give --input-size or --resize, not both")
    size: InputSize | ResizeRule | None = None
    if input_size is not None:
        size = read_input_size(input_size)
    elif resize is not None:
        size = read_resize_rule(resize)
    check_input_size(fmt, size)
    return Notation(fmt, size)
