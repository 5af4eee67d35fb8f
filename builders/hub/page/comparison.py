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

from markup import escape, notice, table

from builders.corpus.viewing import read_view
from builders.drawing.answers import Items, answer_ious, compose, list_entries, mark_answers, to_svg, view_box
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
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")


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
        return notice(f"The gold answer does not fit its task: {escape(error, 400)}", "error")
    return (
        f'<div class="sar-result"><div>{_show_picture(record, backdrop)}</div>'
        f"<div>{_show_scores(record)}{_show_reading(record)}{_show_boxes(record)}</div></div>"
    )


def _show_picture(record: RecordScore, backdrop: Backdrop | None) -> str:
    drawing = draw(record, backdrop)
    if drawing is None:
        return notice("Nothing to draw: these answers contain neither boxes nor cells.")
    legend = (
        '<p class="sar-legend"><span class="key gold">gold</span>'
        '<span class="key read">answer</span>'
        f"<span>{'boxes, numbered as in the gold' if 'boxes' in record.reference else 'by cell'}</span></p>"
    )
    if drawing.legend:
        meanings = (
            f'<span class="{kind}"><b>{escape(marks)}</b> {escape(meaning)}</span>'
            for kind, marks, meaning in drawing.legend
        )
        legend += f'<p class="sar-legend marks">{"".join(meanings)}</p>'
    return drawing.svg + legend + "".join(notice(escape(note)) for note in drawing.notes)


def _show_scores(record: RecordScore) -> str:
    accuracies = record.accuracies
    mean = task_scores(accuracies)[record.task]
    unread = "" if record.parsed else notice("Nothing that this task scores can be read from the answer: it scores 0.")
    if record.hedged:
        unread = notice("A choice does not answer a question for one thing: it scores 0.")
    bars = []
    for key, accuracy in sorted(accuracies.items(), key=lambda item: item[0] not in SUB_SCORES[record.task]):
        tp, fp, fn = record.counts[key]
        extra = "" if key in SUB_SCORES[record.task] else "; not in any average"
        bars.append(
            f'<li><div class="sar-bar-text"><span><code>{escape(key)}</code></span>'
            f"<strong>{accuracy:.1f}</strong></div>"
            f'<div class="sar-bar"><div style="width:{accuracy:.1f}%"></div></div>'
            f'<div class="sar-faint">{_format_counts(key, tp, fp, fn)}{extra}</div></li>'
        )
    return (
        f'<section><h3>Scores</h3>{unread}<p class="sar-mean"><strong>{mean:.1f}</strong> %'
        f'<span class="sar-faint">{record.task}, {record.scenario}. The mean of what Eq. 5 averages.</span></p>'
        f'<ul class="sar-bars">{"".join(bars)}</ul></section>'
    )


def _format_counts(key: str, tp: int, fp: int, fn: int) -> str:
    if key == "counting/count" or key.startswith(("identification/", "presence/")):
        return "right" if tp else "wrong"
    return f"{tp:,} right, {fp:,} wrong, {fn:,} missed"


def _show_reading(record: RecordScore) -> str:
    rows = [
        [entry.name, _show_items(entry.gold, "missed"), _show_items(entry.read, "extra")]
        for entry in list_entries(record.reference, record.prediction, _MOST_ITEMS)
    ]
    return f"<section><h3>What was read</h3>{table(['', 'gold', 'answer'], rows, 'What was read')}</section>"


def _show_items(items: Items, otherwise: str) -> str:
    """Return the texts of one side, each with whether the other one contains it too."""
    shown = []
    for item, is_common in items.marked:
        kind, sign, title = ("common", "✓", "in both") if is_common else (otherwise, "✗", otherwise)
        text = f'<span aria-label="{title}" title="{title}">{sign}</span> {escape(item, 60)}'
        shown.append(f'<span class="sar-chip sar-chip-{kind}">{text}</span>')
    more = f" and {items.more:,} more" if items.more else ""
    return "".join(shown) + more or '<span class="sar-faint">nothing</span>'


def _show_boxes(record: RecordScore) -> str:
    """Return a table with a row per box of the answer, with its matches, and a row per unmatched gold box."""
    if "boxes" not in record.reference:
        return ""
    gold, read = record.reference["boxes"], record.prediction["boxes"]
    matched = [{index: other for index, other, _ in pairs} for pairs in record.matches.values()]
    ious = answer_ious(read, gold, record.matches["iou@0.25"])
    labels = record.prediction.get("labels") or [None] * len(read)
    rows = [
        [
            f"answer {index + 1}",
            _show_box(box, label),
            *(_show_match(match.get(index)) for match in matched),
            f"{iou:.2f}",
        ]
        for index, (box, label, iou) in enumerate(
            zip(read[:_MOST_ROWS], labels[:_MOST_ROWS], ious[:_MOST_ROWS], strict=True)
        )
    ]
    more = max(len(read) - _MOST_ROWS, 0)
    found = set(matched[0].values())
    missed = [index for index in range(len(gold)) if index not in found]
    names = record.reference.get("labels") or [None] * len(gold)
    rows += [
        [f"gold {index + 1}", _show_box(gold[index], names[index]), "missed", "missed", ""]
        for index in missed[:_MOST_ROWS]
    ]
    more += max(len(missed) - _MOST_ROWS, 0)
    header = ["box", "x1, y1, x2, y2", "at IoU 0.25", "at IoU 0.5", "best IoU"]
    rest = f'<p class="sar-faint">and {more:,} more rows</p>' if more else ""
    return f"<section><h3>Matches</h3>{table(header, rows, 'Matches')}{rest}</section>"


def _show_box(box: Sequence[float], label: str | None) -> str:
    name = f" {escape(label)}" if label else ""
    return f"<code>{', '.join(f'{edge:g}' for edge in box)}</code>{name}"


def _show_match(other: int | None) -> str:
    return "✗ none" if other is None else f"✓ gold {other + 1}"


class Backdrop(NamedTuple):
    """An image to draw on: its original size in pixels, and its content as a data URL."""

    width: int
    height: int
    address: str


class Drawing(NamedTuple):
    """A drawing, what its marks mean (kind, marks, meaning), and notes on what it leaves out."""

    svg: str
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
    return Drawing(svg, legend, notes)


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
    for row, row_name in enumerate(_ROWS):
        for column, column_name in enumerate(_COLUMNS):
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
