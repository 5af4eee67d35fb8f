"""The boxes that a reader of box notations finds in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

# A coordinate as text, with the same syntax of numbers as in the metric.
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_FOUR = rf"\s*<\s*({NUMBER})\s*>" * 4
# A box in SARChat's own notation: four numbers, or the eight of four corners; the last four groups may be `None`.
OWN_BOX = re.compile(rf"\{{{_FOUR}(?:{_FOUR})?\s*\}}", re.ASCII)


def numbers_of(groups: Iterable[str | None]) -> tuple[float, ...]:
    """Return the four or eight numbers of a match of `OWN_BOX`."""
    return tuple(float(number) for number in groups if number is not None)


class Group(NamedTuple):
    """Boxes under one label.

    Attributes:
        label: words that belong before the boxes; may be empty.
        boxes: the numbers of each as written: four, five with a rotation, or the eight of four corners. Any other
            count is not a box but a point or a polygon.
    """

    label: str
    boxes: tuple[tuple[float, ...], ...]


class Found(NamedTuple):
    """A span of a text that spells boxes.

    Attributes:
        start: where the span begins.
        end: where it ends.
        groups: the boxes in it, with their labels.
    """

    start: int
    end: int
    groups: tuple[Group, ...]


class Reading(NamedTuple):
    """The boxes of a text.

    Attributes:
        found: the spans in order.
        end: end of the text without a last box or object that is cut off.
        truncated: whether something is cut off there.
    """

    found: tuple[Found, ...]
    end: int
    truncated: bool
