"""Words and boxes as they appear in questions and answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from builders.core.resources import read_yaml
from builders.core.schema import Box

_WORDS = read_yaml("tasks/words.yaml")
DIRECTION_PHRASES: dict[str, str] = _WORDS["directions"]
PROXIMITY_PHRASES: dict[bool, str] = {True: _WORDS["proximity"]["near"], False: _WORDS["proximity"]["far"]}
SHAPE_PHRASES: dict[str, str] = _WORDS["shapes"]


def enumerate_words(words: Sequence[str]) -> str:
    """Join words as a list in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


# Several tasks write the same box, one after the other.
@lru_cache(maxsize=1024)
def box_text(box: Box, width: int, height: int) -> str:
    """Write a box as `{<x1><y1><x2><y2>}`: whole pixels, at least one pixel wide and high, inside the image."""
    x1, y1, x2, y2 = map(round, box)
    if x2 <= x1:
        x1 = min(x1, width - 1)
        x2 = x1 + 1
    if y2 <= y1:
        y1 = min(y1, height - 1)
        y2 = y1 + 1
    return f"{{<{x1}><{y1}><{x2}><{y2}>}}"
