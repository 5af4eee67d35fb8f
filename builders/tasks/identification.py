"""Identification: the target in a box, on its own and relative to another target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
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
    the: Sequence[str]
    the_other: Sequence[str]


@cache
def _words_for(info: CorpusInfo) -> _Words:
    pair = ("size", "category", "other", "proximity", "direction")
    return _Words(
        _pair_up(info, "target", "answers", ("size", "category", "shape", "cell")),
        _pair_up(info, "pair", "answers", pair),
        _pair_up(info, "pair", "concentric", pair),
        by_position(templates_for("identification", info)["orientation"], ("orientation",)),
        info.names,
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
    words, suffixes = _words_for(talk.info), talk.info.size_suffixes
    boxes = [target_text(target, image.width, image.height) for target in image.targets]
    sizes = [
        identification_size(covered_share(target, image.width, image.height)) + suffixes[target.category]
        for target in image.targets
    ]
    for target, box, size in zip(image.targets, boxes, sizes, strict=True):
        yield _identify(target, box, size, image, talk, words)
    for index, (target, box, size) in enumerate(zip(image.targets, boxes, sizes, strict=True)):
        for other_index, (other, other_box) in enumerate(zip(image.targets, boxes, strict=True)):
            if index != other_index:
                yield _relate(target, box, size, other, other_box, image, talk, words)


def record_of(image: AnnotatedImage, talk: Conversation, index: int, other: int | None = None) -> Record:
    """Return one of `records`: that of a target, or of a target and another one, by their indices in the image."""
    words, suffixes, number = _words_for(talk.info), talk.info.size_suffixes, len(image.targets)
    target, width, height = image.targets[index], image.width, image.height
    box = target_text(target, width, height)
    size = identification_size(covered_share(target, width, height)) + suffixes[target.category]
    if other is None:
        return _identify(target, box, size, image, talk.of_task("identification", index), words)
    # After those of single targets; a target has no pair with itself.
    place = number + index * (number - 1) + other - (other > index)
    pair = image.targets[other], target_text(image.targets[other], width, height)
    return _relate(target, box, size, *pair, image, talk.of_task("identification", place), words)


def _identify(target: Target, box: str, size: str, image: AnnotatedImage, talk: Conversation, words: _Words) -> Record:
    record_id = talk.next_id()
    question, answer = talk.choose("wording", words.of_target)
    shape, _, orientation = outline(target)
    place = cell(target.box, image.width, image.height)
    answer = answer.format(size, words.names[target.category], SHAPE_PHRASES[shape], place)
    if orientation:
        sentence = talk.choose("orientation", words.of_orientation)
        answer += f" {sentence.format(ORIENTATION_PHRASES[orientation])}"
    return Record(record_id, question.format(box), answer, [target])


def _relate(
    target: Target,
    box: str,
    size: str,
    other: Target,
    other_box: str,
    image: AnnotatedImage,
    talk: Conversation,
    words: _Words,
) -> Record:
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
