"""A SAR image with boxes drawn on it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from builders.core.errors import SARChatError
from builders.core.polygons import corners_of, to_points
from builders.corpus.viewing import read_view
from builders.drawing.box_shapes import BASELINE, Marked, Scene, compose
from builders.drawing.figures.style import hide_frame
from builders.drawing.figures.text import measure

# No figure shows more.
_LONGEST_SIDE = 2048
_LINE_WIDTH = 2.0
# Labels are measured at this size: their width grows with it.
_MEASURED = 10.0


def place_boxes(record: Mapping[str, Any], marked: Sequence[Marked], side: float, size: float) -> Scene:
    """Place boxes and their labels on a record's image, whose longer side is drawn `side` inches long.

    Args:
        record: the record.
        marked: the boxes.
        side: the length of the image's longer side in inches.
        size: the font's size in points.
    """
    width, height = record["width"], record["height"]
    return compose(marked, width, height, size / 72 / side * max(width, height), measure_label)


def scene_size(scene: Scene, size: float) -> tuple[float, float]:
    """Return width and height of a scene in inches, with labels of a size in points."""
    x1, y1, x2, y2 = scene.canvas
    return (x2 - x1) / scene.letter * size / 72, (y2 - y1) / scene.letter * size / 72


def draw_scene(
    figure: Figure,
    record: Mapping[str, Any],
    scene: Scene,
    colors: Mapping[str, str],
    size: float,
    corner: tuple[float, float],
) -> None:
    """Draw a record's image with boxes and labels, in coordinates of the image's own pixels.

    Args:
        figure: the figure.
        record: the record.
        scene: the boxes, as `place_boxes` placed them.
        colors: the colour of each kind.
        size: the font's size in points.
        corner: the top left corner of the scene, from the figure's in inches.

    Raises:
        SARChatError: if the image cannot be read or decoded.
    """
    try:
        (width, height), view = read_view(io.BytesIO(record["image"].read()), _LONGEST_SIDE)
    except ValueError as error:
        raise SARChatError(f"{record['id']}: its image cannot be drawn: {error}; build the folder again") from error
    (left, top), (across, down), (all_across, all_down) = corner, scene_size(scene, size), figure.get_size_inches()
    axes = figure.add_axes((left / all_across, 1 - (top + down) / all_down, across / all_across, down / all_down))
    pixels = np.asarray(view.convert("RGB"))
    axes.imshow(pixels, extent=(0, width, height, 0), interpolation="antialiased", aspect="equal")
    hide_frame(axes)
    for kind, shape in scene.boxes:
        axes.add_patch(
            Polygon(
                to_points(corners_of(shape) if len(shape) == 4 else shape),
                closed=True,
                fill=False,
                edgecolor=colors[kind],
                linewidth=_LINE_WIDTH,
                linestyle=(0, (3, 1.5)) if kind == "read" else "-",
                path_effects=_rim(_LINE_WIDTH),
            )
        )
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


def _rim(width: float) -> list[effects.AbstractPathEffect]:
    """Return a dark rim, which keeps a line visible on a bright background."""
    return [effects.Stroke(linewidth=width + 1.6, foreground="#000000b0"), effects.Normal()]
