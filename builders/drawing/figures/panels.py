"""One example per task: the image with its boxes, and the question and answer next to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from builders.drawing.box_shapes import Marked, Scene, compose
from builders.drawing.figures.scene import draw_image, draw_scene, legend_text, measure_label
from builders.drawing.figures.style import FAINT, INK, LINE, category_colors, new_figure
from builders.drawing.figures.text_wrap import LINE_HEIGHT, wrap
from builders.tasks.geometry import shapes_of

_WIDTH = 12.4
_ROW = 3.4
_MARGIN = 0.2
_IMAGE = _ROW - 2 * _MARGIN
_SIZE, _TITLE_SIZE, _LABEL_SIZE = 10.5, 14.0, 8.5
_TITLE_HEIGHT, _GAP = _TITLE_SIZE * 2 / 72, 0.12
_QUESTION_LINES = 5
# Text ends at the bottom of the image.
_LINES = int((_IMAGE - _TITLE_HEIGHT - _GAP) * 72 / (_SIZE * LINE_HEIGHT))


def draw_panels(examples: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw a panel for each task, two in a row; `names` are those of the categories."""
    columns = min(2, len(examples))
    rows = math.ceil(len(examples) / 2)
    width, height = _WIDTH * columns / 2, _ROW * rows
    figure = new_figure(width, height)
    for number, (task, record) in enumerate(examples.items()):
        row, column = divmod(number, 2)
        left, top = column * _WIDTH / 2 + _MARGIN, row * _ROW + _MARGIN
        axes = figure.add_axes((left / width, 1 - (top + _IMAGE) / height, _IMAGE / width, _IMAGE / height), anchor="N")
        draw_image(axes, record)
        scene = _compose(record, names)
        draw_scene(axes, scene, category_colors(names), _LABEL_SIZE)
        _write(figure, task, record, legend_text(scene), (left + _IMAGE + _MARGIN, top, width, height))
    return figure


def _compose(record: Mapping[str, Any], names: Sequence[str]) -> Scene:
    objects = list(zip(shapes_of(record["objects"]), record["objects"]["category"], strict=True))
    is_pair = record["task"] == "identification" and len(objects) == 2
    roles = (" (target)", " (reference)") if is_pair else [""] * len(objects)
    marked = [
        Marked(names[category], shape, names[category] + role, str(number))
        for number, ((shape, category), role) in enumerate(zip(objects, roles, strict=True), 1)
    ]
    letter = _LABEL_SIZE / 72 * max(record["width"], record["height"]) / _IMAGE
    return compose(marked, record["width"], record["height"], letter, measure_label)


def _write(figure: Figure, task: str, record: Mapping[str, Any], legend: str, place: tuple[float, ...]) -> None:
    """Write title, question, answer and legend downwards.

    Args:
        figure: the figure.
        task: the title.
        record: the record.
        legend: what marks in the image mean; may be empty.
        place: where the text starts, from the figure's top left corner, and the figure's size, in inches.
    """
    left, top, width, height = place
    question, answer, *further = (message["content"] for message in record["messages"])
    answer += f" [and {len(further) // 2} more turns]" if further else ""
    column = (_WIDTH / 2 - _IMAGE - 3 * _MARGIN) * 72
    questions = wrap(question, column, _SIZE, _QUESTION_LINES)
    legends = wrap(legend, column, _SIZE) if legend else []
    answers = wrap(answer, column, _SIZE, max(_LINES - len(questions) - len(legends), 1))

    def put(text: str, y: float, size: float, **style: Any) -> None:  # noqa: ANN401
        figure.text(left / width, 1 - y / height, text, fontsize=size, va="top", **style)

    put(task.capitalize(), top, _TITLE_SIZE, weight="bold", color=INK)
    y = top + _TITLE_HEIGHT
    for lines, color in ((questions, FAINT), (answers, INK), (legends, FAINT)):
        for line in lines:
            put(line, y, _SIZE, color=color)
            y += _SIZE * LINE_HEIGHT / 72
        if lines is questions:
            ends = (left / width, left / width + column / 72 / width)
            figure.add_artist(Line2D(ends, [1 - (y + _GAP / 4) / height] * 2, color=LINE, linewidth=1))
            y += _GAP
