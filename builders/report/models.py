"""Entries of the leaderboard as the models of a chart, and the charts by their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builders.errors import SARChatError, near
from builders.evaluation.leaderboard import Entry
from builders.evaluation.score_table import sub_scores_of
from builders.schema import in_order_of_table_3

if TYPE_CHECKING:
    from builders.figures.model_charts import Model

KINDS = ("radar", "size", "cost")
# A radar of more lines cannot be read.
MOST_IN_RADAR = 8
_PUBLISHED_IN_RADAR = 5
KEYS = tuple(key for task in in_order_of_table_3() for key in sub_scores_of(task))


def to_models(entries: Sequence[Entry], sizes: Mapping[str, int]) -> list[Model]:
    """Return entries as models, the overall score weighted by numbers of records."""
    from builders.figures.model_charts import Model

    models = []
    for entry in entries:
        costs = {} if entry.parameters is None else {"parameters": entry.parameters}
        costs |= {
            name: entry.costs[name][average]
            for name, average in (("latency_s", "median"), ("completion_tokens", "mean"))
            if name in entry.costs
        }
        models.append(Model(entry.name, entry.label, entry.sub_scores, entry.overall_by(sizes), costs, entry.is_own))
    return models


def draw_kind(kind: str, own: Sequence[Entry], others: Sequence[Entry], sizes: Mapping[str, int]) -> Any:  # noqa: ANN401
    """Draw a chart of models: one of `KINDS`, of the user's and the published models to show.

    Raises:
        SARChatError: there is nothing to draw.
    """
    from builders.figures.model_charts import MEASURES, draw_costs, draw_radar

    models = to_models([*own, *others], sizes)
    if kind == "radar":
        return draw_radar(models, [key for key in KEYS if any(key in model.scores for model in models)])
    measured = {name for model in models if model.overall is not None for name in model.costs}
    if kind == "size" and "parameters" not in measured:
        raise SARChatError("no model has all six tasks and a number of parameters, so there is nothing to draw")
    # Of the published models, only the numbers of parameters are known.
    if kind == "cost" and measured <= {"parameters"}:
        raise SARChatError(
            "no model has all six tasks and a latency or a number of tokens, which `sarchat predict` measures; score "
            "such answers, or draw the score against parameters with --figure size.pdf"
        )
    return draw_costs(
        models, [name for name in MEASURES if name in measured and (kind == "cost" or name == "parameters")]
    )


def best_published(published: Sequence[Entry], sizes: Mapping[str, int]) -> list[Entry]:
    """Return the best published model of each family, a few, best first: what a radar shows unless models are named."""
    best: dict[str, Entry] = {}
    for entry in sorted(published, key=lambda entry: -(entry.overall_by(sizes) or 0.0)):
        best.setdefault(entry.name, entry)
    return list(best.values())[:_PUBLISHED_IN_RADAR]


def read_figure(text: str) -> tuple[str, Path]:
    """Read an option `--figure`: `radar.pdf`, whose name is the kind, or `KIND=FILE`.

    Raises:
        SARChatError: it names no kind.
    """
    kind, equals, file = text.partition("=")
    if not equals:
        kind, file = Path(text).stem, text
    if kind not in KINDS or not file:
        raise SARChatError(
            f"--figure {text} is not a figure{near(kind, KINDS)}; give {', '.join(f'{name}.pdf' for name in KINDS)}, "
            "or another name as KIND=FILE"
        )
    return kind, Path(file)
