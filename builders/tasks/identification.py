"""Identification: what a boxed target is, alone and as seen from another."""

from __future__ import annotations

from collections.abc import Iterator

from builders.geometry import area_share, cell, direction, identification_size, is_near, offset, shape
from builders.targets import AnnotatedImage, Target
from builders.tasks.record import Conversation, Record
from builders.wording import (
    DIRECTION_PHRASES,
    ONE,
    PROXIMITY_PHRASES,
    SHAPE_PHRASES,
    box_text,
    by_position,
    load_templates,
)

_TEMPLATES = load_templates("identification")
# Three records in four are of this task: by position, fields fill in thrice as fast as by name.
_TARGET_QUESTIONS, _PAIR_QUESTIONS = (
    [f"{_TEMPLATES['tag']} {question}" for question in by_position(_TEMPLATES[kind]["questions"], fields)]
    for kind, fields in (("target", ("box",)), ("pair", ("box", "other_box")))
)
_TARGET_ANSWERS = by_position(_TEMPLATES["target"]["answers"], ("size", "category", "shape", "cell"))
_PAIR_FIELDS = ("size", "category", "other", "proximity", "direction")
_PAIR_ANSWERS = by_position(_TEMPLATES["pair"]["answers"], _PAIR_FIELDS)
_CONCENTRIC_ANSWERS = by_position(_TEMPLATES["pair"]["concentric"], _PAIR_FIELDS)

_THE = tuple(f"the {name}" for name in ONE)
_ANOTHER = tuple(f"the other {name}" for name in ONE)


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
    return Record(
        talk.next_id(),
        talk.choose("question", _TARGET_QUESTIONS).format(box),
        talk.choose("answer", _TARGET_ANSWERS).format(
            size,
            ONE[target.category],
            SHAPE_PHRASES[shape(target.box)],
            cell(target.box, image.width, image.height),
        ),
        [target],
    )


def _relate(
    target: Target, box: str, size: str, other: Target, other_box: str, image: AnnotatedImage, talk: Conversation
) -> Record:
    right, down = offset(target.box, other.box)
    toward = direction(right, down)
    return Record(
        talk.next_id(),
        talk.choose("question", _PAIR_QUESTIONS).format(box, other_box),
        talk.choose("answer", _PAIR_ANSWERS if toward else _CONCENTRIC_ANSWERS).format(
            size,
            ONE[target.category],
            (_ANOTHER if other.category == target.category else _THE)[other.category],
            PROXIMITY_PHRASES[is_near(right, down, image.width, image.height)],
            DIRECTION_PHRASES[toward] if toward else None,
        ),
        [target, other],
    )
