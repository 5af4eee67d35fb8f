"""Words and boxes as they appear in questions and answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from builders.core.polygons import area, corners_of, from_top, hull, to_points
from builders.core.resources import read_yaml
from builders.core.schema import Box, Corners
from builders.corpus.targets import Target

_WORDS = read_yaml("tasks/words.yaml")
DIRECTION_PHRASES: dict[str, str] = _WORDS["directions"]
PROXIMITY_PHRASES: dict[bool, str] = {True: _WORDS["proximity"]["near"], False: _WORDS["proximity"]["far"]}
SHAPE_PHRASES: dict[str, str] = _WORDS["shapes"]
ORIENTATION_PHRASES: dict[str, str] = _WORDS["orientations"]


def enumerate_words(words: Sequence[str]) -> str:
    """Join words as a list in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def target_text(target: Target, width: int, height: int) -> str:
    """Write a target's box: as `box_text`, or, if it has corners, as `{<x1><y1>...<x4><y4>}`.

    Corners are rounded to whole pixels, clockwise from the topmost, of several the leftmost; they may be outside the
    image. Those that enclose nothing once rounded are replaced by the corners of the upright box.
    """
    if target.corners is None:
        return box_text(target.box, width, height)
    return _corners_text(target.corners, target.box, width, height)


@lru_cache(maxsize=1024)
def _corners_text(corners: Corners, box: Box, width: int, height: int) -> str:
    rounded = [round(number) for number in corners]
    if not area(hull(to_points(rounded))):
        # Narrower than a pixel.
        rounded = [round(number) for number in corners_of(_round_box(box, width, height))]
    return f"{{{''.join(f'<{round(number)}>' for number in from_top(rounded))}}}"


# Several tasks write the same box, one after the other.
@lru_cache(maxsize=1024)
def box_text(box: Box, width: int, height: int) -> str:
    """Write a box as `{<x1><y1><x2><y2>}`: whole pixels, at least one pixel wide and high, inside the image."""
    return "{{<{}><{}><{}><{}>}}".format(*_round_box(box, width, height))


def _round_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Round a box to whole pixels, at least one pixel wide and high, inside the image."""
    x1, y1, x2, y2 = map(round, box)
    if x2 <= x1:
        x1 = min(x1, width - 1)
        x2 = x1 + 1
    if y2 <= y1:
        y1 = min(y1, height - 1)
        y2 = y1 + 1
    return x1, y1, x2, y2
