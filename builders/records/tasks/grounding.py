"""Grounding: cell and box of every target, and the spatial relation of each pair of categories."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product

from builders.corpus.targets import AnnotatedImage, Target
from builders.records.geometry import cell, direction, is_near, offset
from builders.records.phrases import (
    DIRECTION_PHRASES,
    MANY,
    ONE,
    PROXIMITY_PHRASES,
    WITH_ARTICLE,
    box_text,
    enumerate_words,
)
from builders.records.record import Conversation, Record
from builders.records.templating import form, load_templates

_TEMPLATES = load_templates("grounding")
_QUESTIONS = [f"{_TEMPLATES['tag']} {question}" for question in _TEMPLATES["questions"]]


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one."""
    return 1


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the image's one record: the categories in the order of `CATEGORIES`, then each pair of them."""
    record_id = talk.next_id()
    groups = image.by_category()
    sentences = [talk.choose("opening", _TEMPLATES["openings"])]
    sentences += [_locate(category, targets, image, talk) for category, targets in groups]
    sentences += [_relate(first, second, image, talk) for first, second in combinations(groups, 2)]
    yield Record(
        record_id,
        talk.choose("question", _QUESTIONS),
        " ".join(sentences),
        [target for _, targets in groups for target in targets],
    )


def _locate(category: int, targets: Sequence[Target], image: AnnotatedImage, talk: Conversation) -> str:
    """Write the positions of a category's targets."""
    fields = [
        {
            "cell": cell(target.box, image.width, image.height),
            "box": box_text(target.box, image.width, image.height),
        }
        for target in targets
    ]
    if len(targets) == 1:
        a = WITH_ARTICLE[category]
        sentence = talk.choose(f"single {category}", _TEMPLATES["singles"])
        text = sentence.format(a=a, A=a[0].upper() + a[1:], **fields[0])
        return text[0].upper() + text[1:]
    first, *others = fields
    places = [_TEMPLATES["places"]["first"].format(**first)]
    places += [_TEMPLATES["places"]["others"].format(**other) for other in others]
    sentence = talk.choose(f"several {category}", _TEMPLATES["several"])
    return sentence.format(n=len(targets), many=MANY[category], places=enumerate_words(places))


def _relate(
    first: tuple[int, list[Target]], second: tuple[int, list[Target]], image: AnnotatedImage, talk: Conversation
) -> str:
    """Describe the relation of two categories by their closest targets (the first such pair, if several)."""
    (category, targets), (other_category, other_targets) = first, second
    offsets = [offset(target.box, other.box) for target, other in product(targets, other_targets)]
    right, down = min(offsets, key=lambda pair: math.hypot(*pair))
    toward = direction(right, down)
    template = talk.choose(f"relation {category} {other_category}", _TEMPLATES["relations" if toward else "concentric"])
    return form(template, len(offsets)).format(
        first=ONE[category],
        second=ONE[other_category],
        proximity=PROXIMITY_PHRASES[is_near(right, down, image.width, image.height)],
        direction=DIRECTION_PHRASES[toward] if toward else None,
    )
