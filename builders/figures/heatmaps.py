"""Heat maps of target positions: the share of centres in each cell, on a finer grid if there are enough targets."""

from __future__ import annotations

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from builders.analysis.target_table import TargetTable
from builders.figures.style import hide_frame, new_figure
from builders.schema import CATEGORIES

_WIDTH, _PANEL, _GAP, _TITLE = 12.0, 3.7, 0.2, 0.5
_COLUMNS = 3
# Bins per side: a multiple of three, so that cells consist of whole bins.
_BINS_FOR = {20_000: 48, 2_000: 24, 400: 12, 0: 3}


def draw_positions(targets: TargetTable) -> Figure:
    """Draw a heat map for each category, with the lines of the nine cells and the percentage in each."""
    present = [index for index in range(len(CATEGORIES)) if (targets.category == index).any()]
    columns = min(_COLUMNS, len(present))
    rows = -(-len(present) // columns)
    width, height = columns * (_PANEL + _GAP) + _GAP, rows * (_PANEL + _TITLE) + _GAP
    figure = new_figure(width, height)
    for number, index in enumerate(present):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (_PANEL + _GAP), row * (_PANEL + _TITLE) + _TITLE
        axes = figure.add_axes((left / width, 1 - (top + _PANEL) / height, _PANEL / width, _PANEL / height))
        centers = targets.center[targets.category == index]
        _draw_heat(axes, centers)
        axes.set_title(f"{CATEGORIES[index]}: {len(centers):,} targets")
    return figure


def count_centers(centers: np.ndarray, bins: int) -> np.ndarray:
    """Count centres in a grid of bins over the image; a centre between two bins is in the right or lower one.

    Args:
        centers: shares of width and height, 0 to 1; floats of shape (N, 2).
        bins: the number of bins per side.

    Returns:
        Ints of shape (bins, bins): rows from the top, columns from the left.
    """
    places = np.minimum((centers * bins).astype(int), bins - 1)
    return np.bincount(places[:, 1] * bins + places[:, 0], minlength=bins * bins).reshape(bins, bins)


def _draw_heat(axes: Axes, centers: np.ndarray) -> None:
    bins = next(bins for least, bins in _BINS_FOR.items() if len(centers) >= least)
    axes.imshow(count_centers(centers, bins), cmap="cividis", vmin=0, extent=(0, 3, 3, 0), interpolation="nearest")
    hide_frame(axes)
    for place in (1, 2):
        axes.axhline(place, color="white", linewidth=1.2, alpha=0.85)
        axes.axvline(place, color="white", linewidth=1.2, alpha=0.85)
    shares = count_centers(centers, 3) / len(centers)
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
