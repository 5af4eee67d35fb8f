"""The training recipe: the paper's settings, and a balanced mixture of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builders.core.resources import read_yaml
from builders.core.schema import fewest_records_first
from builders.notation.formats import ResizeRule, read_resize_rule
from builders.notation.models import checkpoint_of, family_of, max_tokens_of


def _recipe() -> Mapping[str, Any]:
    return read_yaml("recipe.yaml", "builders.export")


def default_model(box_format: str) -> str:
    """Return the model to fine-tune for a box format."""
    return checkpoint_of(box_format) or _recipe()["model"]


def settings(model: str, resize: ResizeRule) -> dict[str, str]:
    """Return the recipe's values by their placeholder names in the templates.

    Args:
        model: the model to fine-tune.
        resize: how trainers show images to it.
    """
    recipe = _recipe()["settings"]
    family = family_of(model)
    values = recipe | {
        "model": model,
        "template": family.template if family else "",
        "min_pixels": resize.min_pixels,
        "max_pixels": resize.max_pixels,
        "max_tokens": max_tokens_of(model),
        "accumulation_on_one_gpu": recipe["effective_batch"] // recipe["batch_per_gpu"],
    }
    return {name: str(value) for name, value in values.items()}


def resize_of(model: str) -> ResizeRule:
    """Return how trainers show images to a model: as its own processor, or, where that is unknown, as the default's."""
    families = (family_of(name) for name in (model, _recipe()["model"]))
    return read_resize_rule(next(family.resize for family in families if family and family.resize))


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
