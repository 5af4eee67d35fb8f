"""Charts of a build: counts and words as bars, shapes and sizes as stacked bars, positions as heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from builders.data.analysis.targets import TargetCounts
from builders.drawing.figures.style import BLUE, FAINT, LINE, PAGE, SKY, YELLOW, hide_frame, new_figure
from builders.tasks.geometry import IDENTIFICATION_SIZES, SHAPES

# Lengths are in inches.
# Counts as bars: the longest is this share of a panel; the rest is for the numbers.
_PANEL_WIDTH, _BAR_HEIGHT, _FRAME_HEIGHT, _NAMES_WIDTH, _LONGEST_BAR = 3.65, 0.36, 0.6, 1.35, 0.52
# Words likewise.
_COLUMN_WIDTH, _WORD_HEIGHT, _TITLE_HEIGHT, _WORDS_WIDTH, _LONGEST_WORD = 2.9, 0.3, 0.65, 1.25, 0.66
_ROWS = 10
# Stacked bars: colours from dark to light, so that the order is visible without colours too.
_SHAPE_COLORS = (BLUE, SKY, YELLOW)
_SIZE_COLORS = ("#00224e", "#3b496c", "#7d7c78", "#bcad6c", "#fee838")  # cividis
_STACKED_WIDTH, _STACKED_HEIGHT = 12.0, 3.9
_LEAST_LABELLED = 0.07
# Heat maps.
_MAP, _GAP, _MAP_TITLE = 3.7, 0.2, 0.5
_COLUMNS = 3
# Bins per side: a multiple of three, so that cells consist of whole bins; a divisor of `FINEST_BINS`.
_BINS_FOR = {20_000: 48, 2_000: 24, 400: 12, 0: 3}


def draw_bars(counts: Mapping[str, Mapping[str, int]], noun: str, colors: Mapping[str, str] | None = None) -> Figure:
    """Draw a panel per split with a bar per name, labelled with count and share.

    Bars show shares of their split, so that splits of different sizes can be compared.

    Args:
        counts: the counts, by split and then by name; every split has the same names.
        noun: what is counted, in the plural.
        colors: the colour of each name; one for all if not given.
    """
    names = list(next(iter(counts.values())))
    width = _NAMES_WIDTH + _PANEL_WIDTH * len(counts) + 0.1
    bars_height = _BAR_HEIGHT * len(names)
    height = _FRAME_HEIGHT + bars_height
    figure = new_figure(width, height)
    totals = {split: sum(by_name.values()) for split, by_name in counts.items()}
    shares = {split: [by_name[name] / (totals[split] or 1) for name in names] for split, by_name in counts.items()}
    largest = max(map(max, shares.values()))
    for number, (split, parts) in enumerate(shares.items()):
        left = (_NAMES_WIDTH + number * _PANEL_WIDTH) / width
        axes = figure.add_axes((left, 0.12 / height, (_PANEL_WIDTH - 0.15) / width, bars_height / height))
        texts = [f"{counts[split][name]:,}  ({100 * part:.1f} %)" for name, part in zip(names, parts, strict=True)]
        own_colors = [(colors or {}).get(name, SKY) for name in names]
        _draw_panel(axes, [] if number else names, parts, texts, largest, _LONGEST_BAR, own_colors)
        axes.set_title(f"{split}: {totals[split]:,} {noun}", pad=10)
        axes.spines["left"].set_color(FAINT if totals[split] else LINE)
    return figure


def draw_words(frequencies: Sequence[tuple[str, int]], title: str) -> Figure:
    """Draw words in columns of ten, each with a bar and the number of its occurrences.

    Unlike a cloud of words, bars can be compared and read.

    Args:
        frequencies: words and how often each occurs, the most frequent first; at least one.
        title: the title.
    """
    columns = [frequencies[start : start + _ROWS] for start in range(0, len(frequencies), _ROWS)]
    width = (_WORDS_WIDTH + _COLUMN_WIDTH) * len(columns)
    bars_height = _WORD_HEIGHT * len(columns[0])
    height = _TITLE_HEIGHT + bars_height
    figure = new_figure(width, height)
    figure.text(0.12 / width, 1 - 0.36 / height, title, fontsize=13, fontweight="bold")
    for number, column in enumerate(columns):
        left = (number * (_WORDS_WIDTH + _COLUMN_WIDTH) + _WORDS_WIDTH) / width
        axes = figure.add_axes((left, 0.1 / height, (_COLUMN_WIDTH - 0.1) / width, bars_height / height))
        words, times = zip(*column, strict=True)
        _draw_panel(axes, words, times, [f"{count:,}" for count in times], frequencies[0][1], _LONGEST_WORD, SKY)
        axes.set_ylim(len(columns[0]) - 0.5, -0.5)
        axes.spines["left"].set_color(FAINT)
    return figure


def _draw_panel(
    axes: Axes,
    names: Sequence[str],
    lengths: Sequence[float],
    texts: Sequence[str],
    largest: float,
    share: float,
    colors: str | Sequence[str],
) -> None:
    """Draw bars below each other, each with a text behind it; the largest of all panels takes a share of the width."""
    axes.barh(range(len(lengths)), lengths, height=0.66, color=colors, edgecolor="#00000080", linewidth=0.6)
    for place, (length, text) in enumerate(zip(lengths, texts, strict=True)):
        axes.text(length + largest * 0.025, place, text, va="center", fontsize=10.5)
    axes.set_xlim(0, largest / share)
    axes.set_ylim(len(lengths) - 0.5, -0.5)
    axes.set_yticks(range(len(lengths)), names)
    axes.tick_params(length=0, labelsize=12)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def draw_shares(targets: TargetCounts) -> Figure:
    """Draw two panels: the shapes and the sizes of each category's targets."""
    present = targets.present
    figure = new_figure(_STACKED_WIDTH, _STACKED_HEIGHT)
    for left, title, names, colors, counts in (
        (0.095, "Shape", SHAPES, _SHAPE_COLORS, targets.shapes[present]),
        (0.565, "Size", IDENTIFICATION_SIZES, _SIZE_COLORS, targets.sizes[present]),
    ):
        axes = figure.add_axes((left, 0.04, 0.415, 0.735))
        _stack(axes, counts / counts.sum(axis=1, keepdims=True), names, colors)
        axes.set_title(title, pad=34)
        if left < 0.5:
            axes.set_yticks(range(len(present)), [targets.names[index] for index in present])
            axes.tick_params(length=0, labelsize=12)
    return figure


def _stack(axes: Axes, shares: np.ndarray, names: Sequence[str], colors: Sequence[str]) -> None:
    starts = np.zeros(len(shares))
    for name, color, part in zip(names, colors, shares.T, strict=True):
        axes.barh(
            range(len(shares)), part, left=starts, height=0.7, color=color, edgecolor=PAGE, linewidth=1, label=name
        )
        for row, (start, share) in enumerate(zip(starts, part, strict=True)):
            if share >= _LEAST_LABELLED:
                text = f"{100 * share:.0f} %"
                axes.text(
                    start + share / 2, row, text, ha="center", va="center", fontsize=10.5, color=_readable_on(color)
                )
        starts += part
    hide_frame(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.985),
        ncols=len(names),
        frameon=False,
        fontsize=10.5,
        handlelength=1,
        handleheight=1,
        columnspacing=1.0,
        handletextpad=0.4,
        borderaxespad=0.2,
    )


def _readable_on(color: str) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 120 else "white"


def draw_positions(targets: TargetCounts) -> Figure:
    """Draw a heat map for each category, with the lines of the nine cells and the percentage in each."""
    present = targets.present
    columns = min(_COLUMNS, len(present))
    rows = -(-len(present) // columns)
    width, height = columns * (_MAP + _GAP) + _GAP, rows * (_MAP + _MAP_TITLE) + _GAP
    figure = new_figure(width, height)
    for number, index in enumerate(present):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (_MAP + _GAP), row * (_MAP + _MAP_TITLE) + _MAP_TITLE
        axes = figure.add_axes((left / width, 1 - (top + _MAP) / height, _MAP / width, _MAP / height))
        total = int(targets.by_category[index])
        bins = next(bins for least, bins in _BINS_FOR.items() if total >= least)
        _draw_heat(axes, targets.grid(index, bins), targets.grid(index, 3) / total)
        axes.set_title(f"{targets.names[index]}: {total:,} targets")
    return figure


def _draw_heat(axes: Axes, grid: np.ndarray, shares: np.ndarray) -> None:
    axes.imshow(grid, cmap="cividis", vmin=0, extent=(0, 3, 3, 0), interpolation="nearest")
    hide_frame(axes)
    for place in (1, 2):
        axes.axhline(place, color="white", linewidth=1.2, alpha=0.85)
        axes.axvline(place, color="white", linewidth=1.2, alpha=0.85)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{100 * share:.0f} %",
            ha="center",
            va="center",
            fontsize=13,
            color="white",
            weight="bold",
            path_effects=[effects.withStroke(linewidth=3, foreground="#000000c0")],
        )
