"""What a corpus is about, as data: its categories with their words, the nouns for its images, source and licence."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builders.core.errors import SARChatError, near
from builders.core.resources import load_foreign_yaml, read_yaml

if TYPE_CHECKING:
    from sarchat_metric import Vocabulary

DEFAULT = "sardet-100k"
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Category:
    """A category and its words.

    Attributes:
        name: its name, in the singular: a class label, and a word in questions and answers.
        many: the plural; default: the name with an s.
        article: `a` or `an`.
        also: further words for it, in the singular, that an answer or an annotation may use.
    """

    name: str
    many: str = ""
    article: str = "a"
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Fill in the plural."""
        object.__setattr__(self, "many", self.many or f"{self.name}s")
        object.__setattr__(self, "also", tuple(self.also))


@dataclass(frozen=True)
class CorpusInfo:
    """A corpus as the rest of the project sees it; the index of a category is its class label.

    Attributes:
        name: the corpus's name, as shown.
        categories: its categories.
        nouns: how wordings name the image, the sensor and the signal; the keys are those of `modalities.yaml`.
        homepage: where it is from; empty if unknown.
        license: its licence, as the Hub abbreviates it; empty if unknown.
        tags: tags for the dataset card, such as the kind of images.
    """

    name: str
    categories: tuple[Category, ...]
    nouns: tuple[tuple[str, str], ...]
    homepage: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes alone: what was computed from them is not sent to other processes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __hash__(self) -> int:
        """Return the hash of the attributes, computed once: wordings are looked up by corpus for every image."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.categories, self.nouns, self.homepage, self.license, self.tags))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The categories' names: the class labels, in order."""
        return tuple(category.name for category in self.categories)

    @cached_property
    def plurals(self) -> tuple[str, ...]:
        """The categories' plurals, in order."""
        return tuple(category.many for category in self.categories)

    @cached_property
    def with_article(self) -> tuple[str, ...]:
        """The categories' names with their article, in order: `"an aircraft"`."""
        return tuple(f"{category.article} {category.name}" for category in self.categories)

    @cached_property
    def label_of(self) -> Mapping[str, int]:
        """The class label of each word for a category, singular or plural, in lower case."""
        words: dict[str, int] = {}
        for label, category in reversed([*enumerate(self.categories)]):
            for word in category.also:
                words |= {word.lower(): label, f"{word.lower()}s": label}
        for label, category in enumerate(self.categories):
            name = category.name.lower()
            words |= {f"{name}s": label, category.many.lower(): label, name: label}
        return words

    @cached_property
    def words(self) -> list[dict[str, Any]] | None:
        """The categories with their words, as the metric takes them; `None` if they are its own, SARDet-100K's."""
        # Imported here: its libraries take longer than all others.
        from sarchat_metric import CATEGORIES, CATEGORY_OF

        meaning = {word: self.names[label] for word, label in self.label_of.items()}
        categories: list[dict[str, Any]] = self.as_data()["categories"]
        return None if self.names == CATEGORIES and meaning == CATEGORY_OF else categories

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the categories, compiled for the metric."""
        from sarchat_metric import vocabulary

        return vocabulary(self.words)

    def as_data(self) -> dict[str, Any]:
        """Return plain data that `parse_info` reads back."""
        categories = [asdict(category) | {"also": list(category.also)} for category in self.categories]
        return {**asdict(self), "categories": categories, "nouns": dict(self.nouns), "tags": list(self.tags)}


def parse_info(data: Mapping[str, Any], place: str) -> CorpusInfo:
    """Return a corpus from a description: the content of its YAML file, or what `CorpusInfo.as_data` returned.

    Args:
        data: the description. `modality` names the entry of `modalities.yaml` that `nouns` is added to.
        place: the file, for messages.

    Raises:
        SARChatError: if a key is unknown, or a value missing or wrong.
    """
    known = {field.name for field in fields(CorpusInfo)} | {"modality"}
    _check_keys(data, known, {"name", "categories"}, place)
    modalities = read_yaml("corpus/known/modalities.yaml")
    modality = data.get("modality", "unknown")
    if modality not in modalities:
        hint = near(str(modality), modalities)
        raise SARChatError(f"{place}: unknown modality {modality!r}{hint}; choose from {', '.join(modalities)}")
    nouns = data.get("nouns") or {}
    _check_keys(nouns, set(modalities[modality]), set(), f"{place}: nouns")
    entries = data["categories"]
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise SARChatError(f"{place}: categories must be a list of entries such as {{name: ship, many: ships}}")
    categories = tuple(_parse_category(entry, f"{place}: category {number}") for number, entry in enumerate(entries))
    for name, number in Counter(category.name.lower() for category in categories).items():
        if number > 1:
            raise SARChatError(f"{place}: the category {name!r} is listed {number} times; list it once")
    return CorpusInfo(
        name=str(data["name"]),
        categories=categories,
        nouns=tuple((modalities[modality] | dict(nouns)).items()),
        homepage=str(data.get("homepage") or ""),
        license=str(data.get("license") or ""),
        tags=tuple(map(str, data.get("tags") or ())),
    )


def _parse_category(entry: Mapping[str, Any] | str, place: str) -> Category:
    if isinstance(entry, str):
        entry = {"name": entry}
    _check_keys(entry, {field.name for field in fields(Category)}, {"name"}, place)
    also = entry.get("also", ())
    # A text would be taken for the list of its letters.
    if not isinstance(also, (list, tuple)) or not all(isinstance(word, str) for word in also):
        raise SARChatError(f"{place}: also must be a list of words, such as [vessel, boat], not {str(also)[:80]!r}")
    return Category(**entry)


def _check_keys(data: object, known: set[str], required: set[str], place: str) -> None:
    if not isinstance(data, Mapping):
        raise SARChatError(f"{place} must have keys and values, not {str(data)[:80]!r}")
    for key in data:
        if key not in known:
            hint = near(str(key), known)
            raise SARChatError(f"{place}: unknown key {key!r}{hint}; the keys are {', '.join(sorted(known))}")
    for key in sorted(required - data.keys()):
        raise SARChatError(f"{place}: the key {key!r} is missing")


@cache
def known_corpus(name: str) -> CorpusInfo:
    """Return an included corpus, by the name of its file."""
    return parse_info(read_yaml(f"corpus/known/{name}.yaml"), f"{name}.yaml")


def read_corpus(file: str | os.PathLike[str]) -> CorpusInfo:
    """Read the YAML file that describes a corpus; `corpus/known/sardet-100k.yaml` is an example.

    Raises:
        SARChatError: if there is no such file, or it is wrong.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise SARChatError(f"{path}: no such file; give a YAML file that describes the corpus: its name and categories")
    if path.stat().st_size > _MOST_BYTES:
        raise SARChatError(f"{path} has more than {_MOST_BYTES:,} bytes; a description of a corpus is shorter")
    try:
        content = load_foreign_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SARChatError(f"{path}: {error}") from error
    return parse_info(content, str(path))
