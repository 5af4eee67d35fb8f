"""The result of a build as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from string import Template
from typing import Any

from builders.build.pipeline import Report
from builders.core.resources import read_text
from builders.core.schema import ALL, IN_ALL, TASKS
from builders.core.tables import format_table

# What other commands read without --split.
_DEFAULT_SPLIT = "test"


def format_report(report: Report) -> str:
    """Format the records per task and split, the boxes and images left out, and the bytes written."""
    splits = list(report.plan.images)
    tasks = [task for task in TASKS if any(file.task == task for file in report.files)]

    def rows(task: str, split: str) -> int:
        return sum(file.rows for file in report.files if (file.task, file.split) == (task, split))

    in_all = [task for task in tasks if task in IN_ALL]
    records: list[list[Any]] = []
    for name in (*in_all, *([ALL] if in_all else ()), *(task for task in tasks if task not in in_all)):
        counts = [sum(rows(task, split) for task in (in_all if name == ALL else [name])) for split in splits]
        records.append([name, *counts, sum(counts)])
    header, *left_out = report.plan.left_out()
    size = f"{report.total_bytes / 1e6:,.1f} MB ({report.total_bytes:,} bytes)"
    return "\n".join(
        [
            format_table(["records", *splits, "total"], records),
            "",
            format_table([*header, "total"], [[*row, sum(row[1:])] for row in left_out]),
            "",
            *_note_on_corners(report),
            *(f"Found but not read: {path}" for path in report.plan.unread),
            *_note_on_splits(report),
            f"Wrote {report.out}: {len(report.files)} Parquet files, {size} in all.",
            *(
                ["", _how_to_load(report.out, (in_all or tasks)[-1], report.files[-1].split)]
                if isinstance(report.out, str)
                else []
            ),
        ]
    )


def _note_on_corners(report: Report) -> Iterator[str]:
    if report.plan.source.get("corners"):
        yield "The labels have oriented boxes, and the conversations upright ones; --boxes oriented writes the corners."


def _note_on_splits(report: Report) -> Iterator[str]:
    split = report.files[0].split
    if _DEFAULT_SPLIT not in {file.split for file in report.files}:
        yield (
            f"There is no split {_DEFAULT_SPLIT}, which other commands read by default: give them --split {split}, or "
            f"build one with --annotations {_DEFAULT_SPLIT}=FILE, or the keys splits or split of a description."
        )


def _how_to_load(url: str, task: str, split: str) -> str:
    """Return the code that loads a task from object storage, which `load_dataset` does not open by its card."""
    return (
        Template(read_text("build/scale/load_from_storage.txt", "builders"))
        .substitute(url=url.rstrip("/"), task=task, split=split)
        .rstrip()
    )
