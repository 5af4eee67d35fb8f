"""Text in a column: wrapped at the ends of words and boxes, up to a maximum number of lines, and written downwards."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath

from builders.core.errors import printable
from builders.drawing.figures.style import LINE

# A line may end after a space, and before and after any box of a run such as `{<..>}{<..>}`.
_PIECE = re.compile(r"\{[^{}\s]*\}[.,;:)?!]*\s*|[^\s{]+\s*|\s+|\{")
LINE_HEIGHT = 1.4  # of the font's size
# Where in a gap its rule is: not in the middle, since a line has some room below it.
_RULE = 0.3


class Paragraph(NamedTuple):
    """Lines of a column.

    Attributes:
        lines: the lines, which fit the column.
        size: the font's size in points.
        color: the colour.
        weight: the font's weight.
        leading: the height of a line, in sizes of the font.
        gap: the room above the lines in points, with a rule in it.
    """

    lines: Sequence[str]
    size: float
    color: str
    weight: str = "normal"
    leading: float = LINE_HEIGHT
    gap: float = 0.0

    @property
    def height(self) -> float:
        """The height in inches."""
        return (self.gap + self.size * self.leading * len(self.lines)) / 72


def write_column(figure: Figure, paragraphs: Iterable[Paragraph], left: float, top: float, column: float) -> None:
    """Write paragraphs below each other.

    Args:
        figure: the figure.
        paragraphs: the paragraphs.
        left: of the column, from the figure's left edge in inches.
        top: of the first line, from the figure's top edge in inches.
        column: the column's width in inches.
    """
    width, height = figure.get_size_inches()
    for paragraph in paragraphs:
        if paragraph.gap:
            rule = 1 - (top + _RULE * paragraph.gap / 72) / height
            figure.add_artist(Line2D([left / width, (left + column) / width], [rule] * 2, color=LINE, linewidth=1))
        for place, line in enumerate(paragraph.lines):
            down = top + (paragraph.gap + paragraph.size * paragraph.leading * place) / 72
            _, size, color, weight, *_ = paragraph
            figure.text(left / width, 1 - down / height, line, fontsize=size, color=color, weight=weight, va="top")
        top += paragraph.height


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
