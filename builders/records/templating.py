"""The wordings of `templates/*.yaml`, and the choice among them by a keyed hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

from builders.resources import read_yaml

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
        self._key = _key(seed)
        self._hashes: dict[str, hashlib.blake2b] = {}

    def choose(self, record_id: str, slot: str, options: Sequence[T]) -> T:
        """Return one of the options for a slot of a record."""
        keyed = self._hashes.get(slot)
        if keyed is None:
            keyed = self._hashes[slot] = hashlib.blake2b(slot.encode(), key=self._key, digest_size=8)
        digest = keyed.copy()
        digest.update(record_id.encode())
        return options[int.from_bytes(digest.digest(), "big") % len(options)]


def _key(seed: int) -> bytes:
    """Return the hash's key: the seed's digits, or a hash of it if they are more than a key can hold."""
    if abs(seed) < 10 ** (hashlib.blake2b.MAX_KEY_SIZE - 1):
        return str(seed).encode()
    return hashlib.blake2b(seed.to_bytes(seed.bit_length() // 8 + 1, "big", signed=True)).digest()


def form(template: dict[str, str], number: int) -> str:
    """Return a template's form for the number one or for any other number."""
    return template["one" if number == 1 else "many"]


def by_position(templates: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Rewrite templates so that they take their fields by position, in the order of `fields`."""
    positions = {field: f"{{{index}}}" for index, field in enumerate(fields)}
    return [template.format(**positions) for template in templates]
