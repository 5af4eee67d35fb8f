"""Comparison of one answer with its gold answer as HTML: a drawing, the contents of both, matches and sub-scores.

The drawing (SVG) shows the boxes, or the categories per cell, with or without an image.
"""

from __future__ import annotations

import base64
import io
import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from markup import clip, escape, notice, render
from markupsafe import Markup

from builders.corpus.viewing import read_view
from builders.drawing.answers import answer_ious, compose, list_entries, mark_answers, to_svg, view_box
from builders.tasks.geometry import COLUMNS, ROWS
from sarchat_metric import SUB_SCORES, Box, RecordScore, score_record, task_scores

# Limits that keep the page responsive; the metric itself has none.
MOST_CHARACTERS = 300_000
MOST_PAIRS = 2_000_000
_MOST_ITEMS = 40
_MOST_ROWS = 20
_MOST_LINES = 4
_MOST_PIXELS = 50_000_000
_LONGEST_SIDE = 1024
_BLANK = 512


def count_pairs(answer: str, gold: str) -> int:
    """Return an upper bound for the number of pairs of boxes to compare."""
    return answer.count("{") * gold.count("{")


def compare(task: str, scenario: str, gold: str, answer: str, backdrop: Backdrop | None = None) -> str:
    """Score one answer and explain the result.

    Returns:
        HTML: the result, or what is wrong with the gold answer.
    """
    if not gold.strip():
        return notice("Enter the gold answer: what a perfect model would say.")
    if max(len(gold), len(answer)) > MOST_CHARACTERS:
        return notice(f"This page takes texts of up to {MOST_CHARACTERS:,} characters.", "error")
    if count_pairs(answer, gold) > MOST_PAIRS:
        return notice(f"This page compares up to {MOST_PAIRS:,} pairs of boxes; use the metric in Python.", "error")
    try:
        record = score_record(answer, {"task": task, "scenario": scenario, "answer": gold})
    except ValueError as error:
        return notice(f"The gold answer does not fit its task: {clip(error, 400)}", "error")
    averaged = SUB_SCORES[task]
    scores = [
        (key, accuracy, _format_counts(key, *record.counts[key]), key in averaged)
        for key, accuracy in sorted(record.accuracies.items(), key=lambda item: item[0] not in averaged)
    ]
    return render(
        "comparison.html",
        record=record,
        drawing=draw(record, backdrop),
        mean=task_scores(record.accuracies)[task],
        scores=scores,
        entries=list(list_entries(record.reference, record.prediction, _MOST_ITEMS)),
        boxes=_list_boxes(record),
    )


def _format_counts(key: str, tp: int, fp: int, fn: int) -> str:
    if key == "counting/count" or key.startswith(("identification/", "presence/")):
        return "right" if tp else "wrong"
    return f"{tp:,} right, {fp:,} wrong, {fn:,} missed"


def _list_boxes(record: RecordScore) -> tuple[list[dict[str, Any]], int] | None:
    """Return a row per box of the answer, with its matches, and one per unmatched gold box; and how many are left out.

    `None` if the task has no boxes.
    """
    if "boxes" not in record.reference:
        return None
    gold, read = record.reference["boxes"], record.prediction["boxes"]
    matched = [{index: other for index, other, _ in pairs} for pairs in record.matches.values()]
    ious = answer_ious(read, gold, record.matches["iou@0.25"])
    labels = record.prediction.get("labels") or [None] * len(read)
    names = record.reference.get("labels") or [None] * len(gold)
    found = set(matched[0].values())
    missed = [index for index in range(len(gold)) if index not in found]
    rows = [
        {
            "name": f"answer {index + 1}",
            "edges": read[index],
            "label": labels[index],
            "matches": [f"✓ gold {match[index] + 1}" if index in match else "✗ none" for match in matched],
            "iou": f"{ious[index]:.2f}",
        }
        for index in range(min(len(read), _MOST_ROWS))
    ]
    rows += [
        {
            "name": f"gold {index + 1}",
            "edges": gold[index],
            "label": names[index],
            "matches": ["missed"] * len(matched),
            "iou": "",
        }
        for index in missed[:_MOST_ROWS]
    ]
    return rows, max(len(read) - _MOST_ROWS, 0) + max(len(missed) - _MOST_ROWS, 0)


class Backdrop(NamedTuple):
    """An image to draw on: its original size in pixels, and its content as a data URL."""

    width: int
    height: int
    address: str


class Drawing(NamedTuple):
    """A drawing, what its marks mean (kind, marks, meaning), and notes on what it leaves out."""

    svg: Markup
    legend: list[tuple[str, str, str]]
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
    legend: list[tuple[str, str, str]] = []
    if "boxes" in gold:
        width, height = (backdrop.width, backdrop.height) if backdrop else _blank_size(gold["boxes"])
        names = gold.get("labels") or []
        marked, notes = mark_answers(gold["boxes"], names, read["boxes"], record.matches["iou@0.25"], (width, height))
        scene = compose(marked, width, height, _letter(width, height))
        shapes, visible, legend = to_svg(scene, escape), view_box(scene), scene.legend
        description = f"{len(gold['boxes'])} gold boxes, {len(read['boxes'])} boxes of the answer"
    else:
        width, height = (backdrop.width, backdrop.height) if backdrop else (_BLANK, _BLANK)
        shapes, visible = _draw_phrases(_phrases(gold), _phrases(read), width, height), f"0 0 {width} {height}"
        description = "the categories in each cell, by gold and answer"
        if backdrop is None and not shapes:
            return None
    image = f'<image href="{backdrop.address}" width="{width}" height="{height}"/>' if backdrop else ""
    svg = (
        f'<svg class="scene sar-picture" viewBox="{visible}" role="img" aria-label="{escape(description)}" '
        f'font-size="{_letter(width, height):.1f}" xmlns="http://www.w3.org/2000/svg">'
        f'<rect width="{width}" height="{height}" class="sar-field"/>{image}{_draw_grid(width, height)}{shapes}</svg>'
    )
    return Drawing(Markup(svg), legend, notes)


def _blank_size(boxes: Sequence[Box]) -> tuple[int, int]:
    """Return the smallest square of 512 pixels times a power of 2 that contains all boxes."""
    reach = min(max((max(box) for box in boxes), default=1.0), 2.0**20)
    side = _BLANK * 2 ** max(0, math.ceil(math.log2(max(reach, 1.0) / _BLANK)))
    return side, side


def _draw_grid(width: int, height: int) -> str:
    lines = [f"M{width * third / 3:.1f} 0V{height}M0 {height * third / 3:.1f}H{width}" for third in (1, 2)]
    return f'<path d="{"".join(lines)}" class="sar-grid"/>'


def _letter(width: int, height: int) -> float:
    """Return the size of letters in a drawing."""
    return max(width, height) / 36


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
    for row, row_name in enumerate(ROWS):
        for column, column_name in enumerate(COLUMNS):
            cell = f"{row_name} {column_name}"
            lines = [
                (f"{title}: {name}{f' x {times}' if times > 1 else ''}", kind)
                for phrases, title, kind in ((gold, "gold", "gold"), (read, "answer", "read"))
                for (name, own), times in sorted(phrases.items())
                if own == cell
            ]
            if len(lines) > _MOST_LINES:
                lines[_MOST_LINES - 1 :] = [(f"and {len(lines) - _MOST_LINES + 1} more", "gold")]
            for place, (text, kind) in enumerate(lines):
                x = width * column / 3 + size * 0.6
                y = height * row / 3 + size * (1.6 + 1.4 * place)
                texts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="label {kind}">{escape(text)}</text>')
    return "".join(texts)
