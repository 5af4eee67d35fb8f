"""Records as pictures: the image with boxes, and the conversation next to it; one alone, or one of each task."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from builders.core.errors import SARChatError, one_line
from builders.core.polygons import corners_of, to_points
from builders.core.schema import TASKS, is_scored
from builders.corpus.info import CorpusInfo
from builders.corpus.viewing import read_view
from builders.drawing.answers import BASELINE, Marked, Scene, Shape, compose, mark_answers
from builders.drawing.figures.style import (
    FAINT,
    GOLD,
    INK,
    PREDICTED,
    category_colors,
    hide_frame,
    new_figure,
    save,
    styled,
)
from builders.drawing.figures.text import LINE_HEIGHT, Paragraph, measure, wrap, write_column
from builders.tasks.geometry import shapes_of
from sarchat_metric import RecordScore, final_answer, match_boxes, parse_boxes, score_record

# Of a picture of one record: lengths in inches, sizes of letters in points.
_MARGIN, _COLUMN, _LONGER_SIDE = 0.25, 5.6, 6.4
_SIZE, _HEADING_SIZE, _LABEL_SIZE = 11.0, 12.0, 9.0
_LEGEND_HEIGHT, _GAP = 0.35, 14.0
_MOST_LINES = 60
# Bytes of a file name, of the 255 that file systems allow.
_LONGEST_NAME = 200
# Of a panel, two of which are in a row.
_PANEL_WIDTH, _PANEL_HEIGHT, _PANEL_MARGIN = 6.2, 3.4, 0.2
_PANEL_IMAGE = _PANEL_HEIGHT - 2 * _PANEL_MARGIN
_PANEL_COLUMN = _PANEL_WIDTH - _PANEL_IMAGE - 3 * _PANEL_MARGIN
_PANEL_SIZE, _TITLE_SIZE, _PANEL_LABEL_SIZE = 10.5, 14.0, 8.5
_QUESTION_LINES, _TITLE_LEADING, _PANEL_GAP = 5, 2.0, 8.6
# No figure shows more.
_LONGEST_SIDE = 2048
_LINE_WIDTH = 2.0
# Labels are measured at this size: their width grows with it.
_MEASURED = 10.0
# Text ends at the bottom of the image.
_PANEL_LINES = int((_PANEL_IMAGE * 72 - _TITLE_SIZE * _TITLE_LEADING - _PANEL_GAP) / (_PANEL_SIZE * LINE_HEIGHT))


def show_record(record: Mapping[str, Any], info: CorpusInfo, out: Path, prediction: str | None = None) -> None:
    """Draw a record of a corpus, and optionally a prediction, into a PNG, PDF or SVG file, as its suffix says.

    Raises:
        SARChatError: if the image cannot be read.
        OSError: if the file cannot be written.
    """
    with styled():
        save(draw_record(record, info, prediction), out)


def draw_record(record: Mapping[str, Any], info: CorpusInfo, prediction: str | None = None) -> Figure:
    """Return the figure that `show_record` writes."""
    score = _score(record, info, prediction)
    marked, notes = _mark_boxes(record, info, prediction, score)
    scene = place_boxes(record, marked, _LONGER_SIDE, _LABEL_SIZE)
    texts = _list_texts(record, prediction, score)
    if scene.legend or notes:
        texts.append(("Boxes", "\n".join(filter(None, [legend_text(scene), *notes])), INK))
    paragraphs: list[Paragraph] = []
    for heading, text, color in texts:
        gap = _GAP if paragraphs else 0.0
        paragraphs.append(Paragraph([heading], _HEADING_SIZE, color, "bold", 1.6, gap))
        paragraphs.append(Paragraph(wrap(text, _COLUMN * 72, _SIZE, _MOST_LINES), _SIZE, INK))
    across, down = scene_size(scene, _LABEL_SIZE)
    legend_height = 0.0 if prediction is None else _LEGEND_HEIGHT
    height = max(down + legend_height, sum(paragraph.height for paragraph in paragraphs)) + 2 * _MARGIN
    figure = new_figure(across + _COLUMN + 3 * _MARGIN, height)
    draw_scene(figure, record, scene, {"gold": GOLD, "read": PREDICTED}, _LABEL_SIZE, (_MARGIN, _MARGIN))
    write_column(figure, paragraphs, across + 2 * _MARGIN, _MARGIN, _COLUMN)
    if prediction is not None:
        _draw_legend(figure, 1 - (_MARGIN + down + 0.04) / height)
    return figure


def draw_panels(examples: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw a panel for each task with a record of it, two in a row; `names` are those of the categories."""
    figure = new_figure(_PANEL_WIDTH * min(2, len(examples)), _PANEL_HEIGHT * -(-len(examples) // 2))
    for number, (task, record) in enumerate(examples.items()):
        row, column = divmod(number, 2)
        left, top = column * _PANEL_WIDTH + _PANEL_MARGIN, row * _PANEL_HEIGHT + _PANEL_MARGIN
        scene = place_boxes(record, _mark_targets(record, names), _PANEL_IMAGE, _PANEL_LABEL_SIZE)
        middle = left + (_PANEL_IMAGE - scene_size(scene, _PANEL_LABEL_SIZE)[0]) / 2
        draw_scene(figure, record, scene, category_colors(names), _PANEL_LABEL_SIZE, (middle, top))
        paragraphs = _describe_panel(task, record, legend_text(scene))
        write_column(figure, paragraphs, left + _PANEL_IMAGE + _PANEL_MARGIN, top, _PANEL_COLUMN)
    return figure


def gold_boxes(record: Mapping[str, Any]) -> list[Shape]:
    """Return a record's boxes: those in its answer, as they are scored, or otherwise those of its targets."""
    # The last answer of a dialogue is about some targets only.
    answered = parse_boxes(record["messages"][-1]["content"]) if len(record["messages"]) == 2 else []
    return answered or shapes_of(record["objects"])


def _score(record: Mapping[str, Any], info: CorpusInfo, prediction: str | None) -> RecordScore | None:
    if record["task"] in TASKS and not is_scored(record["task"]):
        if prediction is not None:
            raise SARChatError(
                f"{record['id']}: {record['task']} is for training, and has no score; show it without an answer"
            )
        return None
    try:
        return score_record(prediction or "", record, info.vocabulary)
    except ValueError as error:
        raise SARChatError(f"{record['id']}: {error}; build the folder again") from error


def _list_texts(
    record: Mapping[str, Any], prediction: str | None, score: RecordScore | None
) -> list[tuple[str, str, str]]:
    """Return what stands next to a record's image: headings, texts, and the headings' colours."""
    size = f"{record['width']} x {record['height']} pixels"
    targets = len(record["objects"]["bbox"])
    facts = f"{record['file_name']}, {size}, scenario {record['scenario']}, {targets} target{'s' * (targets != 1)}"
    texts = [(one_line(record["id"]), facts, INK)]
    for number, message in enumerate(record["messages"]):
        heading, color = ("Gold answer", GOLD) if number % 2 else ("Question", FAINT)
        texts.append((heading, message["content"], color))
    if prediction is not None and score is not None:
        scores = "\n".join(f"{key}: {accuracy:.1f} %" for key, accuracy in score.accuracies.items())
        unread = "" if score.parsed else "Nothing that this task scores can be read from it.\n"
        if score.hedged:
            unread = "It offers a choice where one thing was asked for.\n"
        texts.append(("Prediction", prediction or "(empty)", PREDICTED))
        texts.append(("Scores", unread + scores, INK))
    return texts


def _mark_boxes(
    record: Mapping[str, Any], info: CorpusInfo, prediction: str | None, score: RecordScore | None
) -> tuple[list[Marked], list[str]]:
    gold = gold_boxes(record)
    predicted = [] if prediction is None else parse_boxes(final_answer(prediction))
    matches = score.matches.get("iou@0.25") if score else None
    if matches is None:
        matches = match_boxes(predicted, gold)
    names = [info.names[category] for category in record["objects"]["category"]]
    return mark_answers(gold, names, predicted, matches, (record["width"], record["height"]))


def _draw_legend(figure: Figure, top: float) -> None:
    handles = [
        Line2D([], [], color=GOLD, linewidth=2.5, label="gold"),
        Line2D([], [], color=PREDICTED, linewidth=2.5, linestyle=(0, (3, 1.5)), label="prediction"),
    ]
    place = (_MARGIN / figure.get_figwidth(), top)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=place,
        ncols=2,
        frameon=False,
        borderaxespad=0.2,
        handlelength=2.6,
    )


def _mark_targets(record: Mapping[str, Any], names: Sequence[str]) -> list[Marked]:
    objects = list(zip(shapes_of(record["objects"]), record["objects"]["category"], strict=True))
    is_pair = record["task"] == "identification" and len(objects) == 2
    roles = (" (target)", " (reference)") if is_pair else [""] * len(objects)
    return [
        Marked(names[category], shape, names[category] + role, str(number))
        for number, ((shape, category), role) in enumerate(zip(objects, roles, strict=True), 1)
    ]


def _describe_panel(task: str, record: Mapping[str, Any], legend: str) -> list[Paragraph]:
    """Return title, question, answer, and what the marks in the image mean, which may be empty."""
    question, answer, *further = (message["content"] for message in record["messages"])
    turns = len(further) // 2
    answer += f" [and {turns} more turn{'s' * (turns > 1)}]" if turns else ""
    column = _PANEL_COLUMN * 72
    questions = wrap(question, column, _PANEL_SIZE, _QUESTION_LINES)
    legends = wrap(legend, column, _PANEL_SIZE) if legend else []
    answers = wrap(answer, column, _PANEL_SIZE, max(_PANEL_LINES - len(questions) - len(legends), 1))
    return [
        Paragraph([task.capitalize()], _TITLE_SIZE, INK, "bold", _TITLE_LEADING),
        Paragraph(questions, _PANEL_SIZE, FAINT),
        Paragraph(answers, _PANEL_SIZE, INK, gap=_PANEL_GAP),
        Paragraph(legends, _PANEL_SIZE, FAINT),
    ]


def default_name(record_id: str) -> str:
    """Return the file name of a record's picture: its id, with a dash for all that a name should not contain.

    Raises:
        SARChatError: if nothing is left of the id.
    """
    # An id may come from somebody else's data: neither separators nor newlines, hidden names nor options.
    name = re.sub(r"[^\w.-]+", "-", record_id).lstrip(".-")
    name = name.encode()[:_LONGEST_NAME].decode(errors="ignore")
    if not name.strip(".-"):
        raise SARChatError(f"the id {record_id!r} cannot be used as a file name; give one with --out")
    return f"{name}.png"


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
