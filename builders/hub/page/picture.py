"""Drawing of an answer and its gold answer (SVG): boxes, or the categories per cell, with or without an image."""

from __future__ import annotations

import base64
import io
import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from markup import escape
from viewing import read_view

from builders.box_shapes import Shape, is_proper, label_ious, place_box
from sarchat_metric import Box, RecordScore

MOST_BOXES = 200
_MOST_LABELS = 30
_MOST_LINES = 4
_MOST_PIXELS = 50_000_000
_LONGEST_SIDE = 1024
_BLANK = 512
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")


class Backdrop(NamedTuple):
    """An image to draw on: its original size in pixels, and its content as a data URL."""

    width: int
    height: int
    address: str


class Drawing(NamedTuple):
    """A drawing, and notes on what it leaves out."""

    svg: str
    notes: list[str]


@lru_cache(maxsize=16)
def read_backdrop(path: str) -> Backdrop:
    """Read an image file of any bit depth and reduce it to the size of the page.

    Raises:
        ValueError: if it is not an image or too large.
    """
    try:
        (width, height), view = read_view(path, _LONGEST_SIDE, _MOST_PIXELS)
    except ValueError as error:
        raise ValueError(f"{Path(path).name} cannot be read as an image: {error}") from error
    content = io.BytesIO()
    view.save(content, "JPEG", quality=88)
    return Backdrop(width, height, f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}")


def draw(record: RecordScore, backdrop: Backdrop | None = None) -> Drawing | None:
    """Draw the contents of an answer and its gold answer, on an image or a blank field around all gold boxes.

    Returns:
        The drawing, or `None` if there is nothing to draw: neither boxes nor cells nor an image.
    """
    gold, read = record.reference, record.prediction
    notes: list[str] = []
    if "boxes" in gold:
        width, height = (backdrop.width, backdrop.height) if backdrop else _blank_size(gold["boxes"])
        shapes = _draw_boxes(record, width, height, notes)
        description = f"{len(gold['boxes'])} gold boxes, {len(read['boxes'])} boxes of the answer"
    else:
        width, height = (backdrop.width, backdrop.height) if backdrop else (_BLANK, _BLANK)
        shapes = _draw_phrases(_phrases(gold), _phrases(read), width, height)
        description = "the categories in each cell, by gold and answer"
        if backdrop is None and not shapes:
            return None
    image = f'<image href="{backdrop.address}" width="{width}" height="{height}"/>' if backdrop else ""
    svg = (
        f'<svg class="sar-picture" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(description)}" '
        f'font-size="{_letter(width, height):.1f}" xmlns="http://www.w3.org/2000/svg">'
        f'<rect width="{width}" height="{height}" class="sar-field"/>{image}{_draw_grid(width, height)}{shapes}</svg>'
    )
    return Drawing(svg, notes)


def _blank_size(boxes: Sequence[Box]) -> tuple[int, int]:
    """Return the smallest square of 512 pixels times a power of 2 that contains all boxes."""
    reach = min(max((max(box) for box in boxes), default=1.0), 2.0**20)
    side = _BLANK * 2 ** max(0, math.ceil(math.log2(max(reach, 1.0) / _BLANK)))
    return side, side


def _draw_grid(width: int, height: int) -> str:
    lines = [f"M{width * third / 3:.1f} 0V{height}M0 {height * third / 3:.1f}H{width}" for third in (1, 2)]
    return f'<path d="{"".join(lines)}" class="sar-grid"/>'


def _draw_boxes(record: RecordScore, width: int, height: int, notes: list[str]) -> str:
    gold, read = record.reference["boxes"], record.prediction["boxes"]
    names = record.reference.get("labels") or [""] * len(gold)
    # Of more boxes than that, none has a label.
    numbers = [f"{place} {name}".strip() if len(gold) <= _MOST_LABELS else "" for place, name in enumerate(names, 1)]
    ious = label_ious(read, gold, record.matches["iou@0.25"]) if len(read) <= _MOST_LABELS else [""] * len(read)
    shapes = []
    # The answer is drawn last: the gold boxes under it are visible between its dashes.
    for boxes, labels, kind, name in (
        (gold, numbers, "gold", "gold answer"),
        (read, ious, "answer", "answer"),
    ):
        for box, label in zip(boxes[:MOST_BOXES], labels, strict=False):
            if is_proper(box):
                shapes.append(place_box(kind, box, label, width, height, _letter(width, height)))
        if len(boxes) > MOST_BOXES:
            notes.append(f"Of {len(boxes):,} boxes in the {name}, the first {MOST_BOXES} are drawn.")
    bad = sum(not is_proper(box) for box in read)
    if bad:
        notes.append(f"{_count(bad, 'box')} of the answer cannot be drawn: inverted, empty or out of range.")
    outside = sum(is_proper(box) and not _is_inside(box, width, height) for box in read)
    if outside:
        notes.append(f"{_count(outside, 'box')} of the answer reach beyond the {width} x {height} pixels drawn.")
    if len(read) > _MOST_LABELS:
        notes.append(f"The answer has more than {_MOST_LABELS} boxes, so they have no labels.")
    return "".join(map(_draw_box, shapes)) + "".join(_draw_label(shape) for shape in shapes if shape.label)


def _letter(width: int, height: int) -> float:
    """Return the size of letters in a drawing."""
    return max(width, height) / 36


def _is_inside(box: Box, width: int, height: int) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height


def _draw_box(shape: Shape) -> str:
    place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}"'
    return f'<rect {place} class="sar-rim"/><rect {place} class="sar-box sar-box-{shape.kind}"/>'


def _draw_label(shape: Shape) -> str:
    place = f'x="{shape.label_x:g}" y="{shape.label_y:g}" text-anchor="{shape.anchor}"'
    return f'<text {place} class="sar-label sar-label-{shape.kind}">{escape(shape.label)}</text>'


def _phrases(reading: dict[str, Any]) -> Counter:
    """Count how often an answer without boxes mentions each category in each cell."""
    if "phrases" in reading:
        return Counter((name, cell) for name, cell in reading["phrases"] if cell)
    if reading.get("cell"):
        return Counter([(reading["category"] or "target", reading["cell"])])
    return Counter()


def _draw_phrases(gold: Counter, read: Counter, width: int, height: int) -> str:
    size = _letter(width, height)
    texts = []
    for row, row_name in enumerate(_ROWS):
        for column, column_name in enumerate(_COLUMNS):
            cell = f"{row_name} {column_name}"
            lines = [
                (f"{title}: {name}{f' x {times}' if times > 1 else ''}", kind)
                for phrases, title, kind in ((gold, "gold", "gold"), (read, "answer", "answer"))
                for (name, own), times in sorted(phrases.items())
                if own == cell
            ]
            if len(lines) > _MOST_LINES:
                lines[_MOST_LINES - 1 :] = [(f"and {len(lines) - _MOST_LINES + 1} more", "gold")]
            for place, (text, kind) in enumerate(lines):
                x = width * column / 3 + size * 0.6
                y = height * row / 3 + size * (1.6 + 1.4 * place)
                texts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="sar-label sar-label-{kind}">{escape(text)}</text>')
    return "".join(texts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}es"
