"""Identification: what a boxed target is, alone and as seen from another."""

from __future__ import annotations

from collections.abc import Iterator

from builders.geometry import area_share, cell, direction, identification_size, is_near, shape
from builders.targets import AnnotatedImage, Target
from builders.tasks.record import Record, RecordIds
from builders.wording import (
    DIRECTION_PHRASES,
    ONE,
    PROXIMITY_PHRASES,
    SHAPE_PHRASES,
    box_text,
    load_templates,
)

_TEMPLATES = load_templates("identification")
_QUESTIONS = {
    kind: [f"{_TEMPLATES['tag']} {question}" for question in _TEMPLATES[kind]["questions"]]
    for kind in ("target", "pair")
}


def records(image: AnnotatedImage, ids: RecordIds) -> Iterator[Record]:
    """Yield a record for each target, then one for each ordered pair of targets: n * n for n targets."""
    boxes = [box_text(target.box, image.width, image.height) for target in image.targets]
    sizes = [identification_size(area_share(target.box, image.width, image.height)) for target in image.targets]
    for target, box, size in zip(image.targets, boxes, sizes, strict=True):
        yield _identify(target, box, size, image, ids)
    for index, (target, box, size) in enumerate(zip(image.targets, boxes, sizes, strict=True)):
        for other_index, (other, other_box) in enumerate(zip(image.targets, boxes, strict=True)):
            if index != other_index:
                yield _relate(target, box, size, other, other_box, image, ids)


def _identify(target: Target, box: str, size: str, image: AnnotatedImage, ids: RecordIds) -> Record:
    record_id, choose = ids.next()
    return Record(
        record_id,
        choose("question", _QUESTIONS["target"]).format(box=box),
        choose("answer", _TEMPLATES["target"]["answers"]).format(
            size=size,
            category=ONE[target.category],
            shape=SHAPE_PHRASES[shape(target.box)],
            cell=cell(target.box, image.width, image.height),
        ),
        [target],
    )


def _relate(
    target: Target, box: str, size: str, other: Target, other_box: str, image: AnnotatedImage, ids: RecordIds
) -> Record:
    record_id, choose = ids.next()
    toward = direction(target.box, other.box)
    article = "the other" if other.category == target.category else "the"
    return Record(
        record_id,
        choose("question", _QUESTIONS["pair"]).format(box=box, other_box=other_box),
        choose("answer", _TEMPLATES["pair"]["answers" if toward else "concentric"]).format(
            size=size,
            category=ONE[target.category],
            other=f"{article} {ONE[other.category]}",
            direction=DIRECTION_PHRASES[toward] if toward else None,
            proximity=PROXIMITY_PHRASES[is_near(target.box, other.box, image.width, image.height)],
        ),
        [target, other],
    )
