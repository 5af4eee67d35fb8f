"""The HTML of a report: the templates of this room, filled in; every value is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from builders.core.resources import read_text
from builders.core.schema import TASKS
from builders.core.tables import Figure, Interval, show_cell
from builders.drawing.answers import to_svg, view_box
from builders.drawing.figures.model_charts import draw_kind
from builders.drawing.figures.style import styled, to_inline_svg
from builders.drawing.report.records import RecordView, clip
from builders.drawing.templating import make_environment
from builders.scoring import comparison, score_table
from builders.scoring.comparison import Comparison, tabulate_probe
from builders.scoring.failures import NONE, RANGES, RIGHT, UNREAD, Failures, error_kinds, name_error
from builders.scoring.joining import JoinedAnswers
from builders.scoring.leaderboard import best_published, list_warnings, published_results, tabulate_leaderboard
from builders.scoring.result import PUBLISHED, Result
from sarchat_metric import IOU_THRESHOLDS, VERSION

_TEMPLATES = "builders.drawing.report"
_BINS = 20
_LEVELS = 10  # of shades, as in style.css
_CHOICES = {
    "better": "better than the baseline",
    "worse": "worse than the baseline",
    "worst": "worst",
    "random": "chosen at random",
}


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        joined: the answers and their records.
        result: the scores.
        failures: where the model fails.
        records: the records that are shown.
        baseline: the baseline and the comparison with it, if there is one.
    """

    joined: JoinedAnswers
    result: Result
    failures: Failures
    records: list[RecordView]
    baseline: tuple[Result, Comparison] | None

    @property
    def models(self) -> list[Result]:
        """The model and the baseline, if there is one."""
        return [self.result, *(self.baseline or ())[:1]]


class Cell(NamedTuple):
    """A cell of a matrix or of a table of shares: its text, its shade (0 to 9) and what it is."""

    text: str
    level: int
    title: str


class Matrix(NamedTuple):
    """A shaded table: rows and columns with names."""

    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell | None]]]


class Bar(NamedTuple):
    """A bar of a histogram: its range, its number, and its height in percent of the highest."""

    name: str
    number: int
    height: float


def render(report: Report) -> str:
    """Return the page. It depends on the report alone: no clock, no machine, no network."""
    filters: dict[str, Callable[..., Any]] = {
        "svg": lambda scene: Markup(to_svg(scene)),
        "view_box": view_box,
        "clip": clip,
        "show": show_cell,
        "repr": repr,
        "error": lambda scored: error_kinds()[name_error(scored)].label,
    }
    environment = make_environment(lambda name: read_text(f"templates/{name}", _TEMPLATES), filters)
    script = read_text("templates/report.js", _TEMPLATES)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    result = report.result
    text = environment.get_template("report.html").render(
        # The only parts that are not escaped: this room's own style and script, figures, and drawings of boxes.
        style=Markup(read_text("shapes.css", "builders.drawing") + read_text("templates/style.css", _TEMPLATES)),
        script=Markup(script),
        script_hash=digest,
        title=clip(result.name),
        facts=_list_facts(report),
        headlines=[
            (Figure(result.figures[key]), key, Interval(*result.intervals[key]), result.numbers[key])
            for key in (("overall", "balanced") if "overall" in result.figures else result.tasks)
        ],
        warnings=score_table.list_warnings(result, report.joined.source.notation.format.name) + list_warnings([result]),
        weights=" ".join(filter(None, (score_table.describe_weights(result), score_table.describe_blind(result)))),
        summary=score_table.tabulate_scores(result)[0],
        leaderboard=tabulate_leaderboard(report.models, PUBLISHED) if result.is_comparable else None,
        probe=tabulate_probe(result.probe) if result.probe else None,
        baseline=_show_baseline(report),
        radar=_draw(report, "radar"),
        costs=_list_costs(report),
        cost_figure=_draw(report, "cost") if result.costs else "",
        kinds=_tabulate_kinds(report),
        meanings=[(kind.label, kind.meaning) for kind in error_kinds().values()],
        unread=_list_unread(report),
        confusions=_list_confusions(report),
        counts=_count_matrix(report),
        histograms=_list_histograms(report),
        aspects=[_tabulate_aspect(report, aspect) for aspect in report.failures.aspects],
        numbers=_tabulate_numbers(report),
        records=report.records,
        categories=[
            name
            for name in report.failures.aspects["category"]
            if any(name in record.categories for record in report.records)
        ],
        tasks=[task for task in TASKS if task in result.sizes],
        choices={name: text for name, text in _CHOICES.items() if any(r.choice == name for r in report.records)},
        labels={record.kind: error_kinds()[record.kind].label for record in report.records},
        images=sorted({record.image for record in report.records}),
        references={record.image.number: record.scored.reference for record in report.records},
    )
    return text + "\n"


def _list_facts(report: Report) -> list[tuple[str, str]]:
    source, gold = report.joined.source, report.joined.gold
    facts = {
        "answers": source.location,
        "data": gold.data.location,
        "config": gold.config,
        "split": gold.split,
        "limit": None if gold.limit is None else f"{gold.limit:,} records of each task and scenario",
        "box format": source.notation.format.name,
        "average": report.result.average,
        "metric": f"version {VERSION}",
    }
    return [(name, clip(value)) for name, value in facts.items() if value]


def _show_baseline(report: Report) -> dict[str, Any] | None:
    if report.baseline is None:
        return None
    baseline, compared = report.baseline
    table = comparison.tabulate_comparison(baseline, [report.result], [compared])
    changes = [
        (task, compared.better[task], compared.worse[task], size - compared.better[task] - compared.worse[task])
        for task, size in report.result.sizes.items()
    ]
    return {"name": clip(baseline.name), "table": table, "changes": changes}


def _draw(report: Report, kind: str) -> Markup:
    """Return a figure of the model, with the published ones where they can be compared."""
    sizes = report.result.sizes
    others = published_results() if report.result.is_comparable else []
    if kind == "radar" and "overall" in report.result.figures:
        others = best_published(others, sizes)
    elif not any(model.overall_by(sizes) is not None for model in report.models):
        return Markup()
    with styled():
        return Markup(to_inline_svg(draw_kind(kind, [*report.models, *others], sizes), kind))


def _list_costs(report: Report) -> list[tuple[str, str, str]]:
    names = {"latency_s": "seconds", "prompt_tokens": "tokens of question and image", "completion_tokens": "tokens"}
    costs = report.result.costs
    return [
        (names[name], f"{costs[name]['mean']:.2f}", f"{costs[name]['median']:.2f}") for name in names if name in costs
    ]


def _shade(share: float) -> int:
    """Return the shade of a share from 0 to 1; only 0 has none."""
    return min(_LEVELS - 1, int(share * (_LEVELS - 1)) + 1) if share > 0 else 0


def _fill(
    corner: str, rows: Iterable[str], columns: Sequence[str], cell_at: Callable[[str, str], Cell | None]
) -> Matrix:
    """Return the matrix of the rows that have a cell in any column."""
    filled = [(row, [cell_at(row, column) for column in columns]) for row in rows]
    return Matrix(corner, columns, [(row, cells) for row, cells in filled if any(cells)])


def _tabulate_kinds(report: Report) -> Matrix:
    """Return the share of each kind of error among the records of each task."""
    kinds = report.failures.kinds
    names = {kind.label: name for name, kind in error_kinds().items()}

    def cell_at(label: str, task: str) -> Cell | None:
        number, total = kinds[task][names[label]], kinds[task].total()
        level = 0 if names[label] == RIGHT else _shade(number / total)
        return Cell(f"{number:,}", level, f"{label}: {number:,} of {total:,} in {task}") if number else None

    return _fill("kind of error", names, [task for task in TASKS if task in kinds], cell_at)


def _list_unread(report: Report) -> list[tuple[str, int]]:
    kinds = error_kinds()
    totals = {name: sum(counts[name] for counts in report.failures.kinds.values()) for name in kinds}
    return [(kinds[name].label, total) for name, total in totals.items() if total and kinds[name].is_unread]


def _make_matrix(corner: str, rows: Sequence[str], columns: Sequence[str], counts: Counter[tuple[str, str]]) -> Matrix:
    """Return a matrix of counts, each shaded by its share of its row."""
    totals = {row: sum(counts[row, column] for column in columns) or 1 for row in rows}

    def cell_at(row: str, column: str) -> Cell | None:
        number, total = counts[row, column], totals[row]
        title = f"{row} as {column}: {number:,} of {total:,}"
        return Cell(f"{number:,}", _shade(number / total), title) if number else None

    return _fill(corner, rows, columns, cell_at)


def _list_confusions(report: Report) -> list[tuple[str, Matrix]]:
    matrices = []
    categories = report.failures.aspects["category"]
    for task, counts in sorted(report.failures.confusion.items()):
        rows = [name for name in (*categories, NONE) if any(gold == name for gold, _ in counts)]
        columns = [name for name in (*categories, NONE) if any(read == name for _, read in counts) or name in rows]
        matrices.append((task, _make_matrix("gold \\ answer", rows, columns, counts)))
    return matrices


def _count_matrix(report: Report) -> Matrix | None:
    counts = report.failures.counts
    if not counts:
        return None
    rows = [name for name in RANGES if any(true == name for true, _ in counts)]
    columns = [name for name in (*RANGES, UNREAD) if any(read == name for _, read in counts)]
    return _make_matrix("true \\ answer", rows, columns, counts)


def _list_histograms(report: Report) -> list[tuple[str, list[Bar], list[str]]]:
    """Return for each task with boxes the IoU of its gold boxes in bins, and the shares above each threshold."""
    histograms = []
    for task in (task for task in TASKS if task in report.failures.ious):
        ious = np.frombuffer(report.failures.ious[task], np.float32)
        numbers, edges = np.histogram(ious, _BINS, (0, 1))
        highest = max(int(numbers.max()), 1)
        bars = [
            Bar(f"{low:.2f} to {high:.2f}", int(number), 100 * int(number) / highest)
            for low, high, number in zip(edges, edges[1:], numbers, strict=False)
        ]
        shares = [
            f"{100 * float(np.mean(ious >= threshold)):.1f} % at {threshold:g} or more"
            for threshold in IOU_THRESHOLDS.values()
        ]
        histograms.append((task, bars, [f"{len(ious):,} gold boxes", f"{int((ious == 0).sum()):,} at 0", *shares]))
    return histograms


def _tabulate_aspect(report: Report, aspect: str) -> Matrix:
    """Return the share of targets found, by the values of an aspect and by task."""
    found = report.failures.found

    def cell_at(value: str, task: str) -> Cell | None:
        hits, total = found.get((aspect, value, task), (0, 0))
        title = f"{value}: {hits:,} of {total:,} found in {task}"
        return Cell(f"{100 * hits / total:.1f}", _shade(1 - hits / total), title) if total else None

    return _fill(
        aspect,
        report.failures.aspects[aspect],
        [task for task in TASKS if any(key[2] == task for key in found)],
        cell_at,
    )


def _tabulate_numbers(report: Report) -> Matrix | None:
    """Return the records' mean score by the number of targets in the image."""
    by_number = report.failures.by_number

    def cell_at(value: str, task: str) -> Cell | None:
        total, number = by_number.get((value, task), (0.0, 0))
        title = f"{value} targets: {number:,} records of {task}"
        return Cell(f"{total / number:.1f}", _shade(1 - total / number / 100), title) if number else None

    matrix = _fill("targets", RANGES, [task for task in TASKS if any(key[1] == task for key in by_number)], cell_at)
    return matrix if matrix.rows else None
