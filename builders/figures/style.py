"""The common style of all pictures, and saving them: the same bytes for the same content."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from builders.schema import CATEGORIES

# An opaque, neutral background that looks the same on light and dark pages.
PAGE, INK, FAINT, LINE = "#f6f6f4", "#1c1c1c", "#5c5c5c", "#d4d4d0"
# Okabe and Ito's colours, which colour-blind people can distinguish.
ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
CATEGORY_COLORS = dict(zip(CATEGORIES, (SKY, ORANGE, YELLOW, VERMILION, PURPLE, GREEN), strict=True))
GOLD, PREDICTED = GREEN, VERMILION

DPI = 160
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": PAGE,
    "axes.labelcolor": INK,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": PAGE,
    "savefig.facecolor": PAGE,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "text.parse_math": False,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the project's settings instead of the user's."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        # A model may answer in a script that the font lacks; such letters are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, without a window or global state."""
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, without date or software in its metadata."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def hide_frame(axes: Axes) -> None:
    """Hide ticks and frame of an axes."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
