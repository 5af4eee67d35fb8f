"""What a reader of box notations found in a text."""

from __future__ import annotations

from typing import NamedTuple

# A coordinate as it may be spelled; the metric's own spelling of numbers.
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"


class Group(NamedTuple):
    """Boxes under one label.

    Attributes:
        label: words that belong before the boxes; may be empty.
        boxes: the numbers of each as they are written; four, or five with a rotation. Any other number of them is no
            box: a point, a polygon.
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
        end: where the text ends once a box or an object that was cut off is left out.
        truncated: whether something was cut off there.
    """

    found: tuple[Found, ...]
    end: int
    truncated: bool
