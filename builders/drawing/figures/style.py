"""The common style of all pictures, and saving them: the same bytes for the same content."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from builders.core.errors import SARChatError
from builders.core.writing import writing_bytes
from builders.drawing.figures import PICTURE_MARK

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
# The colours of categories, in the order of their class labels; they repeat if there are more.
_CATEGORY_COLORS = (SKY, ORANGE, YELLOW, VERMILION, PURPLE, GREEN, BLUE)
GOLD, PREDICTED = GREEN, VERMILION

# The suffixes of pictures, and the metadata that keep date and software out of them.
FORMATS: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    ".svg": {"Date": None, "Creator": None},
}
_ENDINGS = ", ".join(FORMATS)
# Where a signed picture has its mark.
_SIGNED = {".png": "Software", ".pdf": "Creator", ".svg": "Creator"}
_VARIABLES = {INK: "ink", FAINT: "faint", LINE: "line", PAGE: "page", "#ffffff": "page"}

DPI = 160


def category_colors(names: Sequence[str]) -> dict[str, str]:
    """Return the colour of each category, given all names in the order of their class labels."""
    return {name: _CATEGORY_COLORS[label % len(_CATEGORY_COLORS)] for label, name in enumerate(names)}


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
    "svg.hashsalt": "sarchat",
    # Text stays text in a PDF, which journals ask for.
    "pdf.fonttype": 42,
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


def check_picture(path: Path) -> None:
    """Check, before any work is done, that a figure can be written to a file of this name.

    Raises:
        SARChatError: if its suffix is not one of `FORMATS`.
    """
    if path.suffix.lower() not in FORMATS:
        raise SARChatError(f"a picture is a PNG, PDF or SVG file, so its name must end in {_ENDINGS}, but got {path}")


def save(figure: Figure, path: Path, *, signed: bool = True) -> None:
    """Write a figure as PNG, PDF or SVG, by the suffix of the file, without date or version in its metadata.

    A signed one contains `PICTURE_MARK`, by which a later command knows that it may replace the file.
    """
    ending = path.suffix.lower() or ".png"
    metadata = FORMATS[ending] | ({_SIGNED[ending]: PICTURE_MARK.decode()} if signed else {})
    with writing_bytes(path) as stream:
        figure.savefig(stream, format=ending.lstrip("."), dpi=DPI, facecolor=figure.get_facecolor(), metadata=metadata)


def to_inline_svg(figure: Figure, name: str) -> str:
    """Return a figure as an `<svg>` element whose colours follow those of the page that it stands in.

    Ink, faint text, lines and background become the CSS variables `--ink`, `--faint`, `--line` and `--page`.

    Args:
        figure: the figure, drawn inside `styled`.
        name: differs for every figure of a page, so that no two share an id.
    """
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", facecolor=figure.get_facecolor(), metadata=FORMATS[".svg"])
    text = stream.getvalue()
    text = re.sub("<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for color, variable in _VARIABLES.items():
        text = re.sub(color, f"var(--{variable})", text, flags=re.IGNORECASE)
    return text


def hide_frame(axes: Axes) -> None:
    """Hide ticks and frame of an axes."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
