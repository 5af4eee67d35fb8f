"""The published results (Table 3) with their scores by Eq. 4 and 5, and the user's own results."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.analysis.paper import read_test_sizes
from builders.errors import SARChatError
from builders.resources import read_text
from builders.tables import format_table
from sarchat_metric import SUB_SCORES, overall_score, task_scores

_COLUMNS = {"count.": "counting", "ground.": "grounding", "ident.": "identification", "refer.": "referring"}
_COLUMNS |= {"descr.": "description", "class.": "classification"}


@dataclass(frozen=True)
class Entry:
    """A model's results: its name and size, the average as printed, and its sub-scores in percent."""

    name: str
    params: str
    printed: float | None
    sub_scores: Mapping[str, float]

    @property
    def tasks(self) -> dict[str, float]:
        """The score of each task, Eq. 5."""
        return task_scores(self.sub_scores)

    @property
    def overall(self) -> float | None:
        """The overall score, Eq. 4, with the sizes of the published test set, or `None` if a task is missing."""
        sizes = read_test_sizes()
        return overall_score(self.tasks, sizes) if self.tasks.keys() == sizes.keys() else None


def published_results() -> list[Entry]:
    """Return the 16 models of Table 3."""
    entries = []
    for row in csv.DictReader(read_text("paper/results.csv").splitlines()):
        model, params, printed = row.pop("model"), row.pop("params"), float(row.pop("avg"))
        entries.append(Entry(model, params, printed, {_metric_key(name): float(row[name]) for name in row}))
    return entries


def read_scores(path: Path) -> Entry:
    """Read a file of scores that `sarchat score --output` or `evaluate.save` wrote.

    Raises:
        SARChatError: if the file cannot be read or contains none of the metric's scores.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SARChatError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SARChatError(f"{path} is not JSON: {error}; give a file of `sarchat score --output`") from error
    known = [key for keys in SUB_SCORES.values() for key in keys]
    sub_scores = {key: content[key] for key in known if key in content} if isinstance(content, dict) else {}
    if not sub_scores:
        raise SARChatError(f"{path} contains none of the metric's scores; give a file of `sarchat score --output`")
    for key, value in sub_scores.items():
        if type(value) not in (int, float) or not 0 <= value <= 100:
            raise SARChatError(f"{path}: {key} is {value!r}, not a number from 0 to 100")
    return Entry(f"> {path.stem}", "", None, sub_scores)


def format_leaderboard(own: Sequence[Entry]) -> str:
    """Format all models as a table, best first by Eq. 4; those without every task come last."""
    entries = [*published_results(), *own]
    entries.sort(key=lambda entry: -1.0 if entry.overall is None else entry.overall, reverse=True)
    rows = [
        [
            entry.name,
            entry.params,
            _percent(entry.printed),
            _percent(entry.overall),
            *(_percent(entry.tasks.get(task)) for task in _COLUMNS.values()),
        ]
        for entry in entries
    ]
    notes = "Avg: as printed in the paper. Eq. 4: computed by its equations from its sub-scores and test-set sizes."
    if own:
        notes += "\n>: your models."
    return format_table(["model", "params", "Avg", "Eq. 4", *_COLUMNS], rows) + "\n\n" + notes


def _metric_key(column: str) -> str:
    """Return the metric's key for a column of Table 3, which omits parts that are the same for all columns."""
    keys = [key for keys in SUB_SCORES.values() for key in keys]
    return next(key for key in keys if key == column or key.startswith(f"{column}/"))


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"
