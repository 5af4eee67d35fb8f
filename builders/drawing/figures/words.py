"""The most frequent words as bars, which can be compared and read, unlike a cloud of words."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from builders.drawing.figures.style import FAINT, SKY, new_figure

_COLUMN_WIDTH, _NAMES_WIDTH, _BAR_HEIGHT, _FRAME_HEIGHT = 2.9, 1.25, 0.3, 0.65
_ROWS = 10
_LONGEST_BAR = 0.66  # of a column; the rest is for the numbers


def draw_words(frequencies: Sequence[tuple[str, int]], title: str) -> Figure:
    """Draw words in columns of ten, each with a bar and the number of its occurrences.

    Args:
        frequencies: words and how often each occurs, the most frequent first; at least one.
        title: the title.
    """
    columns = [frequencies[start : start + _ROWS] for start in range(0, len(frequencies), _ROWS)]
    width = (_NAMES_WIDTH + _COLUMN_WIDTH) * len(columns)
    bars_height = _BAR_HEIGHT * len(columns[0])
    height = _FRAME_HEIGHT + bars_height
    figure = new_figure(width, height)
    figure.text(0.12 / width, 1 - 0.36 / height, title, fontsize=13, fontweight="bold")
    largest = frequencies[0][1]
    for number, column in enumerate(columns):
        left = (number * (_NAMES_WIDTH + _COLUMN_WIDTH) + _NAMES_WIDTH) / width
        axes = figure.add_axes((left, 0.1 / height, (_COLUMN_WIDTH - 0.1) / width, bars_height / height))
        words, counts = zip(*column, strict=True)
        axes.barh(range(len(words)), counts, height=0.66, color=SKY, edgecolor="#00000080", linewidth=0.6)
        for place, count in enumerate(counts):
            axes.text(count + largest * 0.025, place, f"{count:,}", va="center", fontsize=10.5)
        axes.set_xlim(0, largest / _LONGEST_BAR)
        axes.set_ylim(len(columns[0]) - 0.5, -0.5)
        axes.set_yticks(range(len(words)), words)
        axes.tick_params(length=0, labelsize=12)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_color(FAINT)
    return figure
