"""The names of categories in annotations, and which of the six each one is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from builders.corpus.targets import LEFT_OUT
from builders.errors import SARChatError, near
from builders.schema import CATEGORIES

# What the user says of names of categories: one of the six, or `None` to leave out its boxes.
Choices: TypeAlias = Mapping[str, str | None]

# The files with unknown categories that a message names.
_FILES = 3


def normalize(label: object) -> str:
    """Return a category's name as it is compared: in lower case, without surrounding spaces."""
    return str(label).strip().lower()


def find_category(label: str, choices: Choices) -> int | None:
    """Return the index into `CATEGORIES` of a normalized name, its synonym, or what the user chose for it.

    It is `LEFT_OUT` if its boxes are left out, and `None` if it is none of the six.
    """
    category = choices.get(label, label)
    if category is None:
        return LEFT_OUT
    if category not in CATEGORIES:
        category = _synonyms().get(category, category)
    return CATEGORIES.index(category) if category in CATEGORIES else None


def refuse_unknown(boxes: Mapping[str, Mapping[str, int]]) -> None:
    """Refuse categories that are none of the six.

    Args:
        boxes: the number of boxes of each unknown category, by the name of the file that they are in.

    Raises:
        SARChatError: if there is any; the message names all, with their numbers of boxes.
    """
    totals = sum(map(Counter, boxes.values()), Counter[str]())
    if not totals:
        return
    known = [*CATEGORIES, *_synonyms()]
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(
        f"{label!r}{near(label, known)} in {number:,} box{'es' if number > 1 else ''}" for label, number in ranked
    )
    files = ", ".join([*boxes][:_FILES]) + (f" and {len(boxes) - _FILES:,} more" if len(boxes) > _FILES else "")
    raise SARChatError(
        f"{files}: there are categories that are none of {', '.join(CATEGORIES)}: {listed}; say which one each is with "
        f"--rename {ranked[0][0]!r}=CATEGORY, or leave out its boxes with --drop {ranked[0][0]!r}"
    )


def _synonyms() -> Mapping[str, str]:
    # Imported here: SARDet-100K has none, and the metric's libraries take longer than all others.
    from sarchat_metric import CATEGORY_OF

    return CATEGORY_OF
