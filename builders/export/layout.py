"""The file of each record: one per task and split, the paper's nine test files, or one of dialogues per split."""

from __future__ import annotations

from collections.abc import Callable

from builders.core.errors import SARChatError
from builders.core.resources import read_yaml

# The last one is also the name of the task that it exports.
TASKS_AND_SPLITS, PAPER, DIALOGUE = "tasks", "paper", "dialogue"
LAYOUTS = (TASKS_AND_SPLITS, PAPER, DIALOGUE)

# Task, split and scenario to the file's name without its suffix.
Layout = Callable[[str, str, str], str]


def by_task_and_split(task: str, split: str, scenario: str) -> str:
    """Return `TASK-SPLIT`."""
    return f"{task}-{split}"


def by_paper(task: str, split: str, scenario: str) -> str:
    """Return the file's name in the paper's inference script.

    Raises:
        SARChatError: if the script has no file for such records.
    """
    names = read_yaml("paper_layout.yaml", "builders.export")
    name = names.get(task) or names.get(f"{task}/{scenario}")
    if name is None:
        known = ", ".join(key.partition("/")[2] for key in names if key.startswith(f"{task}/"))
        if not known:
            raise SARChatError(
                f"the paper's layout has no file for the task {task}; name others with --task, or use --layout tasks"
            )
        raise SARChatError(
            f"the paper's layout has no file for {task} records with scenario {scenario!r}, only for {known}; correct "
            "the column `scenario`, or use --layout tasks"
        )
    return name
