"""Heat maps of target positions: the share of centres in each cell, on a finer grid if there are enough targets."""

from __future__ import annotations

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from builders.data.analysis.target_counts import TargetCounts
from builders.drawing.figures.style import hide_frame, new_figure

_WIDTH, _PANEL, _GAP, _TITLE = 12.0, 3.7, 0.2, 0.5
_COLUMNS = 3
# Bins per side: a multiple of three, so that cells consist of whole bins; a divisor of `FINEST_BINS`.
_BINS_FOR = {20_000: 48, 2_000: 24, 400: 12, 0: 3}


def draw_positions(targets: TargetCounts) -> Figure:
    """Draw a heat map for each category, with the lines of the nine cells and the percentage in each."""
    present = targets.present
    columns = min(_COLUMNS, len(present))
    rows = -(-len(present) // columns)
    width, height = columns * (_PANEL + _GAP) + _GAP, rows * (_PANEL + _TITLE) + _GAP
    figure = new_figure(width, height)
    for number, index in enumerate(present):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (_PANEL + _GAP), row * (_PANEL + _TITLE) + _TITLE
        axes = figure.add_axes((left / width, 1 - (top + _PANEL) / height, _PANEL / width, _PANEL / height))
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
