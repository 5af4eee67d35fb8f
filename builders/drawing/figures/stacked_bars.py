"""Shapes and sizes per category, as stacked bars of 100 percent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from builders.data.analysis.target_counts import TargetCounts
from builders.drawing.figures.style import BLUE, PAGE, SKY, YELLOW, hide_frame, new_figure
from builders.tasks.geometry import IDENTIFICATION_SIZES, SHAPES

# From dark to light, so that the order is visible without colours too.
_SHAPE_COLORS = (BLUE, SKY, YELLOW)
_SIZE_COLORS = ("#00224e", "#3b496c", "#7d7c78", "#bcad6c", "#fee838")  # cividis
_WIDTH, _HEIGHT = 12.0, 3.9
_LEAST_LABELLED = 0.07


def draw_shares(targets: TargetCounts) -> Figure:
    """Draw two panels: the shapes and the sizes of each category's targets."""
    present = targets.present
    figure = new_figure(_WIDTH, _HEIGHT)
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
