"""The published results (Table 3) with their scores by Eq. 4 and 5, and the user's own results."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace

from builders.core.errors import SARChatError, check_name, near
from builders.core.resources import read_text
from builders.core.schema import in_order_of_table_3, task_facts
from builders.core.tables import Figure, Table
from builders.data.analysis.paper import read_test_sizes
from builders.scoring.comparison import compare, difference_cells
from builders.scoring.result import OWN, PUBLISHED, WEIGHTS, BlindScores, Result, lift, refuse_other_corpus
from sarchat_metric import AVERAGED, SUB_SCORES

# The columns of tasks, as the paper's Table 3 heads them.
_COLUMNS = {
    facts["paper"]["column"]: task for task in in_order_of_table_3() if "paper" in (facts := task_facts()[task])
}
_IN_RADAR = 5
# What models may be ranked by, and how the table heads it.
RANKS = {"overall": "Eq. 4", "balanced": "balanced", "lift": "lift"}


def published_results() -> list[Result]:
    """Return the 16 models of Table 3."""
    results = []
    for row in csv.DictReader(read_text("paper/results.csv").splitlines()):
        model, params, printed = row.pop("model"), row.pop("params"), float(row.pop("avg"))
        scores = {_metric_key(name): float(row[name]) for name in row}
        sizes = read_test_sizes()
        results.append(Result(model, scores, sizes, params, weights=PUBLISHED, printed=printed))
    return results


def choose_published(names: Sequence[str]) -> list[Result]:
    """Return the published models of some names, or all if there are none.

    Args:
        names: names with or without a size, such as `Qwen2-VL` or `Qwen2-VL 7B`, in any case.

    Raises:
        SARChatError: no published model has one of the names.
    """
    results = published_results()
    known = {name.lower() for result in results for name in (result.name, result.label)}
    for name in names:
        if name.lower() not in known:
            labels = [result.label for result in results]
            hint = near(name, [*labels, *(result.name for result in results)])
            raise SARChatError(f"there is no published model {name!r}{hint}; choose from {', '.join(labels)}")
    wanted = {name.lower() for name in names}
    return [result for result in results if not names or wanted & {result.name.lower(), result.label.lower()}]


def best_published(published: Sequence[Result], sizes: Mapping[str, int]) -> list[Result]:
    """Return the best published model of each family, a few, best first: what a radar shows unless models are named."""
    best: dict[str, Result] = {}
    for result in sorted(published, key=lambda result: -(result.overall_by(sizes) or 0.0)):
        best.setdefault(result.name, result)
    return list(best.values())[:_IN_RADAR]


def leaderboard_sizes(own: Sequence[Result], weights: str) -> dict[str, int]:
    """Return the weights of a leaderboard's overall score, the same for every model in it.

    Raises:
        SARChatError: if the weights are unknown, a test set is of another corpus, or there is not one own test set with
            all six tasks.
    """
    check_name("weights", weights, WEIGHTS)
    for result in own:
        refuse_other_corpus(result.corpus, f"{result.location} cannot be ranked among the paper's models")
    if weights == PUBLISHED:
        return read_test_sizes()
    sizes = [{task: size for task, size in result.sizes.items() if task in AVERAGED} for result in own]
    if not sizes:
        raise SARChatError(f"--weights {OWN} needs a file of your own scores; give one, or choose {PUBLISHED}")
    if any(other != sizes[0] for other in sizes) or sizes[0].keys() != set(AVERAGED):
        raise SARChatError(
            f"--weights {OWN} needs files scored on one test set with all six tasks; choose {PUBLISHED}, or score all "
            "models on the same records"
        )
    return sizes[0]


def tabulate_leaderboard(own: Sequence[Result], weights: str = PUBLISHED, rank_by: str = "overall") -> Table:
    """Return all models as a table, best first by one of `RANKS`; those that cannot be ranked come last.

    Raises:
        SARChatError: if the weights or the rank are unknown, or cannot be applied.
    """
    check_name("rank", rank_by, tuple(RANKS))
    sizes = leaderboard_sizes(own, weights)
    # A score that the paper's models have, to be ranked by: none on a small test set or without every task.
    blind = _common_blind(own)
    published = [replace(result, blind_scores=blind) for result in published_results()]
    scored = [(result, _figures(result, sizes)) for result in (*published, *own)]
    ranked = [(result, found) for result, found in scored if rank_by in found and result.is_comparable]
    if not ranked:
        raise SARChatError(
            f"no model has a {rank_by}; run `sarchat baseline` on the data, and score your model on it again"
        )
    ranked.sort(key=lambda pair: -pair[1][rank_by])
    unranked = [pair for pair in scored if pair not in ranked]
    with_blind = any(result.blind_scores for result in own)
    with_probe = any(result.probe for result in own)
    rows = [
        [
            place,
            f"> {result.name}" if result.is_own else result.name,
            result.params,
            _percent(result.printed),
            _percent(found.get("overall")),
            _percent(found.get("balanced")),
            *([_percent(found.get("blind")), _percent(found.get("lift"))] if with_blind else []),
            *(_lost_with_another(result) if with_probe else []),
            *(_percent(result.tasks.get(task)) for task in _COLUMNS.values()),
        ]
        for place, (result, found) in [*enumerate(ranked, 1), *((None, pair) for pair in unranked)]
    ]
    notes = [
        f"Ranked by {RANKS[rank_by]} (--rank-by). Eq. 4: the overall score by the paper's equations from its "
        "sub-scores, tasks weighted by the "
        + (
            f"published test set's numbers of records (--weights {PUBLISHED})."
            if weights == PUBLISHED
            else f"numbers of records of your test set (--weights {OWN})."
        )
        + " balanced: the plain mean of the tasks. Avg, as the paper prints it, does not follow from them and is not "
        "ranked by."
    ]
    if own:
        notes.append(
            f">: your models. `sarchat score` weighs by their own numbers of records unless --weights {PUBLISHED} is "
            "given."
        )
    if with_blind:
        notes.append(
            "blind: the best overall score without the image on your test set, for the published models too if it is "
            "the same for all of yours; lift: 100 (Eq. 4 - blind) / (100 - blind)."
        )
    if with_probe:
        notes.append(
            "another image: how the overall score changes if each record has another image, in points, on the records "
            "that `sarchat probe` asked, weighted by their own numbers; * marks an interval without 0."
        )
    header = [
        "rank",
        "model",
        "params",
        "Avg",
        "Eq. 4",
        "balanced",
        *(["blind", "lift"] if with_blind else []),
        *(["another image", "95 % interval"] if with_probe else []),
        *_COLUMNS,
    ]
    return Table("", header, rows, notes)


def _lost_with_another(result: Result) -> list[object]:
    """Return the difference of the overall score with another image, and its interval; blanks where it is unknown."""
    if not result.probe:
        return [None, None]
    own, another, *_ = result.probe
    return difference_cells(another, compare(another, own), "overall")[1:]


def _common_blind(own: Sequence[Result]) -> BlindScores:
    """Return the blind scores that all of the user's models have; none if they differ."""
    first: BlindScores = own[0].blind_scores if own else {}
    return first if all(result.blind_scores == first for result in own) else {}


def _figures(result: Result, sizes: Mapping[str, int]) -> dict[str, float]:
    """Return `overall`, `balanced`, `blind` and `lift`, as far as they are known."""
    found, blind = result.averages_by(sizes), result.blind_by(sizes)
    if blind is not None:
        found["blind"] = blind
        if "overall" in found and blind < 100:
            found["lift"] = lift(found["overall"], blind)
    return found


def list_warnings(own: Sequence[Result]) -> list[str]:
    """Return a line for each of the user's models that cannot be ranked, with the reason."""
    return [
        f"{result.name} is not ranked: {_describe_size(result.sizes)}" for result in own if not result.is_comparable
    ]


def _describe_size(sizes: Mapping[str, int]) -> str:
    """Return why a test set cannot be compared with the published one, as a sentence."""
    if not sizes:
        return "its file does not say on how many records it was scored"
    published = read_test_sizes()
    missing = [task for task in published if task not in sizes]
    lacks = f", without {', '.join(missing)}" if missing else ""
    return (
        f"scored on {sum(sizes.values()):,} records{lacks}; the published test set has {sum(published.values()):,}, so "
        "the scores cannot be ranked among the published ones"
    )


def _metric_key(column: str) -> str:
    """Return the metric's key for a column of Table 3, which omits parts that are the same for all columns."""
    keys = [key for keys in SUB_SCORES.values() for key in keys]
    return next(key for key in keys if key == column or key.startswith(f"{column}/"))


def _percent(value: float | None) -> Figure | None:
    return None if value is None else Figure(value)
