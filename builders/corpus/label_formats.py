"""The label formats: one module each in `formats/`, found by listing that folder, or installed by another package.

A module has
- `ABOUT`: a line that says what the format is;
- `OPTIONS`: an `Option` for each name;
- `find(top)`: the `Candidate`s in a folder, for corpora that nobody described;
- `open_labels(top, split, images)`: the `Labels` of a split.

Another package adds a format with an entry point of the group `sarchat.formats`: the name of the format, and such a
module.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, Protocol

from builders.core.errors import SARChatError, near
from builders.core.registry import Registry
from builders.corpus import formats
from builders.corpus.labels import Labels
from builders.corpus.source import Source


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
    "test": ("test", "test/all"),
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


def format_names() -> tuple[str, ...]:
    """Return the names of the formats."""
    return tuple(registry())


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


def find_candidates(top: Source) -> list[Candidate]:
    """Return the corpora, of any format, that a folder may contain; errors as in `Format.find`."""
    remembering = top.remembering()
    return [candidate for format in registry().values() for candidate in format.find(remembering)]


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
    complete = SplitLabels(split.format, split.labels, split.images, split.listed, options)
    if images is None:
        images = top.inside(split.images) if split.images else top
    return registry()[split.format].open_labels(top, complete, images)
