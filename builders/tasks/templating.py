"""The wordings of `tasks/*.yaml` in a corpus's words, and the choice among them by a keyed hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from builders.core.resources import read_yaml
from builders.core.schema import IDENTIFICATIONS
from builders.corpus.info import CorpusInfo

T = TypeVar("T")
# Of one record; each list of questions has more than enough.
MOST_WORDINGS = 8


def load_templates(task: str) -> dict[str, Any]:
    """Read `tasks/TASK.yaml`, in which nouns of the corpus such as `{image}` are not filled in."""
    return read_yaml(f"tasks/{task}.yaml")


@cache
def templates_for(task: str, info: CorpusInfo) -> dict[str, Any]:
    """Return a task's templates with the nouns of a corpus; questions start with the task's tag."""
    templates = load_templates(task)
    filled: dict[str, Any] = _fill({key: value for key, value in templates.items() if key != "about"}, info)
    return _add_tag(filled, filled["tag"]) if filled["tag"] else filled


def _add_tag(value: Any, tag: str, *, is_question: bool = False) -> Any:  # noqa: ANN401
    """Put the tag before each text below a key `questions`."""
    if isinstance(value, dict):
        return {key: _add_tag(part, tag, is_question=is_question or key == "questions") for key, part in value.items()}
    if isinstance(value, list):
        return [_add_tag(part, tag, is_question=is_question) for part in value]
    return f"{tag} {value}" if is_question else value


def _fill(value: Any, info: CorpusInfo) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _fill(part, info) for key, part in value.items()}
    if isinstance(value, list):
        return [_fill(part, info) for part in value]
    if isinstance(value, str):
        for noun, text in info.nouns:
            value = value.replace(f"{{{noun}}}", text)
    return value


class Chooser:
    """Words records for a corpus: its words, and the choice among wordings by the hash of seed, record id and slot.

    The only state is a cache: a record is the same in any process, whatever was generated before it.

    Attributes:
        info: the corpus whose words are used.
        identifications: the most identifications that a dialogue has.
    """

    def __init__(self, seed: int, info: CorpusInfo, identifications: int = IDENTIFICATIONS) -> None:
        """Set the seed, any integer, the corpus, and the most identifications of a dialogue."""
        self.info, self.identifications = info, identifications
        self._key = _key(seed)
        self._hashes: dict[str, hashlib.blake2b] = {}

    def choose(self, record_id: str, slot: str, options: Sequence[T], wording: int = 0) -> T:
        """Return one of the options for a slot of a record; each `wording` below `MOST_WORDINGS` has one of its own."""
        keyed = self._hashes.get(slot)
        if keyed is None:
            keyed = self._hashes[slot] = hashlib.blake2b(slot.encode(), key=self._key, digest_size=8)
        digest = keyed.copy()
        digest.update(record_id.encode())
        place = int.from_bytes(digest.digest(), "big")
        if wording:
            # Multiples of the golden ratio are far from each other: also where the options are pairs, each question
            # with each answer, both differ.
            place += wording * len(options) * 618_034 // 10**6
        return options[place % len(options)]


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
