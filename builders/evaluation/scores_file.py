"""The file that `sarchat score --output` writes, and what leaderboards and comparisons read of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.errors import SARChatError
from builders.evaluation.readers import COSTS, measured
from builders.evaluation.record_counts import pack_counts, unpack_counts
from builders.evaluation.scoring import AVERAGES, Evaluation
from builders.folder.writing import writing_whole
from builders.redact import one_line
from builders.resources import load_json
from sarchat_metric import SUB_SCORES, TASKS, VERSION, Tally

_HINT = "give a file of `sarchat score --output`"

# What every file of scores contains.
SCORES_MARK = b'"metric_version"'


@dataclass(frozen=True)
class SavedScores:
    """The scores of a model, as a file has them.

    Attributes:
        path: the file.
        name: the model's name; the file's, if it has none.
        params: the model's number of parameters, such as `7B`; empty if unknown.
        average: `sample` or `corpus`; `None` if the file does not say.
        sub_scores: the sub-scores that enter the averages, in percent.
        sizes: the number of records of each task; empty if the file does not say.
        costs: mean and median per answer, see `Scores.costs`.
        records: a hash of the records that were scored; empty if the file has no counts of records.
        tally: the counts of each record, likewise `None`.
    """

    path: Path
    name: str
    params: str
    average: str | None
    sub_scores: dict[str, float]
    sizes: dict[str, int]
    costs: dict[str, dict[str, float]]
    records: str
    tally: Tally | None


def write_scores(path: Path, evaluation: Evaluation, run: Mapping[str, Any]) -> None:
    """Write the scores of a run and its options by name: the metric's dict, and beside it all that belongs to it."""
    scores = evaluation.scores
    content = {
        **scores.result,
        **scores.counts,
        **run,
        "weights": scores.weights,
        "missing": scores.missing,
        "costs": scores.costs,
        "metric_version": VERSION,
        "intervals": scores.intervals,
        "records": evaluation.records,
        "record_counts": pack_counts(evaluation.tally),
    }
    with writing_whole(path) as stream:
        stream.write(json.dumps(content, indent=1) + "\n")


def read_scores(path: Path) -> SavedScores:
    """Read a file of scores that `sarchat score --output` or `evaluate.save` wrote.

    Raises:
        SARChatError: if the file cannot be read or contains none of the metric's scores, or a value is no score.
    """
    try:
        content: Any = load_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SARChatError(f"cannot read {path}: {error.strerror}; {_HINT}") from error
    except ValueError as error:
        raise SARChatError(f"{path} is not JSON: {error}; {_HINT}") from error
    known = [key for keys in SUB_SCORES.values() for key in keys]
    sub_scores = {key: content[key] for key in known if key in content} if isinstance(content, dict) else {}
    if not sub_scores:
        raise SARChatError(f"{path} contains none of the metric's scores; {_HINT}")
    for key, value in sub_scores.items():
        if type(value) not in (int, float) or not 0 <= value <= 100:
            raise SARChatError(f"{path}: {key} is {value!r}, not a number from 0 to 100")
    sizes = _read_sizes(path, content.get("n"))
    name, params, average, records = (content.get(key) for key in ("model", "params", "average", "records"))
    return SavedScores(
        path,
        # Shown in tables, charts and warnings.
        one_line(name) if isinstance(name, str) and name else path.stem,
        one_line(params) if isinstance(params, str) else "",
        average if average in AVERAGES else None,
        sub_scores,
        sizes,
        _read_costs(content.get("costs")),
        records if isinstance(records, str) else "",
        _read_counts(path, content.get("record_counts"), sizes),
    )


def _read_sizes(path: Path, n: object) -> dict[str, int]:
    if n is None:
        return {}
    if not isinstance(n, dict) or not all(task in TASKS and type(size) is int and size > 0 for task, size in n.items()):
        raise SARChatError(f"{path}: n is {n!r:.80}, not a number of records for each task")
    return {task: n[task] for task in TASKS if task in n}


def _read_costs(costs: object) -> dict[str, dict[str, float]]:
    found = {}
    for name in COSTS:
        values = costs.get(name) if isinstance(costs, dict) else None
        if isinstance(values, dict):
            mean, median = (measured(values.get(key)) for key in ("mean", "median"))
            if mean is not None and median is not None:
                found[name] = {"mean": mean, "median": median}
    return found


def _read_counts(path: Path, packed: object, sizes: Mapping[str, int]) -> Tally | None:
    if not isinstance(packed, dict) or not sizes:
        return None
    try:
        return unpack_counts(packed, sizes)
    except ValueError as error:
        raise SARChatError(f"{path}: {error}; write it again with `sarchat score --output`") from error
