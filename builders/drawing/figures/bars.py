"""Counts as bars, with one panel per split: boxes per category or records per task."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from builders.drawing.figures.style import FAINT, LINE, SKY, new_figure

_PANEL_WIDTH, _BAR_HEIGHT, _FRAME_HEIGHT = 3.65, 0.36, 0.6
_NAMES_WIDTH = 1.35
_LONGEST_BAR = 0.52  # of a panel; the rest is for the numbers


def draw_bars(counts: Mapping[str, Mapping[str, int]], noun: str, colors: Mapping[str, str] | None = None) -> Figure:
    """Draw a panel per split with a bar per name, labelled with count and share.

    Bars show shares of their split, so that splits of different sizes can be compared.

    Args:
        counts: the counts, by split and then by name; every split has the same names.
        noun: what is counted, in the plural.
        colors: the colour of each name; one for all if not given.
    """
    names = list(next(iter(counts.values())))
    width = _NAMES_WIDTH + _PANEL_WIDTH * len(counts) + 0.1
    height = _FRAME_HEIGHT + _BAR_HEIGHT * len(names)
    figure = new_figure(width, height)
    largest = max(count / (sum(by_name.values()) or 1) for by_name in counts.values() for count in by_name.values())
    for number, (split, by_name) in enumerate(counts.items()):
        left = (_NAMES_WIDTH + number * _PANEL_WIDTH) / width
        share = (_PANEL_WIDTH - 0.15) / width
        axes = figure.add_axes((left, 0.12 / height, share, _BAR_HEIGHT * len(names) / height))
        total = sum(by_name.values())
        for place, name in enumerate(names):
            part = by_name[name] / (total or 1)
            axes.barh(
                place, part, height=0.66, color=(colors or {}).get(name, SKY), edgecolor="#00000080", linewidth=0.6
            )
            axes.text(
                part + largest * 0.025, place, f"{by_name[name]:,}  ({100 * part:.1f} %)", va="center", fontsize=10.5
            )
        axes.set_title(f"{split}: {total:,} {noun}", pad=10)
        axes.set_xlim(0, largest / _LONGEST_BAR)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), names if number == 0 else [])
        axes.tick_params(length=0, labelsize=12)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_color(FAINT if total else LINE)
    return figure
