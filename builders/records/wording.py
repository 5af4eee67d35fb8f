"""The wordings of `templates/*.yaml`, and the choice among them by a keyed hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

from builders.resources import read_yaml
from builders.schema import CATEGORIES

T = TypeVar("T")


def load_templates(name: str) -> dict[str, Any]:
    """Read `templates/NAME.yaml`."""
    return read_yaml(f"{name}.yaml", "builders.records.templates")


class Chooser:
    """Chooses a wording by the keyed hash of seed, record id and slot.

    The only state is a cache: a record is the same in any process, whatever was generated before it.
    """

    def __init__(self, seed: int) -> None:
        """Set the seed, any integer."""
        self._key = str(seed).encode()[:64]
        self._hashes: dict[str, hashlib.blake2b] = {}

    def choose(self, record_id: str, slot: str, options: Sequence[T]) -> T:
        """Return one of the options for a slot of a record."""
        keyed = self._hashes.get(slot)
        if keyed is None:
            keyed = self._hashes[slot] = hashlib.blake2b(slot.encode(), key=self._key, digest_size=8)
        digest = keyed.copy()
        digest.update(record_id.encode())
        return options[int.from_bytes(digest.digest(), "big") % len(options)]


_WORDS = load_templates("words")
ONE, MANY, WITH_ARTICLE = (
    tuple(_WORDS["categories"][category][form] for category in CATEGORIES) for form in ("one", "many", "a")
)
DIRECTION_PHRASES: dict[str, str] = _WORDS["directions"]
PROXIMITY_PHRASES: dict[bool, str] = {True: _WORDS["proximity"]["near"], False: _WORDS["proximity"]["far"]}
SHAPE_PHRASES: dict[str, str] = _WORDS["shapes"]


def form(template: dict[str, str], number: int) -> str:
    """Return a template's form for the number one or for any other number."""
    return template["one" if number == 1 else "many"]


def by_position(templates: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Rewrite templates so that they take their fields by position, in the order of `fields`."""
    positions = {field: f"{{{index}}}" for index, field in enumerate(fields)}
    return [template.format(**positions) for template in templates]


def enumerate_words(words: Sequence[str]) -> str:
    """Join words as a list in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


# Several tasks write the same box, one after the other.
@lru_cache(maxsize=1024)
def box_text(box: tuple[float, float, float, float], width: int, height: int) -> str:
    """Write a box as `{<x1><y1><x2><y2>}`: whole pixels, at least one pixel wide and high, inside the image.

    Args:
        box: `(x1, y1, x2, y2)` in pixels, inside the image.
        width: the image's width in pixels.
        height: the image's height in pixels.
    """
    x1, y1, x2, y2 = map(round, box)
    if x2 <= x1:
        x1 = min(x1, width - 1)
        x2 = x1 + 1
    if y2 <= y1:
        y1 = min(y1, height - 1)
        y2 = y1 + 1
    return f"{{<{x1}><{y1}><{x2}><{y2}>}}"
