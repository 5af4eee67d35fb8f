"""The training recipe: the paper's settings, and a balanced mixture of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builders.core.resources import read_yaml
from builders.core.schema import fewest_records_first
from builders.notation.input_size import ResizeRule


def _recipe() -> Mapping[str, Any]:
    return read_yaml("recipe.yaml", "builders.export")


def resize_rule() -> ResizeRule:
    """Return the resizing rule in the trainers' configurations."""
    return ResizeRule(**_recipe()["resize"])


def default_model(box_format: str) -> str:
    """Return the model to fine-tune for a box format."""
    return _entry(box_format)["model"]


def _entry(box_format: str) -> dict[str, str]:
    models = _recipe()["models"]
    return models.get(box_format) or next(iter(models.values()))


def settings(box_format: str) -> dict[str, str]:
    """Return the recipe's values by their placeholder names in the templates.

    Args:
        box_format: selects the model to fine-tune.
    """
    recipe = _recipe()
    resize = {name: value for name, value in recipe["resize"].items() if name != "factor"}
    batch = recipe["settings"]["effective_batch"] // recipe["settings"]["batch_per_gpu"]
    values = recipe["settings"] | resize | _entry(box_format) | {"accumulation_on_one_gpu": batch}
    return {name: str(value) for name, value in values.items()}


def mixture(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the number of training records per task.

    Identification has a record for every pair of targets, 77 % of all. It is limited to the size of the largest other
    task, if there is one; the others contribute all their records.

    Args:
        counts: the number of records of each task.
    """
    most = fewest_records_first()[-1]
    others = [count for task, count in counts.items() if task != most]
    largest = max(others, default=counts.get(most, 0))
    return {task: min(count, largest) for task, count in counts.items()}
