"""A SAR image with boxes drawn on it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from builders.core.errors import SARChatError
from builders.core.polygons import corners_of, to_points
from builders.corpus.viewing import read_view
from builders.drawing.box_shapes import BASELINE, Scene, Shape
from builders.drawing.figures.style import hide_frame
from builders.drawing.figures.text_wrap import measure

# No figure shows more.
_LONGEST_SIDE = 2048
_LINE_WIDTH = 2.0
# Labels are measured at this size: their width grows with it.
_MEASURED = 10.0


def draw_image(axes: Axes, record: Mapping[str, Any]) -> None:
    """Show a record's image, in coordinates of its own pixels.

    Raises:
        SARChatError: if the image cannot be read or decoded.
    """
    try:
        (width, height), view = read_view(io.BytesIO(record["image"].read()), _LONGEST_SIDE)
    except ValueError as error:
        raise SARChatError(f"{record['id']}: its image cannot be drawn: {error}; build the folder again") from error
    axes.imshow(
        np.asarray(view.convert("RGB")), extent=(0, width, height, 0), interpolation="antialiased", aspect="equal"
    )
    hide_frame(axes)


def draw_scene(axes: Axes, scene: Scene, colors: Mapping[str, str], size: float) -> None:
    """Draw boxes and labels on an image, and show the scene's canvas.

    Args:
        axes: the axes of the image.
        scene: the scene.
        colors: the colour of each kind.
        size: the font's size in points; with the axes' scale, it is the scene's letter.
    """
    for kind, shape in scene.boxes:
        _draw_box(axes, shape, colors[kind], dashed=kind == "read")
    for label in scene.labels:
        x1, y1, x2, y2 = label.place
        color = colors[label.kind]
        if label.line is not None:
            ends = label.line[::2], label.line[1::2]
            axes.add_line(Line2D(*ends, color=color, linewidth=1.2, path_effects=_rim(1.2)))
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, facecolor=color, edgecolor="none", zorder=2.5))
        baseline = y1 + BASELINE * scene.letter
        axes.text((x1 + x2) / 2, baseline, label.text, ha="center", va="baseline", fontsize=size, color="#000000")
    axes.set_xlim(scene.canvas[0], scene.canvas[2])
    axes.set_ylim(scene.canvas[3], scene.canvas[1])


def measure_label(text: str) -> float:
    """Return the width of a label, in heights of a letter."""
    return measure(text, _MEASURED) / _MEASURED


def legend_text(scene: Scene) -> str:
    """Return what the marks of a scene mean, as one text; empty if every label is written out."""
    return "; ".join(f"{marks}: {meaning}" for _, marks, meaning in scene.legend)


def _draw_box(axes: Axes, shape: Shape, color: str, *, dashed: bool) -> None:
    """Draw a box or corners, with a dark rim that keeps it visible on a bright background."""
    corners = to_points(corners_of(shape) if len(shape) == 4 else shape)
    axes.add_patch(
        Polygon(
            corners,
            closed=True,
            fill=False,
            edgecolor=color,
            linewidth=_LINE_WIDTH,
            linestyle=(0, (3, 1.5)) if dashed else "-",
            path_effects=_rim(_LINE_WIDTH),
        )
    )


def _rim(width: float) -> list[effects.AbstractPathEffect]:
    return [effects.Stroke(linewidth=width + 1.6, foreground="#000000b0"), effects.Normal()]
