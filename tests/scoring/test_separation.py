"""The guide's table of what separates the published models, computed again from their scores."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from support import ROOT

from builders.core.errors import SARChatError
from builders.data.analysis.paper import read_test_sizes
from builders.scoring.leaderboard import published_results, tabulate_leaderboard
from sarchat_metric import AVERAGED, SUB_SCORES

MODELS, SIZES = published_results(), read_test_sizes()
TEXT = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")


def share(value: float) -> float:
    """The variance of one record's accuracy, at most, given the score in percent."""
    return value / 100 * (1 - value / 100)


def row(name: str, values: list[float], of_record: float, widest: float) -> str:
    low, high = np.percentile(values, (25, 75))
    needed = 2 * 1.96**2 * of_record / ((high - low) / 100) ** 2
    numbers = [*(f"{value:.2f}" for value in (min(values), low, high, max(values), widest)), f"{needed:,.0f}"]
    return f"| `{name}` | {' | '.join(numbers)} |"


def expected() -> list[str]:
    rows = []
    for task in AVERAGED:
        for key in SUB_SCORES[task]:
            values = [model.scores[key] for model in MODELS]
            # How many records are single is not published.
            n = SIZES[task] / (2 if re.search("/(single|multi)/", key) else 1)
            widest = max(196 * math.sqrt(share(value) / n) for value in values)
            rows.append(row(key, values, share(float(np.mean(values))), widest))
    total = sum(SIZES.values())
    for name, weights in (
        ("overall", {task: SIZES[task] / total for task in AVERAGED}),
        ("balanced", dict.fromkeys(AVERAGED, 1 / len(AVERAGED))),
    ):
        # As many records of each task as its weight.
        of_record = sum(
            weights[task] * share(float(np.mean([model.tasks[task] for model in MODELS]))) for task in AVERAGED
        )
        widest = max(
            196 * math.sqrt(sum(weights[task] ** 2 * share(model.tasks[task]) / SIZES[task] for task in AVERAGED))
            for model in MODELS
        )
        rows.append(row(name, [model.figures[name] for model in MODELS], of_record, widest))
    return rows


def test_the_table_follows_from_table_3():
    section = TEXT.partition("## Which scores separate models")[2]
    assert re.findall(r"^\| `.*\|$", section, re.MULTILINE) == expected()


def test_models_are_ranked_by_either_average():
    """Of InternVL2.5-8B, by hand: 62.56, 77.14, 98.91, 48.99, 63.43 and 97.25 add up to 448.28."""
    by_overall, by_balanced = (tabulate_leaderboard([], rank_by=name) for name in ("overall", "balanced"))
    place = by_balanced.header.index("balanced")
    assert f"{by_balanced.rows[0][place]}" == "74.71" and by_balanced.rows[0][1:3] == ["InternVL2.5", "8B"]
    for table, name in ((by_overall, "Eq. 4"), (by_balanced, "balanced")):
        column = table.header.index(name)
        values = [line[column].value for line in table.rows]
        assert values == sorted(values, reverse=True) and [line[0] for line in table.rows] == [*range(1, 17)]
    assert [line[1:] for line in by_overall.rows] != [line[1:] for line in by_balanced.rows]
    with pytest.raises(SARChatError, match="no model has a lift; run `sarchat baseline`"):
        tabulate_leaderboard([], rank_by="lift")
    with pytest.raises(SARChatError, match="did you mean 'lift'"):
        tabulate_leaderboard([], rank_by="lfit")
