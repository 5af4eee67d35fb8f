"""Comparison of one answer with its gold answer as HTML: the contents of both, the matches and every sub-score."""

from __future__ import annotations

from collections.abc import Sequence

from markup import escape, notice, table
from picture import Backdrop, draw

from builders.drawing.box_shapes import answer_ious
from builders.drawing.readings import Items, list_entries
from sarchat_metric import SUB_SCORES, RecordScore, score_record, task_scores

# Limits that keep the page responsive; the metric itself has none.
MOST_CHARACTERS = 300_000
MOST_PAIRS = 2_000_000
_MOST_ITEMS = 40
_MOST_ROWS = 20


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
