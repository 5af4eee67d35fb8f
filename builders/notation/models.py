"""The families of `models.yaml`: how a model writes boxes and sees images, by its name.

Public names:

- `family_of(model) -> Family | None`; `FAMILY_NAMES`; `checkpoint_of(box_format) -> str`.
- `choose(model, box_format, input_size, resize) -> Choice`: what is used for a model, whichever options are given.
- `choose_known(model, box_format, resize) -> Choice`: the same, but a model of no known family is refused.
- `other_family(model, fmt) -> Family | None`: the family if it writes boxes in another unit.
- `describe_unit(fmt) -> str`: what the numbers of a box mean, in words.
- `warn_of_unit(model, fmt) -> str`: the warning if the model's family writes boxes in another unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from builders.core.errors import SARChatError
from builders.core.resources import read_yaml
from builders.notation.formats import INPUT_PIXELS, NATIVE, PIXELS, BoxFormat, Notation, get_format, read_notation

# The maximum number of tokens of an answer, wherever a model is asked: by `predict`, or by a harness.
MAX_TOKENS, MAX_TOKENS_THINKING = 1024, 16_384


class Family(NamedTuple):
    """A family of models that write boxes in one way.

    Attributes:
        name: its name.
        pattern: a regular expression that finds it in a model's name, see `models.yaml`.
        format: the name of its box format.
        source: where the family documents its boxes, a URL.
        resize: `factor,min_pixels,max_pixels` of its processor; empty if nothing here depends on them, or it is
            unknown.
        checkpoint: the model that scripts train for its format if none is named; empty for none.
        template: its name in LLaMA-Factory; empty if it has none.
        thinks: a regular expression that finds those that think before they answer; empty for none.
        harnesses: by the export formats of harnesses `factor,min_pixels,max_pixels` by which they show images to it.
    """

    name: str
    pattern: str
    format: str
    source: str
    resize: str = ""
    checkpoint: str = ""
    template: str = ""
    thinks: str = ""
    harnesses: Mapping[str, str] = {}

    @property
    def options(self) -> str:
        """The options of the command line that ask for its boxes."""
        if get_format(self.format).unit != INPUT_PIXELS:
            return f"--box-format {self.format}"
        return f"--box-format {self.format} --resize {self.resize or 'FACTOR,MIN,MAX'}"


_FAMILIES = tuple(Family(**entry) for entry in read_yaml("models.yaml", "builders.notation")["families"])
FAMILY_NAMES = tuple(family.name for family in _FAMILIES)


def family_of(model: str) -> Family | None:
    """Return the family of a model by its name, whatever its case, path, size and suffixes; `None` if it is unknown."""
    squeezed = _squeeze(model)
    return next((family for family in _FAMILIES if re.search(family.pattern, squeezed)), None)


def _squeeze(model: str) -> str:
    return re.sub(r"[\s._-]", "", model.lower())


def max_tokens_of(model: str) -> int:
    """Return the maximum number of tokens of a model's answer, with its reasoning if it thinks first."""
    family = family_of(model)
    thinks = family is not None and family.thinks and re.search(family.thinks, _squeeze(model))
    return MAX_TOKENS_THINKING if thinks else MAX_TOKENS


def checkpoint_of(box_format: str) -> str:
    """Return the model that scripts train for a box format; empty if no family with it has one."""
    return next((family.checkpoint for family in _FAMILIES if family.checkpoint and family.format == box_format), "")


class Choice(NamedTuple):
    """How the boxes of a model are written.

    Attributes:
        model: its name; empty if none was named.
        family: its family; `None` if the name is of none that is known.
        box_format: the name of the box format.
        input_size: `WxH` if one was given.
        resize: `factor,min_pixels,max_pixels`, as given or as the family's processor has it, if boxes depend on it.
    """

    model: str
    family: Family | None
    box_format: str
    input_size: str | None
    resize: str | None

    @property
    def notation(self) -> Notation:
        """The format with its size.

        Raises:
            SARChatError: if one of the values cannot be used; see `read_notation`.
        """
        return read_notation(self.box_format, self.input_size, self.resize)

    @property
    def options(self) -> str:
        """The options that say the same."""
        size = f" --input-size {self.input_size}" if self.input_size else ""
        return f"--box-format {self.box_format}{size}" + (f" --resize {self.resize}" if self.resize else "")

    def describe(self) -> str:
        """Return one line: in which unit boxes are, and why."""
        fmt = get_format(self.box_format)
        if self.family is None:
            why = f"; {self.model} is of no known family: {', '.join(FAMILY_NAMES)}" if self.model else ""
        else:
            own = describe_unit(get_format(self.family.format)) == describe_unit(fmt)
            why = (
                f", as {self.family.name} models write them"
                if own
                else f", which {self.family.name} models do not write"
            )
        return f"{describe_unit(fmt)} ({self.options}){why}"


def choose(
    model: str, box_format: str | None = None, input_size: str | None = None, resize: str | None = None
) -> Choice:
    """Return how the boxes of a model are written: as its family does, unless options say otherwise.

    A size that boxes depend on is the family's too, unless it is given; nowhere is one assumed without a model's name.

    Args:
        model: its name; may be empty.
        box_format: the box format, if it was given.
        input_size: `WxH`, if it was given.
        resize: `factor,min_pixels,max_pixels`, if it was given.

    Raises:
        SARChatError: if the box format is unknown.
    """
    family = family_of(model)
    name = box_format or (family.format if family else NATIVE)
    needs_size = get_format(name).unit == INPUT_PIXELS and input_size is None and resize is None
    if needs_size and family is not None and get_format(family.format).unit == INPUT_PIXELS:
        resize = family.resize or None
    return Choice(model, family, name, input_size, resize)


def choose_known(model: str, box_format: str | None = None, resize: str | None = None) -> Choice:
    """Return how the boxes of a model that is trained are written, as `choose` does; there it must not be guessed.

    Raises:
        SARChatError: if the model is of no known family, and no box format was given; or if that is unknown.
    """
    if box_format is None and family_of(model) is None:
        raise SARChatError(
            f"the model {model} is of no known family ({', '.join(FAMILY_NAMES)}); say with --box-format, or "
            "box_format in Python, how it writes boxes"
        )
    return choose(model, box_format, resize=resize)


def describe_unit(fmt: BoxFormat) -> str:
    """Return the unit and the order of a format's numbers in words, such as `0 to 1000 of width and height`."""
    if fmt.unit == PIXELS:
        unit = "pixels of the image"
    elif fmt.unit == INPUT_PIXELS:
        unit = "pixels of the image as resized by the model's processor"
    else:
        whole = "the square that the image is padded to" if fmt.padded else "width and height"
        unit = f"0 to {fmt.divisor:g} of {whole}"
    return unit if fmt.order[0].startswith("x") else f"{unit}, y first"


def other_family(model: str, fmt: BoxFormat) -> Family | None:
    """Return the family of a model if it is known to write boxes in another unit than a format's."""
    family = family_of(model)
    return family if family and describe_unit(get_format(family.format)) != describe_unit(fmt) else None


def warn_of_unit(model: str, fmt: BoxFormat) -> str:
    """Return one line if a model's family is known to write boxes in another unit than a format's; else nothing."""
    family = other_family(model, fmt)
    if family is None:
        return ""
    own = describe_unit(get_format(family.format))
    return (
        f"{model} is a {family.name} model by its name: these write boxes in {own}, not in {describe_unit(fmt)}. "
        f"Unless it was trained on the latter, use {family.options}"
    )
