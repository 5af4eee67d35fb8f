"""The named box formats of `formats.yaml`.

Public names:

- `get_format(name) -> BoxFormat`; `FORMAT_NAMES`, the included ones in the order of the file, `sarchat` first.
- `check_input_size(fmt, input_size)`: refuses a format in pixels of the resized image without its size.
- `read_notation(name, input_size, resize) -> Notation`: format and size from the command line's three options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from builders.core.errors import SARChatError
from builders.core.registry import Registry
from builders.core.resources import read_yaml
from builders.notation.input_size import InputSize, ResizeRule, read_input_size, read_resize_rule

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
        largest: the largest coordinate that is written; None for pixels.
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
    largest: float | None = None
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
    unit = entry.pop("unit")
    if isinstance(unit, Mapping):
        divisor = unit["divisor"]
        entry = {"unit": SHARE, "divisor": divisor, "largest": divisor} | entry
    else:
        entry["unit"] = unit
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
