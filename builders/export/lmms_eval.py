"""lmms-eval: a group of tasks, each with its Parquet file, for `--include_path`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from builders.evaluation.exported import figure_names
from builders.export.format import Export, Format, Table
from builders.export.record import ExportRecord, harness_row
from sarchat_metric import VERSION


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row; the path of its image is relative to the folder."""
    return {**harness_row(record), "image": record.image}


def values(export: Export) -> Mapping[str, str]:
    """Return the tasks of the group."""
    return {"tasks": ", ".join(f"sarchat_{table.task}" for table in export.tables), "version": VERSION}


def task_values(table: Table) -> Mapping[str, str]:
    """Return a task's name, its file, and its figures; one function aggregates them all."""
    figures = (
        f"  - {{metric: {name}, aggregation: !function utils.aggregate, higher_is_better: {_is_score(name)}}}"
        for name in figure_names(table.task)
    )
    return {"task": table.task, "file_json": json.dumps(table.name), "figures": "\n".join(figures)}


def _is_score(name: str) -> str:
    return "false" if name.endswith(("/unparsed", "/hedged")) else "true"


FORMAT = Format("lmms-eval", convert, values, suffix=".parquet", evaluates=True, task_values=task_values)
