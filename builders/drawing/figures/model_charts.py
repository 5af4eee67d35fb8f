"""Models side by side: a radar of their scores, and their score against what they cost."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.patheffects as effects
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from builders.core.errors import SARChatError
from builders.core.schema import in_order_of_table_3
from builders.drawing.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    LINE,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
)
from builders.scoring.result import Result
from builders.scoring.score_table import sub_scores_of
from sarchat_metric import AVERAGED

_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, "#7a5c00", "#7f7f7f")
_OWN_COLORS = (INK, "#b3001b", "#5b2a86", "#00564a")
_MARKERS = "oDs^vPXd"
_DASHES = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
_PANEL_WIDTH, _PANEL_HEIGHT, _LEGEND_HEIGHT = 6.6, 4.7, 0.75
_POWERS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


# A radar of more lines cannot be read.
MOST_IN_RADAR = 8
# What a model may cost: the label of its axis.
MEASURES = {
    "parameters": "parameters",
    "latency_s": "seconds per answer (median)",
    "completion_tokens": "tokens per answer (mean)",
}
_STATISTICS = {"latency_s": "median", "completion_tokens": "mean"}


def draw_kind(kind: str, models: Sequence[Result], sizes: Mapping[str, int]) -> Figure:
    """Draw a chart of models: `radar`, `size` or `cost`; the overall score is weighted by numbers of records.

    Raises:
        SARChatError: there is nothing to draw.
    """
    if kind == "radar":
        keys = [key for task in in_order_of_table_3() if task in AVERAGED for key in sub_scores_of(task)]
        return draw_radar(models, [key for key in keys if any(key in model.scores for model in models)])
    measured = {name for model in models if model.overall_by(sizes) is not None for name in costs_of(model)}
    if kind == "size" and "parameters" not in measured:
        raise SARChatError("no model has all six tasks and a number of parameters, so there is nothing to draw")
    # Of the published models, only the numbers of parameters are known.
    if kind == "cost" and measured <= {"parameters"}:
        raise SARChatError(
            "no model has all six tasks and a latency or a number of tokens, which `sarchat predict` measures; score "
            "such answers, or draw the score against parameters with --figure size.pdf"
        )
    shown = [name for name in MEASURES if name in measured and (kind == "cost" or name == "parameters")]
    return draw_costs(models, shown, sizes)


def costs_of(model: Result) -> dict[str, float]:
    """Return a model's parameters, seconds per answer and tokens per answer, as far as known, by `MEASURES`."""
    costs = {} if model.parameters is None else {"parameters": model.parameters}
    return costs | {name: model.costs[name][kind] for name, kind in _STATISTICS.items() if name in model.costs}


def draw_radar(models: Sequence[Result], keys: Sequence[str]) -> Figure:
    """Draw a radar of sub-scores: an axis for each, from 0 to 100, and a line for each model.

    Args:
        models: the models, at least one.
        keys: the sub-scores, clockwise from the top; a model without one has a gap there.
    """
    rows = -(-len(models) // 3)
    height = 6.6 + 0.3 * rows
    figure = new_figure(8.4, height)
    figure.set_facecolor("white")
    # Matplotlib's types cover only axes that are not polar.
    axes: Any = figure.add_axes((0.21, (0.75 + 0.3 * rows) / height, 0.58, 5.0 / height), projection="polar")
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    angles = [2 * math.pi * place / len(keys) for place in range(len(keys))]
    colors = _choose_colors((model.label for model in models), {model.label for model in models if model.is_own})
    for place, model in enumerate(models):
        values = [model.scores.get(key, math.nan) for key in keys]
        color = colors[model.label]
        axes.plot(
            [*angles, angles[0]],
            [*values, values[0]],
            color=color,
            linestyle=_DASHES[place // len(_COLORS) % len(_DASHES)] if not model.is_own else "-",
            linewidth=2.8 if model.is_own else 1.5,
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=6 if model.is_own else 4,
            label=model.label,
            zorder=3 if model.is_own else 2,
        )
        if model.is_own and not any(map(math.isnan, values)):
            axes.fill(angles, values, color=color, alpha=0.10, zorder=1)
    axes.set_facecolor("white")
    axes.set_ylim(0, 100)
    rings = (20, 40, 60, 80, 100)
    axes.set_yticks(rings, [""] * len(rings))
    # Above the lines, which would hide Matplotlib's own labels.
    for ring in rings:
        axes.text(
            math.pi / len(keys),
            ring,
            str(ring),
            fontsize=8.5,
            color=FAINT,
            ha="center",
            va="center",
            zorder=4,
            path_effects=_halo(2.5),
        )
    axes.set_xticks(angles, [""] * len(keys))
    axes.grid(color=LINE, linewidth=0.8)
    axes.spines["polar"].set_color(LINE)
    for angle, key in zip(angles, keys, strict=True):
        side = "center" if abs(math.sin(angle)) < 0.1 else "left" if math.sin(angle) > 0 else "right"
        level = "bottom" if math.cos(angle) > 0.9 else "top" if math.cos(angle) < -0.9 else "center"
        axes.text(angle, 106, key.replace("/", "\n", 1), ha=side, va=level, fontsize=10, color=INK, linespacing=1.1)
    figure.legend(loc="lower center", ncols=min(3, len(models)), frameon=False, fontsize=10.5)
    return figure


def draw_costs(models: Sequence[Result], measures: Sequence[str], sizes: Mapping[str, int]) -> Figure:
    """Draw the overall score against costs, a panel for each, with the Pareto front.

    Models of one family are joined by a thin line, from the cheapest on. A dashed line joins the front, and its models
    have a ring.

    Args:
        models: the models. Those without a cost or an overall score are left out of its panel.
        measures: names of `MEASURES`; each is the cost of at least one model.
        sizes: the weights of the overall score.
    """
    scored = [(model, score) for model in models if (score := model.overall_by(sizes)) is not None]
    width, height = _PANEL_WIDTH * len(measures), _PANEL_HEIGHT + _LEGEND_HEIGHT
    figure = new_figure(width, height)
    figure.set_facecolor("white")
    handles: dict[str, Artist] = {}
    for place, measure in enumerate(measures):
        left = (place * _PANEL_WIDTH + 0.85) / width
        box = (left, (_LEGEND_HEIGHT + 0.65) / height, (_PANEL_WIDTH - 1.05) / width, (_PANEL_HEIGHT - 0.85) / height)
        handles |= _draw_cost(figure.add_axes(box), scored, measure)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="lower center",
        ncols=5 if len(measures) == 1 else 8,
        frameon=False,
        fontsize=9.5,
        columnspacing=1.2,
        handletextpad=0.4,
    )
    return figure


def _draw_cost(axes: Axes, scored: Sequence[tuple[Result, float]], measure: str) -> dict[str, Artist]:
    costs = [(costs_of(model).get(measure, 0.0), score, model) for model, score in scored]
    points = sorted((point for point in costs if point[0] > 0), key=lambda point: point[:2])
    handles: dict[str, Artist] = {}
    colors = _choose_colors((model.name for model, _ in scored), {model.name for model, _ in scored if model.is_own})
    for number, (family, color) in enumerate(colors.items()):
        own = [point for point in points if point[2].name == family]
        if own:
            is_own = own[0][2].is_own
            handles[family] = axes.plot(
                *_coordinates(own),
                color=color,
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=10 if is_own else 7,
                markeredgecolor=INK if is_own else "white",
                linewidth=0.9,
                zorder=3,
            )[0]
    front = [points[index] for index in pareto_front(*_coordinates(points))]
    if front:
        line: dict[str, Any] = {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 1.2, "zorder": 2}
        ring: dict[str, Any] = {"marker": "o", "markersize": 15, "markerfacecolor": "none", "markeredgecolor": INK}
        handles["Pareto front"] = axes.plot(*_coordinates(front), **line, **ring)[0]
    _label_points(axes, points)
    axes.set_facecolor("white")
    axes.set_xlabel(MEASURES[measure], fontsize=11)
    axes.set_ylabel("overall score (%)", fontsize=11)
    axes.grid(color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=10)
    if measure == "parameters" or (points and points[-1][0] > 20 * points[0][0]):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _shorten(value)))
        axes.margins(x=0.14, y=0.1)
    else:
        axes.set_xlim(0, max((cost for cost, _, _ in points), default=1) * 1.15)
        axes.margins(y=0.14)
    return handles


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return the models on the front, from the cheapest on.

    A model is on it if no other costs at most as much and scores at least as high, one of the two strictly.

    Args:
        costs: the cost of each of N models, in any unit; lower is better.
        scores: the score of each; higher is better.

    Returns:
        Indices of the models; models of equal cost and score are all on the front or all off it.
    """
    order = sorted(range(len(costs)), key=lambda index: (costs[index], -scores[index]))
    front: list[int] = []
    for index in order:
        best = front[-1] if front else None
        is_equal = best is not None and (costs[index], scores[index]) == (costs[best], scores[best])
        if best is None or scores[index] > scores[best] or is_equal:
            front.append(index)
    return front


def _coordinates(points: Sequence[tuple[float, float, Result]]) -> tuple[list[float], list[float]]:
    return [cost for cost, _, _ in points], [score for _, score, _ in points]


def _label_points(axes: Axes, points: Sequence[tuple[float, float, Result]]) -> None:
    """Write the names of the user's own models above their points; the legend has those of the others."""
    for cost, score, model in points:
        if model.is_own:
            axes.annotate(
                model.label,
                (cost, score),
                (0, 11),
                textcoords="offset points",
                ha="center",
                fontsize=10,
                color=INK,
                path_effects=_halo(3),
                zorder=5,
            )


def _choose_colors(names: Iterable[str], own: Container[str]) -> dict[str, str]:
    """Return a colour for each name; the user's own models have separate ones, in their order."""
    own_colors, others = cycle(_OWN_COLORS), cycle(_COLORS)
    return {name: next(own_colors if name in own else others) for name in dict.fromkeys(names)}


def _halo(width: float) -> list[effects.AbstractPathEffect]:
    """Return what keeps a text readable on lines."""
    return [effects.withStroke(linewidth=width, foreground="white")]


def _shorten(value: float) -> str:
    for power, unit in _POWERS:
        if value >= power:
            return f"{value / power:g}{unit}"
    return f"{value:g}"
