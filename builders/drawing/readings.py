"""What the metric read of a gold answer and of a model's answer, as texts, with marks on what both have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_NAMES = {"proximity": "distance", "count": "number"}
# Labels are those of the boxes; its scores say whether an answer offers a choice.
_HIDDEN = {"labels", "hedged"}


class Items(NamedTuple):
    """The first texts of one side, each with whether the other side has it too, and the number of further ones."""

    marked: list[tuple[str, bool]]
    more: int


class Entry(NamedTuple):
    """An entry of both readings, such as the categories, with its name."""

    name: str
    gold: Items
    read: Items


def list_entries(gold: Mapping[str, Any], read: Mapping[str, Any], most: int) -> Iterator[Entry]:
    """Yield what is in either of two readings of one task, with up to `most` texts a side; of boxes only their number.

    Args:
        gold: what `sarchat_metric.read_answer` read of the gold answer.
        read: likewise, of the model's answer.
        most: the maximum number of texts.
    """
    for name in gold:
        wanted, found = (_list_items(len(side[name]) if name == "boxes" else side[name]) for side in (gold, read))
        if (wanted or found) and name not in _HIDDEN:
            yield Entry(_NAMES.get(name, name), _mark_shared(wanted, found, most), _mark_shared(found, wanted, most))


def _list_items(value: Any) -> list[str]:  # noqa: ANN401
    """Return an entry of a reading (a number, a word, a list or a list of pairs) as texts."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [f"{item[0]}, {item[1] or 'no cell'}" if isinstance(item, tuple) else str(item) for item in values]


def _mark_shared(items: Sequence[str], others: Sequence[str], most: int) -> Items:
    """Mark the items that the other side has too, counting repetitions."""
    left = Counter(others)
    marked = []
    for item in items[:most]:
        marked.append((item, left[item] > 0))
        left[item] -= 1
    return Items(marked, max(len(items) - most, 0))
