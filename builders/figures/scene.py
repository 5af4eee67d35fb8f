"""A SAR image with boxes drawn on it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from builders.corpus.viewing import read_view
from builders.errors import SARChatError
from builders.figures.style import hide_frame
from builders.folder.reader import image_bytes
from builders.schema import Box

# No figure shows more.
_LONGEST_SIDE = 2048
_LINE_WIDTH = 2.0


def draw_image(axes: Axes, record: Mapping[str, Any]) -> None:
    """Show a record's image, in coordinates of its own pixels.

    Raises:
        SARChatError: if the image cannot be read or decoded.
    """
    try:
        (width, height), view = read_view(io.BytesIO(image_bytes(record)), _LONGEST_SIDE)
    except ValueError as error:
        raise SARChatError(f"{record['id']}: its image cannot be drawn: {error}; build the folder again") from error
    axes.imshow(
        np.asarray(view.convert("RGB")), extent=(0, width, height, 0), interpolation="antialiased", aspect="equal"
    )
    hide_frame(axes)


def draw_box(axes: Axes, box: Box, color: str, *, dashed: bool = False) -> None:
    """Draw a box `(x1, y1, x2, y2)`, with a dark rim that keeps it visible on a bright background."""
    x1, y1, x2, y2 = box
    axes.add_patch(
        Rectangle(
            (x1, y1),
            x2 - x1,
            y2 - y1,
            fill=False,
            edgecolor=color,
            linewidth=_LINE_WIDTH,
            linestyle=(0, (3, 1.5)) if dashed else "-",
            path_effects=[effects.Stroke(linewidth=_LINE_WIDTH + 1.6, foreground="#000000b0"), effects.Normal()],
        )
    )


def label_box(axes: Axes, box: Box, text: str, color: str, *, size: float = 9.0, below: bool = False) -> None:
    """Write a label above a box's top left corner or below its bottom right one, always inside the image."""
    x1, y1, x2, y2 = box
    left, right = sorted(axes.get_xlim())
    top, bottom = sorted(axes.get_ylim())
    room = (bottom - top) * 0.07
    if below:
        x, side = (min(max(x2, left), right), "right") if x2 - left > (right - left) * 0.2 else (max(x1, left), "left")
        y, align = (y2, "top") if y2 + room < bottom else (min(y2, bottom), "bottom")
    else:
        x, side = (max(x1, left), "left") if right - x1 > (right - left) * 0.2 else (min(x2, right), "right")
        y, align = (y1, "bottom") if y1 - room > top else (max(y1, top), "top")
    axes.text(
        x,
        y,
        text,
        ha=side,
        va=align,
        fontsize=size,
        color="#000000",
        bbox={"facecolor": color, "edgecolor": "none", "pad": 1.6, "alpha": 0.92},
        clip_on=True,
    )
