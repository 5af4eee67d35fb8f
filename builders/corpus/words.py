"""Words for categories, proposed from their names: needs `inflect`, which only `sarchat describe` has."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from builders.core.errors import SARChatError, install_extra
from builders.corpus.info import known_corpus, known_names, spaced

if TYPE_CHECKING:
    from collections.abc import Iterable

# Names of what is no target, and of all that has no category of its own.
_IGNORED = re.compile(r"don'?t ?care|ignored?( regions?| area)?|background|unlabell?ed", re.IGNORECASE)
_CATCH_ALL = re.compile(r"others?|others? .*|misc.*|unknown.*|none|unsure|uncertain", re.IGNORECASE)
# `OtherVehicle`: words that are glued together, each with a capital.
_GLUED = re.compile(r"(?:[A-Z][a-z]+){2,}")
_CODE = re.compile(r"\d|[A-Z][A-Z]")
_UNSPEAKABLE = re.compile(r"[^\w\s/'&-]+|_{2,}|-{2,}")
_SINGULARS = {"bus", "gas", "lens", "canvas", "atlas", "iris", "chassis", "series", "species", "minibus", "omnibus"}
# Letters and numbers that are spoken with a vowel first: an SUV, an 8-wheeler.
_AN_LETTERS = "AEFHILMNORSX"
_AN_NUMBER = re.compile(r"8|1[18](?!\d)")
_MOST_ALIKE = 0.85


class Words(NamedTuple):
    """What is proposed for a name.

    Attributes:
        entry: the keys of a category of a description, without those that have their default.
        notes: what to check, with the choices.
    """

    entry: dict[str, Any]
    notes: list[str]


@cache
def _engine() -> Any:  # noqa: ANN401
    try:
        # This import takes more than a second: inflect recompiles its functions to check the types of their arguments.
        import inflect
    except ModuleNotFoundError as error:
        raise SARChatError(f"the words of categories need inflect: {install_extra('describe')}") from error
    return inflect.engine()


@cache
def _known_words() -> dict[str, str]:
    """Return the words of known corpora by their letters, which find those that are glued together."""
    words = (category.say for name in known_names() for category in known_corpus(name).targets)
    return {word.replace(" ", ""): word for word in words if " " in word}


def propose(name: str) -> Words:
    """Propose the words for a category from its name.

    Raises:
        SARChatError: if `inflect` is not installed.
    """
    notes: list[str] = []
    entry: dict[str, Any] = {"name": name}
    if _IGNORED.fullmatch(spaced(name)):
        return Words({**entry, "ignore": True}, ["no target by its name; without ignore, its boxes are targets"])
    say = _say(name, notes)
    say, many = _plural_of(say, notes)
    if _CATCH_ALL.fullmatch(say):
        noun = say.partition(" ")[2] or "target"
        words = f"say: {noun} of another kind, many: {_plural(noun)} of other kinds"
        notes.append(f"no kind of its own: choose ignore: true, or words such as {words}")
    elif say.endswith("ing"):
        notes.append(f"may lack its noun: choose say: {say}, or words such as say: {say} ship")
    if say != spaced(name):
        entry["say"] = say
    if many != f"{say}s":
        entry["many"] = many
    if (article := _article(say)) != ("an" if say[:1].lower() in "aeiou" else "a"):
        entry["article"] = article
    return Words(entry, notes)


def _say(name: str, notes: list[str]) -> str:
    speakable = " ".join(_UNSPEAKABLE.sub(" ", name).split()).strip(" -_/")
    if speakable != " ".join(name.split()) or not speakable:
        notes.append("its name has signs that cannot be said: choose say, and many")
    if not re.search("[A-Za-z]", speakable):
        notes.append("a number, not a word: choose say, and many")
    text = speakable or "target"
    if _GLUED.fullmatch(text):
        text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
        notes.append("divided at its capitals: choose say if that is wrong")
    say = spaced(text)
    say = _known_words().get(say, say)
    head, with_, tail = re.split(r"\bw/\s*", say)[0].strip(), "w/" in say, say.rpartition("w/")[2].strip()
    if with_ and head and tail:
        say = f"{head} with {tail}"
        notes.append("w/ is read as with: choose say and many if a word is missing")
    elif "/" in say and not _CODE.search(say):
        say = re.sub(r"[\s/]*/[\s/]*", " or ", say)
        notes.append("the slash is read as or: choose say and many if it is one thing")
    return say


def _plural_of(say: str, notes: list[str]) -> tuple[str, str]:
    """Return the singular and the plural of a word, which may be a plural itself."""
    for joint in (" with ", " or "):
        if joint in say:
            return say, joint.join(_plural(part) for part in say.split(joint))
    *first, last = say.split(" ")
    singular = None if _CODE.search(last) or last in _SINGULARS else _singular(last)
    if singular:
        notes.append(f"taken for a plural: choose say: {say} if it is none")
        return " ".join([*first, singular]), say
    return say, _plural(say)


def _singular(word: str) -> str | None:
    """Return the singular of a word that seems to be a plural."""
    if re.search(r"(ss|us|is)$", word):
        return None
    singular = _engine().singular_noun(word)
    return singular if singular and singular != word and _engine().plural_noun(singular) == word else None


def _plural(say: str) -> str:
    *first, last = say.split(" ")
    if _CODE.search(last):
        return f"{say}s"
    plural: str = _engine().plural_noun(last)
    # inflect doubles the last letter of `Nimitz`.
    plural = f"{last}es" if plural.endswith("zzes") and not last.endswith("zz") else plural
    return " ".join([*first, plural])


def _article(say: str) -> str:
    first = say.split(" ")[0].split("-")[0].split("/")[0]
    if first[:1].isdigit():
        return "an" if _AN_NUMBER.match(first) else "a"
    # Short ones and codes are spelt, others spoken as a word.
    if re.match(r"[A-Z]+\d", first) or (first.isupper() and (len(first) < 4 or not re.search("[AEIOUY]", first))):
        return "an" if first[0] in _AN_LETTERS else "a"
    article: str = _engine().a(first.lower()).split(" ")[0]
    return article


def draft_categories(counts: dict[str, int]) -> list[tuple[Words, int]]:
    """Propose the categories for names in annotations, so that no two have the same words.

    Args:
        counts: the number of boxes of each name.

    Returns:
        The words and the number of boxes of each category: the names with most boxes first.
    """
    drafted: list[tuple[Words, int]] = []
    same: dict[str, int] = {}
    taken: set[str] = set()
    for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        key = spaced(name).lower()
        if key in same:
            words, total = drafted[same[key]]
            # Case, hyphens and underscores do not matter when labels are read.
            words.notes.append(f"also annotated as {name!r}")
            drafted[same[key]] = words, total + number
            continue
        words = propose(name)
        say = str(words.entry.get("say") or spaced(name))
        if not words.entry.get("ignore") and say.lower() in taken:
            others = "BCDEFGHIJKLMNOPQRSTUVWXYZ"
            letter = next(letter for letter in others if f"type {letter} {say}".lower() not in taken)
            many = words.entry.get("many", f"{say}s")
            words.entry.update(say=f"type {letter} {say}", many=f"type {letter} {many}")
            words.entry.pop("article", None)
            words.notes.append("another category has the same words: choose say and many")
            say = words.entry["say"]
        taken.add(say.lower())
        same[key] = len(drafted)
        drafted.append((words, number))
    return drafted


def near_duplicates(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of names that may mean the same: but for a plural, a hyphen or a few letters."""
    squeezed = {name: re.sub(r"[\W_]", "", name.lower()) for name in names}
    return [
        (one, other)
        for one, other in combinations(squeezed, 2)
        # Codes differ in a digit.
        if not _CODE.search(one + other) and _are_alike(squeezed[one], squeezed[other])
    ]


def _are_alike(one: str, other: str) -> bool:
    return one.rstrip("s") == other.rstrip("s") or SequenceMatcher(None, one, other).ratio() > _MOST_ALIKE
