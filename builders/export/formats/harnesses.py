"""The harnesses that evaluate models. Their files hold the same rows; paths of images are relative to the folder.

VLMEvalKit and EvalScope get a program that adds SARChat to theirs, lmms-eval a group of tasks for `--include_path`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from builders.export.format import Export, Format, Table
from builders.export.record import ExportRecord, harness_row
from builders.scoring.exported import figure_names
from sarchat_metric import AVERAGED, VERSION


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row."""
    return {**harness_row(record), "image": record.image}


def convert_for_vlmevalkit(record: ExportRecord) -> dict[str, Any]:
    """Return a row for VLMEvalKit, which gives `index` when the files are read."""
    return {**harness_row(record), "image_path": record.image}


def values(export: Export) -> Mapping[str, str]:
    """Return the tasks of lmms-eval's group: those that are averaged, if there is any."""
    tasks = [table.task for table in export.tables]
    members = [task for task in tasks if task in AVERAGED] or tasks
    return {"tasks": ", ".join(f"sarchat_{task}" for task in members), "version": VERSION}


def task_values(table: Table) -> Mapping[str, str]:
    """Return a task's name, its file, and its figures for lmms-eval; one function aggregates them all."""
    figures = (
        f"  - {{metric: {name}, aggregation: !function utils.aggregate, higher_is_better: {_is_score(name)}}}"
        for name in figure_names(table.task)
    )
    return {"task": table.task, "file_json": json.dumps(table.name), "figures": "\n".join(figures)}


def _is_score(name: str) -> str:
    return "false" if name.endswith("/unparsed") else "true"


FORMATS = [
    Format("lmms-eval", convert, values, suffix=".parquet", evaluates=True, task_values=task_values),
    Format("vlmevalkit", convert_for_vlmevalkit, suffix=".tsv", evaluates=True),
    Format("evalscope", convert, evaluates=True),
]
