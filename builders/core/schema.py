"""The vocabulary that all parts share: splits, tasks, configs, columns and versions, each defined once.

A box is `(x1, y1, x2, y2)` in pixels of the image, x to the right and y down, with `x1 < x2` and `y1 < y2`. The corners
of an oriented box are `(x1, y1, ..., x4, y4)` in the same pixels.

A corrected wording raises the minor version of the data, a changed counting rule the major one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

from builders.core.resources import read_yaml

Box = tuple[float, float, float, float]
Corners = tuple[float, float, float, float, float, float, float, float]


@cache
def task_facts() -> dict[str, dict[str, Any]]:
    """Return what the YAML file of each task says about it, in the tasks' order.

    Returns:
        For each task: its `order`; where `boxes` are (`answer`, `question` alone, `none`); what it has a record `per`
            (`image`, `category` in it, `pair` of targets); which `targets` it has (`every` one once, each `alone` in a
            row of its own beside others, only `some`); its `place` and `column` in the paper's Table 3, if it is there;
            what it `asks`, and further texts for the card. A task with `beside` is a config of its own, in neither
            `all` nor the averages over tasks; one without a text `score` is for training alone, and is not scored.
    """
    # By its path, since the package itself imports this module.
    folder = "tasks"
    names = [path.name for path in files("builders").joinpath(folder).iterdir() if path.name.endswith(".yaml")]
    # `words.yaml` is of no task.
    found = {name.removesuffix(".yaml"): read_yaml(f"{folder}/{name}").get("about") for name in names}
    about = {task: facts for task, facts in found.items() if facts}
    return dict(sorted(about.items(), key=lambda item: (item[1]["order"], item[0])))


# Every task, and those whose records `all` has and whose scores are averaged.
TASKS = tuple(task_facts())
IN_ALL = tuple(task for task in TASKS if not task_facts()[task].get("beside"))


def fewest_records_first() -> list[str]:
    """Return the tasks in the order of their numbers of records per image; the last one has by far the most.

    Those that leave out images come after the others with as many.
    """
    facts = task_facts()
    return sorted(
        TASKS,
        key=lambda task: (("image", "category", "pair").index(facts[task]["per"]), facts[task]["targets"] == "some"),
    )


def in_order_of_table_3() -> list[str]:
    """Return the tasks in the order of the paper's Table 3; those that are not in it come last."""
    return sorted(TASKS, key=lambda task: task_facts()[task].get("paper", {}).get("place", len(TASKS)))


def asks_for_boxes(task: str) -> bool:
    """Return whether the answers of a task contain boxes."""
    return bool(task_facts()[task]["boxes"] == "answer")


def is_scored(task: str) -> bool:
    """Return whether the metric scores the answers of a task."""
    return "score" in task_facts()[task]


# The config with the records of the tasks `IN_ALL`; nothing is stored for it.
ALL = "all"
CONFIGS = (ALL, *TASKS)

# The names that `datasets` gives the splits, and SARDet-100K's own.
SPLITS = {"train": "train", "validation": "val", "test": "test"}

_SPLIT_OF = {own: split for split, own in SPLITS.items()}

SINGLE, MULTI = "single", "multi"

_WORDING = re.compile(r"(.*/[0-9]+)#[0-9]+", re.DOTALL)
# The most identifications that a dialogue has, unless a user chooses.
IDENTIFICATIONS = 8


def split_name(name: str) -> str:
    """Return the name that `datasets` gives a split that SARDet-100K may call otherwise: `"validation"` for `"val"`."""
    return _SPLIT_OF.get(name, name)


def scenario(targets: int) -> str:
    """Return the scenario of an image by its number of targets: `"single"` for one, `"multi"` for more."""
    return SINGLE if targets == 1 else MULTI


def tasks_of(config: str) -> tuple[str, ...]:
    """Return the tasks of a config: the one that it names, or those of `all`."""
    return IN_ALL if config == ALL else (config,)


def base_id(record_id: str) -> str:
    """Return the id that a record's other wordings have in common: `.../0` for `.../0` and `.../0#1`."""
    found = _WORDING.fullmatch(record_id)
    return found[1] if found else record_id


def stem(file_name: str) -> str:
    """Return a file name without its extension, as used in record ids."""
    head, dot, extension = file_name.rpartition(".")
    return head if dot and "/" not in extension else file_name


COLUMNS = tuple(column["name"] for column in read_yaml("core/columns.yaml"))


# The part of `objects` that only data sets with oriented boxes have.
CORNERS = "corners"


def feature_specs(categories: Sequence[str], *, oriented: bool = False) -> list[dict[str, Any]]:
    """Return the columns in order, in the form of a dataset card's `features`.

    Args:
        categories: the names of the class labels, in order.
        oriented: whether the boxes are oriented.
    """
    listed = read_yaml("core/columns.yaml")
    columns = [{key: value for key, value in column.items() if key != "about"} for column in listed]
    if not oriented:
        for column in columns:
            if "struct" in column:
                column["struct"] = [part for part in column["struct"] if part["name"] != CORNERS]
    specs: list[dict[str, Any]] = _name_labels(columns, {str(label): name for label, name in enumerate(categories)})
    return specs


def _name_labels(spec: Any, names: dict[str, str]) -> Any:  # noqa: ANN401
    if isinstance(spec, list):
        return [_name_labels(part, names) for part in spec]
    if isinstance(spec, dict):
        return {
            key: {"names": dict(names)} if key == "class_label" else _name_labels(part, names)
            for key, part in spec.items()
        }
    return spec


# What changed in the data, newest first.
RELEASE_NOTES: dict[str, str] = read_yaml("core/release_notes.yaml")
DATA_VERSION = next(iter(RELEASE_NOTES))

PACKAGE = "sarchat-bench"


@cache
def package_version(package: str = PACKAGE) -> str:
    """Return the version of an installed package; `"0+unknown"` where its code runs without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "0+unknown"
