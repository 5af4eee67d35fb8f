"""Targets: the valid boxes of an image, clipped to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from builders.core.polygons import area, bounds, canonical, clip, corners_of, to_points
from builders.core.schema import Box, Corners

LEFT_OUT = -1
"""Stands for the index of a category whose boxes the user leaves out."""

DROP_REASONS = ("category left out", "no width or height", "outside the image", "crowd or ignore", "duplicate")
CLIPPED = "clipped to the image"
KEPT = "kept"
# Of the boxes with corners.
ORIENTED = "with corners"
DIFFICULT, BESIDE_DIFFICULT, CUT = "difficult", "in an image with a difficult box", "cut by the edge of the image"
CUT_LESS, MADE_CONVEX = "partly outside the image", "corners made convex"
"""Reasons that only some corpora have: of the first three, boxes are left out, of the others, they are kept."""

DIFFICULT_CHOICES = ("keep", "drop", "ignore")
# Of its area, what a target with corners must have inside the image.
_LEAST_INSIDE = 0.7


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
    """An image with its targets, in the order of annotation ids; width and height in pixels.

    Beside them, `left_out` has the label, which may be `LEFT_OUT`, and the box of each annotation that is no target.
    """

    image_id: int
    file_name: str
    width: int
    height: int
    targets: tuple[Target, ...]
    left_out: tuple[tuple[int, Box], ...] = ()

    def by_category(self) -> list[tuple[int, list[Target]]]:
        """Return the categories present, in the order of their class labels, each with its targets in their order."""
        groups: dict[int, list[Target]] = {}
        for target in self.targets:
            groups.setdefault(target.category, []).append(target)
        return sorted(groups.items())


def clean(
    boxes: Sequence[RawBox],
    width: int,
    height: int,
    tally: Counter[str],
    *,
    oriented: bool = False,
    difficult: str = "keep",
) -> tuple[Target, ...]:
    """Keep the valid boxes, in their order, clipped to the image.

    A box with corners is kept if its centre and 70 % of its area are inside the image; an oriented target then has its
    corners as annotated, in canonical form, and an upright one the box around the part inside.

    Args:
        boxes: an image's boxes as annotated.
        width: the image's width in pixels.
        height: the image's height in pixels.
        tally: the count for each of `DROP_REASONS` and of the further reasons, to which the boxes left out are added;
            of the others, for `KEPT`, for `CLIPPED` or `CUT_LESS` if a part of them is outside the image, and for
            `ORIENTED` and `MADE_CONVEX` if they have corners, and such that are not convex.
        oriented: whether targets are to have corners; those of a box without are its own.
        difficult: what to do with difficult boxes: `keep` them; `drop` them; or `ignore` the images that have one,
            whose every box is left out.

    Returns:
        The targets. A box left out counts under the first reason that applies, in the order of `DROP_REASONS`.
    """
    if difficult == "ignore" and any(raw.difficult and raw.category != LEFT_OUT for raw in boxes):
        tally[BESIDE_DIFFICULT] += len(boxes)
        return ()
    kept = []
    seen = set()
    for raw in boxes:
        x, y, w, h = raw.bbox
        key = raw.category, raw.corners or raw.bbox
        x1, y1, x2, y2 = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
        if raw.category == LEFT_OUT:
            tally["category left out"] += 1
        elif w <= 0 or h <= 0:
            tally["no width or height"] += 1
        elif x1 >= x2 or y1 >= y2:
            tally["outside the image"] += 1
        elif raw.ignored:
            tally["crowd or ignore"] += 1
        elif raw.difficult and difficult == "drop":
            tally[DIFFICULT] += 1
        elif key in seen:
            tally["duplicate"] += 1
        elif raw.corners:
            seen.add(key)
            if target := _clean_corners(raw.category, raw.corners, width, height, tally):
                kept.append(target if oriented else target._replace(corners=None))
        else:
            seen.add(key)
            whole = x >= 0 and y >= 0 and x + w <= width and y + h <= height
            if not whole:
                tally[CLIPPED] += 1
            box = x1, y1, x2, y2
            kept.append(Target(raw.category, box, whole, corners_of(box) if oriented else None))
    tally[KEPT] += len(kept)
    return tuple(kept)


def find_left_out(
    boxes: Sequence[RawBox], targets: Sequence[Target], width: int, height: int
) -> tuple[tuple[int, Box], ...]:
    """Return label and box, clipped to the image, of what is annotated but no target, such as crowds and empty boxes.

    A box that only touches the image's edge is among them, and one that a target repeats is not.

    Args:
        boxes: an image's boxes as annotated.
        targets: those of them that are targets, as `clean` returns them.
        width: the image's width in pixels.
        height: the image's height in pixels.
    """
    if len(targets) == len(boxes):
        return ()
    kept = {(target.category, target.box) for target in targets}
    found: dict[tuple[int, Box], None] = {}
    for raw in boxes:
        x, y, w, h = map(float, raw.bbox)
        box = max(min(x, x + w), 0.0), max(min(y, y + h), 0.0), min(max(x, x + w), width), min(max(y, y + h), height)
        if box[0] <= box[2] and box[1] <= box[3] and (raw.category, box) not in kept:
            found[raw.category, box] = None
    return tuple(found)


def _clean_corners(category: int, annotated: Corners, width: int, height: int, tally: Counter[str]) -> Target | None:
    found = canonical(annotated)
    if found is None:
        tally["no width or height"] += 1
        return None
    corners, made_convex = found
    points = to_points(corners)
    box = bounds(points)
    whole = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
    if not whole:
        inside = clip(points, width, height)
        if not area(inside):
            tally["outside the image"] += 1
            return None
        center_x, center_y = sum(corners[0::2]) / 4, sum(corners[1::2]) / 4
        is_inside = 0 <= center_x <= width and 0 <= center_y <= height
        # What 0.7 lacks of 70 % in floating point must not decide.
        if not is_inside or area(inside) < (_LEAST_INSIDE - 1e-9) * area(points):
            tally[CUT] += 1
            return None
        tally[CUT_LESS] += 1
        box = bounds(inside)
    tally[ORIENTED] += 1
    tally[MADE_CONVEX] += made_convex
    return Target(category, box, whole, corners)
