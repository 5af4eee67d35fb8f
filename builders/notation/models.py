"""The families of `models.yaml`: which box format a model writes, by its name.

Public names:

- `family_of(model) -> Family | None`.
- `other_family(model, fmt) -> Family | None`: the family if it writes boxes in another unit.
- `describe_unit(fmt) -> str`: what the numbers of a box mean, in words.
- `warn_of_unit(model, fmt) -> str`: the warning if the model's family writes boxes in another unit.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from builders.core.resources import read_yaml
from builders.notation.formats import INPUT_PIXELS, PIXELS, BoxFormat, get_format


class Family(NamedTuple):
    """A family of models that write boxes in one way.

    Attributes:
        name: its name.
        pattern: a regular expression that finds it in a model's name, see `models.yaml`.
        format: the name of its box format.
        source: where the family documents its boxes, a URL.
        resize: `factor,min_pixels,max_pixels` of its processor; empty if its boxes do not depend on them, or it is
            unknown.
    """

    name: str
    pattern: str
    format: str
    source: str
    resize: str = ""

    @property
    def options(self) -> str:
        """The options of the command line that ask for its boxes."""
        if get_format(self.format).unit != INPUT_PIXELS:
            return f"--box-format {self.format}"
        return f"--box-format {self.format} --resize {self.resize or 'FACTOR,MIN,MAX'}"


_FAMILIES = tuple(Family(**entry) for entry in read_yaml("models.yaml", "builders.notation")["families"])


def family_of(model: str) -> Family | None:
    """Return the family of a model by its name, whatever its case, path, size and suffixes; `None` if it is unknown."""
    squeezed = re.sub(r"[\s._-]", "", model.lower())
    return next((family for family in _FAMILIES if re.search(family.pattern, squeezed)), None)


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
