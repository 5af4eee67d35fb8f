"""Identification: the target in a box, on its own and relative to another target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from builders.corpus.targets import AnnotatedImage, Target
from builders.records.geometry import area_share, cell, direction, identification_size, is_near, offset, shape
from builders.records.phrases import DIRECTION_PHRASES, ONE, PROXIMITY_PHRASES, SHAPE_PHRASES, box_text
from builders.records.record import Conversation, Record
from builders.records.templating import by_position, load_templates

_TEMPLATES = load_templates("identification")


def _wordings(kind: str, answers: str, fields: Sequence[str]) -> list[tuple[str, str]]:
    """Pair each question with each answer, so that one choice gives both; `fields` are the answer's, by position.

    Three in four records are of this task, so the pairs are formed once and not for each of a million records.
    """
    questions = by_position(_TEMPLATES[kind]["questions"], ("box", "other_box"))
    tagged = [f"{_TEMPLATES['tag']} {question}" for question in questions]
    return list(product(tagged, by_position(_TEMPLATES[kind][answers], fields)))


_TARGET_WORDINGS = _wordings("target", "answers", ("size", "category", "shape", "cell"))
_PAIR_WORDINGS, _CONCENTRIC_WORDINGS = (
    _wordings("pair", answers, ("size", "category", "other", "proximity", "direction"))
    for answers in ("answers", "concentric")
)
_THE = tuple(f"the {name}" for name in ONE)
_ANOTHER = tuple(f"the other {name}" for name in ONE)


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: n * n for n targets."""
    return len(image.targets) ** 2


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield a record for each target, then one for each ordered pair of targets: n * n for n targets."""
    boxes = [box_text(target.box, image.width, image.height) for target in image.targets]
    sizes = [identification_size(area_share(target.box, image.width, image.height)) for target in image.targets]
    for target, box, size in zip(image.targets, boxes, sizes, strict=True):
        yield _identify(target, box, size, image, talk)
    for index, (target, box, size) in enumerate(zip(image.targets, boxes, sizes, strict=True)):
        for other_index, (other, other_box) in enumerate(zip(image.targets, boxes, strict=True)):
            if index != other_index:
                yield _relate(target, box, size, other, other_box, image, talk)


def _identify(target: Target, box: str, size: str, image: AnnotatedImage, talk: Conversation) -> Record:
    record_id = talk.next_id()
    question, answer = talk.choose("wording", _TARGET_WORDINGS)
    outline, place = SHAPE_PHRASES[shape(target.box)], cell(target.box, image.width, image.height)
    answer = answer.format(size, ONE[target.category], outline, place)
    return Record(record_id, question.format(box), answer, [target])


def _relate(
    target: Target, box: str, size: str, other: Target, other_box: str, image: AnnotatedImage, talk: Conversation
) -> Record:
    record_id = talk.next_id()
    right, down = offset(target.box, other.box)
    toward = direction(right, down)
    question, answer = talk.choose("wording", _PAIR_WORDINGS if toward else _CONCENTRIC_WORDINGS)
    answer = answer.format(
        size,
        ONE[target.category],
        (_ANOTHER if other.category == target.category else _THE)[other.category],
        PROXIMITY_PHRASES[is_near(right, down, image.width, image.height)],
        DIRECTION_PHRASES[toward] if toward else None,
    )
    return Record(record_id, question.format(box, other_box), answer, [target, other])
