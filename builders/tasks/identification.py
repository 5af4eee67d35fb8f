"""Identification: the target in a box, on its own and relative to another target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations, product
from typing import NamedTuple

from builders.corpus.info import CorpusInfo
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.geometry import cell, covered_share, direction, identification_size, is_near, offset, outline
from builders.tasks.phrases import (
    DIRECTION_PHRASES,
    ORIENTATION_PHRASES,
    PROXIMITY_PHRASES,
    SHAPE_PHRASES,
    target_text,
)
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import by_position, templates_for

Wordings = list[tuple[str, str]]


class _Words(NamedTuple):
    """A corpus's wordings, each a question and an answer, formed once and not for each of a million records."""

    of_target: Wordings
    of_pair: Wordings
    concentric: Wordings
    of_orientation: Sequence[str]
    names: Sequence[str]
    size_suffixes: Sequence[str]
    the: Sequence[str]
    the_other: Sequence[str]


class _Asked(NamedTuple):
    """A target with its box and its size as texts, formed once and not for each pair."""

    target: Target
    box: str
    size: str


@cache
def _words_for(info: CorpusInfo) -> _Words:
    pair = ("size", "category", "other", "proximity", "direction")
    return _Words(
        _pair_up(info, "target", "answers", ("size", "category", "shape", "cell")),
        _pair_up(info, "pair", "answers", pair),
        _pair_up(info, "pair", "concentric", pair),
        by_position(templates_for("identification", info)["orientation"], ("orientation",)),
        info.names,
        info.size_suffixes,
        [f"the {name}" for name in info.names],
        [f"the other {name}" for name in info.names],
    )


def _pair_up(info: CorpusInfo, kind: str, answers: str, fields: Sequence[str]) -> Wordings:
    """Pair each question with each answer, so that one choice gives both; `fields` are the answer's, by position."""
    templates = templates_for("identification", info)[kind]
    questions = by_position(templates["questions"], ("box", "other_box"))
    return list(product(questions, by_position(templates[answers], fields)))


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: n * n for n targets."""
    return len(image.targets) ** 2


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield a record for each target, then one for each ordered pair of targets: n * n for n targets."""
    words = _words_for(talk.info)
    asked = [_ask(target, image, words) for target in image.targets]
    for one in asked:
        yield _identify(one, image, talk, words)
    for one, other in permutations(asked, 2):
        yield _relate(one, other, image, talk, words)


def record_of(image: AnnotatedImage, talk: Conversation, index: int, other: int | None = None) -> Record:
    """Return one of `records`: that of a target, or of a target and another one, by their indices in the image."""
    words, number = _words_for(talk.info), len(image.targets)
    asked = _ask(image.targets[index], image, words)
    if other is None:
        return _identify(asked, image, talk.of_task("identification", index), words)
    # After those of single targets; a target has no pair with itself.
    place = number + index * (number - 1) + other - (other > index)
    return _relate(asked, _ask(image.targets[other], image, words), image, talk.of_task("identification", place), words)


def _ask(target: Target, image: AnnotatedImage, words: _Words) -> _Asked:
    size = identification_size(covered_share(target, image.width, image.height)) + words.size_suffixes[target.category]
    return _Asked(target, target_text(target, image.width, image.height), size)


def _identify(asked: _Asked, image: AnnotatedImage, talk: Conversation, words: _Words) -> Record:
    target, box, size = asked
    record_id = talk.next_id()
    question, answer = talk.choose("wording", words.of_target)
    shape, _, orientation = outline(target)
    place = cell(target.box, image.width, image.height)
    answer = answer.format(size, words.names[target.category], SHAPE_PHRASES[shape], place)
    if orientation:
        sentence = talk.choose("orientation", words.of_orientation)
        answer += f" {sentence.format(ORIENTATION_PHRASES[orientation])}"
    return Record(record_id, question.format(box), answer, [target])


def _relate(asked: _Asked, beside: _Asked, image: AnnotatedImage, talk: Conversation, words: _Words) -> Record:
    target, box, size = asked
    other, other_box, _ = beside
    record_id = talk.next_id()
    right, down = offset(target.box, other.box)
    toward = direction(right, down)
    question, answer = talk.choose("wording", words.of_pair if toward else words.concentric)
    answer = answer.format(
        size,
        words.names[target.category],
        (words.the_other if other.category == target.category else words.the)[other.category],
        PROXIMITY_PHRASES[is_near(right, down, image.width, image.height)],
        DIRECTION_PHRASES[toward] if toward else None,
    )
    return Record(record_id, question.format(box, other_box), answer, [target, other])
