"""The label formats: one module each in `formats/`, found by listing that folder, or installed by another package.

A module has

- `ABOUT`: a line that says what the format is;
- `OPTIONS`: an `Option` for each name;
- `find(top)`: the `Candidate`s in a folder, for corpora that nobody described;
- `open_labels(top, split, images)`: the `Labels` of a split.

Another package adds a format with an entry point of the group `sarchat.formats`: the name of the format, and such a
module.

What formats have in common is here too: options that decide about faults, which are counted and named, and angles.
"""

from __future__ import annotations

import importlib
import logging
import math
import pkgutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from builders.core.errors import SARChatError, near
from builders.core.polygons import bounds, to_points, turn
from builders.core.registry import Registry
from builders.core.schema import Corners
from builders.corpus import formats
from builders.corpus.source import Source
from builders.corpus.targets import RawBox

if TYPE_CHECKING:
    from builders.corpus.labels import Labels


class Option(NamedTuple):
    """An option of a format.

    Attributes:
        default: its value if nothing is said.
        choices: the values that it may have, or the type of its value.
        help: a line that says what it decides.
    """

    default: Any
    choices: tuple[Any, ...] | type
    help: str


# What folders and lists call the splits, in the order in which they are taken; nothing where there is one split only.
CALLED = {
    "train": ("train", "trainval", "default", "all", ""),
    "validation": ("validation", "val", "valid", "validate"),
    "test": ("test", "test-dev", "test/all"),
}


def find_splits(names: Iterable[str]) -> dict[str, str]:
    """Return which of the names of files or folders are those of splits, by the name in small letters."""
    known = {name for called in CALLED.values() for name in called}
    return {name.lower(): name for name in sorted(names) if name.lower() in known}


@dataclass(frozen=True)
class SplitLabels:
    """Where the labels of a split are and how they are read; paths are relative to the corpus's top folder.

    Attributes:
        format: the name of the label format.
        labels: the file of the labels, or the folder of the label files.
        images: the folder of the images; empty for the top folder.
        listed: a file that lists the images of the split; empty if all are in it.
        options: values for options of the format; those that are not in it have their default.
    """

    format: str
    labels: str
    images: str = ""
    listed: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


class Candidate(NamedTuple):
    """A corpus that a folder may contain.

    Attributes:
        name: what its layout is called.
        splits: where the labels of each split are, by one of the names in `CALLED`.
    """

    name: str
    splits: Mapping[str, SplitLabels]


class Format(Protocol):
    """What a module of a label format has."""

    ABOUT: str
    OPTIONS: Mapping[str, Option]

    def find(self, top: Source) -> list[Candidate]:
        """Return the corpora of this format that a folder may contain; none if nothing looks like one.

        Raises:
            SARChatError: if a folder cannot be listed, or what is there contradicts itself.
        """

    def open_labels(self, top: Source, split: SplitLabels, images: Source) -> Labels:
        """Return the labels of a split.

        Args:
            top: what the paths of labels are relative to.
            split: where they are; its options are checked and complete.
            images: the folder of the images.

        Raises:
            SARChatError: if they do not exist.
        """


@cache
def registry() -> Registry[Format]:
    """Return the formats by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(formats.__path__))
    # A module of this package is a `Format`, which mypy cannot see.
    included: dict[str, Any] = {name: importlib.import_module(f"{formats.__name__}.{name}") for name in names}
    return Registry("label format", "sarchat.formats", included)


def complete_options(format: str, options: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the values of all options of a format.

    Args:
        format: the name of the format.
        options: those that were given.
        place: where they were given, for messages.

    Raises:
        SARChatError: if there is no such format or option, or it may not have this value.
    """
    known = registry()[format].OPTIONS
    for name, value in options.items():
        if name not in known:
            listed = ", ".join(known)
            raise SARChatError(
                f"{place}: the label format {format} has no option {name!r}{near(str(name), known)}; it has {listed}"
            )
        choices = known[name].choices
        if isinstance(choices, tuple):
            # In YAML, 1, 1.0 and true are equal.
            fits = any(type(value) is type(choice) and value == choice for choice in choices)
            wanted = "one of " + ", ".join(map(str, choices))
        else:
            fits, wanted = type(value) is choices, f"a value of type {choices.__name__}"
        if not fits:
            raise SARChatError(f"{place}: the option {name} of the label format {format} is {value!r}, not {wanted}")
    return {name: option.default for name, option in known.items()} | dict(options)


def find_candidates(top: Source, format: str = "") -> list[Candidate]:
    """Return the corpora of a format, or else of any, that a folder may contain; errors as in `Format.find`."""
    formats = [registry()[format]] if format else registry().values()
    remembering = top.remembering()
    return [candidate for known in formats for candidate in known.find(remembering)]


def open_labels(top: Source, split: SplitLabels, images: Source | None = None, place: str = "") -> Labels:
    """Return the labels of a split.

    Args:
        top: what the path of the labels is relative to.
        split: where they are.
        images: the folder of the images, if it is not `split.images` in `top`.
        place: where the options were given, for messages.

    Raises:
        SARChatError: if they do not exist, or an option is wrong.
    """
    options = complete_options(split.format, split.options, place or top.location)
    complete = replace(split, options=options)
    if images is None:
        images = top.inside(split.images) if split.images else top
    return registry()[split.format].open_labels(top, complete, images)


_LOG = logging.getLogger(__name__)
# The places that a message names.
_NAMED = 3
ERROR, SKIP = "error", "skip"


class Fault(Enum):
    """A kind of fault: how it is counted in a build's report, and how a message says that there are some.

    The option that decides has its name in small letters.
    """

    UNFIT_ROWS = "does not fit the format", "boxes that do not fit the format"
    UNDECLARED_CLASSES = "class id not declared", "boxes with a class id that is not declared"
    LABELS_WITHOUT_IMAGE = "label: no image", "labels without an image"
    IMAGES_WITHOUT_LABEL = "image: no label", "images without a label"

    def __init__(self, counted: str, message: str) -> None:
        """Name the option."""
        self.counted, self.message, self.option = counted, message, self.name.lower()


def fault_options(*faults: Fault, skipped: Fault | None = None) -> dict[str, Option]:
    """Return the options for kinds of faults, by default errors, but for the one that is `skipped`."""
    return {
        fault.option: Option(
            SKIP if fault is skipped else ERROR, (ERROR, SKIP), f"{fault.message}: an error, or left out"
        )
        for fault in faults
    }


class Faults:
    """Counts the faults of a split's labels."""

    def __init__(self, name: str, options: Mapping[str, Any], tally: Counter[str]) -> None:
        """Start with none.

        Args:
            name: the file or folder of the labels, for messages.
            options: the values of the options of the format.
            tally: takes the numbers, by `Fault.counted`.
        """
        self._name = name
        self._options = options
        self.tally = tally
        self._examples: dict[Fault, list[str]] = {}

    def add(self, fault: Fault, example: str) -> None:
        """Count a fault; the example says where it is, and what is wrong there."""
        self.tally[fault.counted] += 1
        examples = self._examples.setdefault(fault, [])
        if len(examples) < _NAMED:
            examples.append(example.removeprefix(self._name).lstrip("/: "))

    def check(self) -> None:
        """Log a warning for those that are left out, and refuse the others.

        Raises:
            SARChatError: if there are others; the message has numbers, examples, and the options that leave them out.
        """
        skipped = [fault for fault in self._examples if self._options[fault.option] == SKIP]
        if skipped:
            _LOG.warning("%s: left out: %s", self._name, self._list(skipped))
        refused = [fault for fault in self._examples if fault not in skipped]
        if refused:
            go_on = ", ".join(f"{fault.option}: {SKIP}" for fault in refused)
            raise SARChatError(
                f"{self._name} has {self._list(refused)}; correct the files, or leave these out with the "
                f"option{'s' * (len(refused) > 1)} {go_on} of the label format"
            )

    def _list(self, faults: list[Fault]) -> str:
        parts = []
        for fault in faults:
            number, examples = self.tally[fault.counted], self._examples[fault]
            more = [f"and {number - len(examples):,} more"] if number > len(examples) else []
            parts.append(f"{fault.message} ({', '.join([*examples, *more])})")
        return "; ".join(parts)


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
