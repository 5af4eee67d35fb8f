"""The file of each record: one per task and split, or the paper's nine test files."""

from __future__ import annotations

from collections.abc import Callable

from builders.resources import read_yaml

TASKS_AND_SPLITS, PAPER = "tasks", "paper"
LAYOUTS = (TASKS_AND_SPLITS, PAPER)

# Task, split and scenario to the file's name without its suffix.
Layout = Callable[[str, str, str], str]


def by_task_and_split(task: str, split: str, scenario: str) -> str:
    """Return `TASK-SPLIT`."""
    return f"{task}-{split}"


def by_paper(task: str, split: str, scenario: str) -> str:
    """Return the file's name in the paper's inference script."""
    names = read_yaml("paper_layout.yaml", "builders.export")
    return names[task] if task in names else names[f"{task}/{scenario}"]
