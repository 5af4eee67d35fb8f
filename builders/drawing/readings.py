"""What the metric read of a gold answer and of a model's answer, as texts, with marks on what both have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any


def list_items(value: Any) -> list[str]:  # noqa: ANN401
    """Return an entry of a reading (a number, a word, a list or a list of pairs) as texts."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [f"{item[0]}, {item[1] or 'no cell'}" if isinstance(item, tuple) else str(item) for item in values]


def mark_shared(items: Sequence[str], others: Sequence[str], most: int) -> list[tuple[str, bool]]:
    """Return the first items, each with whether the other side has it too, counting repetitions."""
    left = Counter(others)
    marked = []
    for item in items[:most]:
        marked.append((item, left[item] > 0))
        left[item] -= 1
    return marked
