"""The names of categories in annotations, and which of the six each one is."""

from __future__ import annotations

from collections.abc import Mapping

from builders.errors import SARChatError
from builders.schema import CATEGORIES


def normalize(label: object) -> str:
    """Return a category's name as it is compared: in lower case, without surrounding spaces."""
    return str(label).strip().lower()


def find_category(label: str, renames: Mapping[str, str]) -> int | None:
    """Return the index into `CATEGORIES` of a normalized name, its synonym, or what it is renamed to; else `None`."""
    category = renames.get(label, label)
    if category not in CATEGORIES:
        category = _synonyms().get(category, category)
    return CATEGORIES.index(category) if category in CATEGORIES else None


def unknown_category(label: str, owner: str) -> SARChatError:
    """Return the error for a box whose category is none of the six.

    Args:
        label: the category's normalized name.
        owner: the file and the entry that the box is from.
    """
    return SARChatError(
        f"{owner} is of category {label!r}, none of {', '.join(CATEGORIES)}; say which one it is with "
        f"--rename {label!r}=CATEGORY, or leave its boxes out"
    )


def _synonyms() -> Mapping[str, str]:
    # Imported here: SARDet-100K has none, and the metric's libraries take longer than all others.
    from sarchat_metric import CATEGORY_OF

    return CATEGORY_OF
