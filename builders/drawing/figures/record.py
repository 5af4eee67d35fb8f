"""One record as a picture: its image with gold and predicted boxes, and the conversation next to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from builders.core.errors import SARChatError, one_line
from builders.core.schema import TASKS, is_scored
from builders.corpus.info import CorpusInfo
from builders.drawing.box_shapes import Marked, Shape, compose, mark_answers
from builders.drawing.figures.scene import draw_image, draw_scene, legend_text, measure_label
from builders.drawing.figures.style import FAINT, GOLD, INK, LINE, PREDICTED, new_figure, save, styled
from builders.drawing.figures.text_wrap import LINE_HEIGHT, wrap
from builders.tasks.geometry import shapes_of
from sarchat_metric import RecordScore, final_answer, match_boxes, parse_boxes, score_record

_MARGIN, _COLUMN = 0.25, 5.6
_LONGER_SIDE = 6.4
_SIZE, _HEADING_SIZE, _LABEL_SIZE = 11.0, 12.0, 9.0
_MOST_LINES = 60
# Bytes of a file name, of the 255 that file systems allow.
_LONGEST_NAME = 200


class _Block(NamedTuple):
    """A paragraph of the column: its heading, text and the heading's colour."""

    heading: str
    text: str
    color: str


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
    scale = _LONGER_SIDE / max(record["width"], record["height"])
    marked, notes = _mark_boxes(record, info, prediction, score)
    scene = compose(marked, record["width"], record["height"], _LABEL_SIZE / 72 / scale, measure_label)
    blocks = _text_blocks(record, prediction, score)
    if scene.legend or notes:
        blocks.append(_Block("Boxes", "\n".join(filter(None, [legend_text(scene), *notes])), INK))
    lines = [(block, wrap(block.text, _COLUMN * 72, _SIZE, _MOST_LINES)) for block in blocks]
    left, top, right, bottom = scene.canvas
    image_width, image_height = scale * (right - left), scale * (bottom - top)
    text_height = sum(_block_height(wrapped) for _, wrapped in lines)
    width = image_width + _COLUMN + 3 * _MARGIN
    legend_height = 0.0 if prediction is None else 0.35
    height = max(image_height + legend_height, text_height) + 2 * _MARGIN
    figure = new_figure(width, height)
    axes = figure.add_axes(
        (_MARGIN / width, 1 - (_MARGIN + image_height) / height, image_width / width, image_height / height)
    )
    draw_image(axes, record)
    draw_scene(axes, scene, {"gold": GOLD, "read": PREDICTED}, _LABEL_SIZE)
    _draw_legend(figure, prediction, 1 - (_MARGIN + image_height) / height)
    _write(figure, lines, image_width + 2 * _MARGIN)
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


def _text_blocks(record: Mapping[str, Any], prediction: str | None, score: RecordScore | None) -> list[_Block]:
    size = f"{record['width']} x {record['height']} pixels"
    targets = len(record["objects"]["bbox"])
    facts = f"{record['file_name']}, {size}, scenario {record['scenario']}, {targets} target{'s' * (targets != 1)}"
    blocks = [_Block(one_line(record["id"]), facts, INK)]
    for number, message in enumerate(record["messages"]):
        heading, color = ("Gold answer", GOLD) if number % 2 else ("Question", FAINT)
        blocks.append(_Block(heading, message["content"], color))
    if prediction is not None and score is not None:
        scores = "\n".join(f"{key}: {accuracy:.1f} %" for key, accuracy in score.accuracies.items())
        unread = "" if score.parsed else "Nothing that this task scores can be read from it.\n"
        if score.hedged:
            unread = "It offers a choice where one thing was asked for.\n"
        blocks.append(_Block("Prediction", prediction or "(empty)", PREDICTED))
        blocks.append(_Block("Scores", unread + scores, INK))
    return blocks


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


def _draw_legend(figure: Figure, prediction: str | None, top: float) -> None:
    if prediction is None:
        return
    handles = [
        Line2D([], [], color=GOLD, linewidth=2.5, label="gold"),
        Line2D([], [], color=PREDICTED, linewidth=2.5, linestyle=(0, (3, 1.5)), label="prediction"),
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(_MARGIN / figure.get_figwidth(), top - 0.04 / figure.get_figheight()),
        ncols=2,
        frameon=False,
        borderaxespad=0.2,
        handlelength=2.6,
    )


def _block_height(lines: list[str]) -> float:
    return (_HEADING_SIZE * 1.6 + _SIZE * LINE_HEIGHT * len(lines) + 14) / 72


def _write(figure: Figure, blocks: list[tuple[_Block, list[str]]], left: float) -> None:
    width, height = figure.get_size_inches()
    y = _MARGIN
    for number, (block, lines) in enumerate(blocks):
        if number:
            rule = 1 - (y - 7 / 72) / height
            figure.add_artist(Line2D([left / width, (left + _COLUMN) / width], [rule] * 2, color=LINE, linewidth=1))
        style = {"x": left / width, "va": "top", "ha": "left"}
        figure.text(
            y=1 - y / height, s=block.heading, fontsize=_HEADING_SIZE, weight="bold", color=block.color, **style
        )
        for place, line in enumerate(lines):
            down = y + (_HEADING_SIZE * 1.6 + _SIZE * LINE_HEIGHT * place) / 72
            figure.text(y=1 - down / height, s=line, fontsize=_SIZE, color=INK, **style)
        y += _block_height(lines)


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
