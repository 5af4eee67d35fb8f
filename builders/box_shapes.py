"""Boxes of a gold answer and of a model's answer as shapes of a drawing (SVG), with labels that stay inside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sarchat_metric import Box, Match, box_iou

_FARTHEST = 1e100


class Shape(NamedTuple):
    """A box in a drawing: whose it is, its place in pixels, and its label with the label's place."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    label: str
    label_x: float
    label_y: float
    anchor: str


def is_proper(box: Box) -> bool:
    """Return whether a box can be drawn: neither inverted nor empty nor out of range."""
    return all(abs(edge) < _FARTHEST for edge in box) and box[0] < box[2] and box[1] < box[3]


def place_box(kind: str, box: Box, label: str, width: int, height: int, letter: float) -> Shape:
    """Return the shape of a box.

    Args:
        kind: `gold`, whose labels stand above their boxes, or another word, whose labels stand below.
        box: a proper box; any part far outside the drawing is cut off.
        label: its label; may be empty.
        width: of the drawing, in pixels.
        height: likewise.
        letter: the size of the label's letters, in pixels.
    """
    # Browsers may fail for numbers far outside the visible range.
    x1, x2 = (min(max(edge, -width), 2.0 * width) for edge in (box[0], box[2]))
    y1, y2 = (min(max(edge, -height), 2.0 * height) for edge in (box[1], box[3]))
    is_right = x1 > 0.7 * width
    x = min(x2, width - letter / 4) if is_right else max(x1, letter / 4)
    y = y1 - 0.35 * letter if kind == "gold" else y2 + letter
    y = min(max(y, letter), height - 0.35 * letter)
    left, top, breadth, tall = (round(value, 1) for value in (x1, y1, x2 - x1, y2 - y1))
    return Shape(kind, left, top, breadth, tall, label, round(x, 1), round(y, 1), "end" if is_right else "start")


def answer_ious(answer: Sequence[Box], gold: Sequence[Box], matches: Sequence[Match]) -> list[float]:
    """Return for each box of an answer the IoU of its match, or its highest IoU with any gold box if unmatched."""
    matched = {index: iou for index, _, iou in matches}
    best = box_iou(answer, gold).max(axis=1, initial=0.0).tolist()
    return [matched.get(index, iou) for index, iou in enumerate(best)]


def label_ious(answer: Sequence[Box], gold: Sequence[Box], matches: Sequence[Match]) -> list[str]:
    """Return a label for each box of an answer: the IoU of `answer_ious`, and whether it is that of a match."""
    matched = {index for index, _, _ in matches}
    ious = answer_ious(answer, gold, matches)
    return [f"IoU {iou:.2f}" if index in matched else f"no match ({iou:.2f})" for index, iou in enumerate(ious)]
