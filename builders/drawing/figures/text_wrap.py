"""Wrapping of text in a column, at the ends of words and boxes, up to a maximum number of lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from builders.core.errors import printable

# A line may end after a space, and before and after any box of a run such as `{<..>}{<..>}`.
_PIECE = re.compile(r"\{[^{}\s]*\}[.,;:)?!]*\s*|[^\s{]+\s*|\s+|\{")
LINE_HEIGHT = 1.4  # of the font's size


def wrap(text: str, width: float, size: float, most_lines: int | None = None) -> list[str]:
    """Break a text into lines, at least one.

    Args:
        text: the text; its own line breaks are kept.
        width: the column's width in points.
        size: the font's size in points.
        most_lines: the maximum number of lines; a longer text is truncated with an ellipsis.
    """
    if most_lines is not None:
        # No line holds more letters, see `_pieces`; what follows can only be left out.
        text = text[: (most_lines + 1) * int(8 * width / size + 2)]
    lines = []
    # Matplotlib fails on a surrogate, and an SVG file with a control character is not XML.
    for paragraph in printable("\n".join(text.splitlines())).split("\n"):
        line = ""
        for piece in _pieces(paragraph, width, size):
            if line and measure(line + piece.rstrip(), size) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
        lines.append(line.rstrip())
    if most_lines is None or len(lines) <= most_lines:
        return lines
    last = lines[most_lines - 1]
    while last and measure(f"{last} …", size) > width:
        last = last[:-1].rstrip()
    return [*lines[: most_lines - 1], f"{last} …"]


@lru_cache(maxsize=4096)
def measure(text: str, size: float) -> float:
    """Return the width of a text on one line, in points."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]


def _pieces(paragraph: str, width: float, size: float) -> list[str]:
    """Split a paragraph where it may break; a piece wider than the column is split anywhere."""
    pieces = []
    for piece in _PIECE.findall(paragraph):
        while len(piece) > 1 and (len(piece) > 8 * width / size or measure(piece.rstrip(), size) > width):
            # A letter is at least an eighth of the font's size wide, so a line cannot contain more than these.
            start = piece[: int(8 * width / size) + 1]
            fitting = max(1, bisect_right(range(1, len(start)), width, key=lambda n: measure(start[:n], size)))
            pieces.append(piece[:fitting])
            piece = piece[fitting:]
        pieces.append(piece)
    return pieces
