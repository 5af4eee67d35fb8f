"""Comparison of a build's statistics with the paper's, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from builders.analysis.paper import read_paper_statistics
from builders.analysis.statistics import Statistics
from builders.schema import ALL, CATEGORIES, TASKS
from builders.tables import format_table

_RATIO_ROWS = {"mean": "mean", "median": "median", "sd": "SD"}
_CATEGORY_ROWS = {
    "boxes": "boxes",
    **_RATIO_ROWS,
    "low": "% up to 0.67",
    "middle": "% 0.67 to 1.5",
    "high": "% above 1.5",
}
_NOTE = (
    "A box that is empty, outside its image, marked to be ignored or a duplicate is not a target, so a build may have\n"
    "fewer than Table 1. Aspect ratio is width / height, which matches Table 4; the paper's Eq. 2 has height / width,\n"
    "shown under Table 2 for comparison. SD divides by N. Differences are this build minus the paper. Two numbers of\n"
    "the paper are misprints: the counting test set in Table 5 (11,704 adds up), and the tanks in Table 4, train."
)


def format_comparison(statistics: Mapping[str, Statistics]) -> str:
    """Format the statistics of each split next to the paper's, with the difference."""
    paper = read_paper_statistics()
    boxes = {split: figures.boxes for split, figures in statistics.items()}
    records = {split: figures.records for split, figures in statistics.items()}
    ratios = {split: figures.aspect_ratio for split, figures in statistics.items()}
    inverse = {split: figures.inverse_ratio for split, figures in statistics.items()}
    tables = {
        "Boxes per category (Table 1)": _table("category", {name: name for name in CATEGORIES}, boxes, paper["boxes"]),
        "Records per task (Table 5)": _table("task", {name: name for name in (*TASKS, ALL)}, records, paper["records"]),
        "Aspect ratio, width / height (Table 2)": _table("measure", _RATIO_ROWS, ratios, paper["aspect_ratio"]),
        "Aspect ratio, height / width (Table 2 again)": _table("measure", _RATIO_ROWS, inverse, paper["aspect_ratio"]),
    }
    for category in CATEGORIES:
        built = {split: figures.by_category.get(category, {}) for split, figures in statistics.items()}
        printed = {split: by_category[category] for split, by_category in paper["aspect_ratio_by_category"].items()}
        heading = f"Aspect ratio of {category}, width / height (Table 4)"
        tables[heading] = _table("measure", _CATEGORY_ROWS, built, printed)
    sections = [f"{heading}\n{table}" for heading, table in tables.items()]
    return "\n\n".join([*sections, _NOTE, *_list_missing(statistics)])


def _table(
    kind: str,
    rows: Mapping[str, str],
    built: Mapping[str, Mapping[str, float]],
    paper: Mapping[str, Mapping[str, float | None]],
) -> str:
    header = [kind]
    for split in built:
        header += [split, "paper", "difference"] if split in paper else [split]
    lines = []
    for key, label in rows.items():
        line: list[Any] = [label]
        for split, figures in built.items():
            value = figures.get(key)
            line.append(_show(value))
            if split in paper:
                printed = paper[split][key]
                line += [_show(printed), _show_difference(value, printed)]
        lines.append(line)
    return format_table(header, lines)


def _show(value: float | None) -> int | str | None:
    return value if value is None or isinstance(value, int) else f"{value:.3f}"


def _show_difference(value: float | None, printed: float | None) -> str | None:
    if value is None or printed is None:
        return None
    return f"{value - printed:+,}" if isinstance(value, int) else f"{value - printed:+.3f}"


def _list_missing(statistics: Mapping[str, Statistics]) -> Iterable[str]:
    for split, figures in statistics.items():
        missing = [task for task in TASKS if task not in figures.records]
        if missing:
            yield f"Not in this build: {split} of {', '.join(missing)}."
        if not figures.boxes:
            yield f"No built task of {split} contains every target, so boxes and aspect ratios are blank."
