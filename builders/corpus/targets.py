"""Targets: the valid boxes of an image, clipped to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from builders.core.schema import Box, Corners

LEFT_OUT = -1
"""Stands for the index of a category whose boxes the user leaves out."""

DROP_REASONS = ("category left out", "no width or height", "outside the image", "crowd or ignore", "duplicate")
CLIPPED = "clipped to the image"
KEPT = "kept"


class RawBox(NamedTuple):
    """A box as annotated.

    Attributes:
        category: a class label or `LEFT_OUT`, or, while a file is read, an id of this file.
        bbox: COCO `(x, y, w, h)` in pixels; of an oriented box, the upright box around its corners, not clipped.
        ignored: whether it is to be ignored.
        corners: the four corners of an oriented box, in pixels, in the order of the file; `None` of an upright box.
        difficult: whether it is marked as difficult.
    """

    category: int
    bbox: tuple[float, float, float, float]
    ignored: bool
    corners: Corners | None = None
    difficult: bool = False


class Target(NamedTuple):
    """A valid box: class label, the upright box clipped to the image, and whether it was entirely inside.

    An oriented target has `corners` too, in pixels, not clipped.
    """

    category: int
    box: Box
    whole: bool
    corners: Corners | None = None

    @property
    def bbox(self) -> list[float]:
        """The clipped box as COCO `[x, y, w, h]`, in pixels."""
        x1, y1, x2, y2 = self.box
        return [x1, y1, x2 - x1, y2 - y1]


class AnnotatedImage(NamedTuple):
    """An image with its targets, in the order of annotation ids; width and height in pixels."""

    image_id: int
    file_name: str
    width: int
    height: int
    targets: tuple[Target, ...]

    def by_category(self) -> list[tuple[int, list[Target]]]:
        """Return the categories present, in the order of their class labels, each with its targets in their order."""
        groups: dict[int, list[Target]] = {}
        for target in self.targets:
            groups.setdefault(target.category, []).append(target)
        return sorted(groups.items())


def clean(boxes: Iterable[RawBox], width: int, height: int, tally: Counter[str]) -> tuple[Target, ...]:
    """Keep the valid boxes, in their order, clipped to the image.

    Args:
        boxes: an image's boxes as annotated.
        width: the image's width in pixels.
        height: the image's height in pixels.
        tally: the count for each of `DROP_REASONS`, to which the boxes left out are added; of the others, for `KEPT`,
            and for `CLIPPED` if a part of them is outside the image.

    Returns:
        The targets. A box left out counts under the first reason that applies, in the order of `DROP_REASONS`.
    """
    kept = []
    seen = set()
    for raw in boxes:
        x, y, w, h = raw.bbox
        x1, y1, x2, y2 = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
        if raw.category == LEFT_OUT:
            tally["category left out"] += 1
        elif w <= 0 or h <= 0:
            tally["no width or height"] += 1
        elif x1 >= x2 or y1 >= y2:
            tally["outside the image"] += 1
        elif raw.ignored:
            tally["crowd or ignore"] += 1
        elif (raw.category, raw.corners or raw.bbox) in seen:
            tally["duplicate"] += 1
        else:
            seen.add((raw.category, raw.corners or raw.bbox))
            whole = x >= 0 and y >= 0 and x + w <= width and y + h <= height
            if not whole:
                tally[CLIPPED] += 1
            kept.append(Target(raw.category, (x1, y1, x2, y2), whole, raw.corners))
    tally[KEPT] += len(kept)
    return tuple(kept)
