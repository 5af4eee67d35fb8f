"""The boxes that a reader of box notations finds in a text."""

from __future__ import annotations

from typing import NamedTuple

# A coordinate as text, with the same syntax of numbers as in the metric.
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"


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
