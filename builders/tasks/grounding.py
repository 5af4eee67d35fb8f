"""Grounding: cell and box of every target, and the spatial relation of each pair of categories."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product

from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.geometry import cell, direction, is_near, offset
from builders.tasks.phrases import (
    DIRECTION_PHRASES,
    PROXIMITY_PHRASES,
    enumerate_words,
    target_text,
)
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import form, templates_for


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one."""
    return 1


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the image's one record: the categories in the order of their class labels, then each pair of them."""
    record_id, templates = talk.next_id(), templates_for("grounding", talk.info)
    groups = image.by_category()
    sentences = [talk.choose("opening", templates["openings"])]
    sentences += [_locate(category, targets, image, talk) for category, targets in groups]
    sentences += [_relate(first, second, image, talk) for first, second in combinations(groups, 2)]
    yield Record(
        record_id,
        talk.choose("question", templates["questions"]),
        " ".join(sentences),
        [target for _, targets in groups for target in targets],
    )


def _locate(category: int, targets: Sequence[Target], image: AnnotatedImage, talk: Conversation) -> str:
    """Write the positions of a category's targets."""
    info, templates = talk.info, templates_for("grounding", talk.info)
    fields = [
        {
            "cell": cell(target.box, image.width, image.height),
            "box": target_text(target, image.width, image.height),
        }
        for target in targets
    ]
    if len(targets) == 1:
        a = info.with_article[category]
        sentence = talk.choose(f"single {category}", templates["singles"])
        text = sentence.format(a=a, A=a[0].upper() + a[1:], **fields[0])
        return text[0].upper() + text[1:]
    first, *others = fields
    places = [templates["places"]["first"].format(**first)]
    places += [templates["places"]["others"].format(**other) for other in others]
    sentence = talk.choose(f"several {category}", templates["several"])
    return sentence.format(n=len(targets), many=info.plurals[category], places=enumerate_words(places))


def _relate(
    first: tuple[int, list[Target]], second: tuple[int, list[Target]], image: AnnotatedImage, talk: Conversation
) -> str:
    """Describe the relation of two categories by their closest targets (the first such pair, if several)."""
    (category, targets), (other_category, other_targets) = first, second
    templates = templates_for("grounding", talk.info)
    offsets = [offset(target.box, other.box) for target, other in product(targets, other_targets)]
    right, down = min(offsets, key=lambda pair: math.hypot(*pair))
    toward = direction(right, down)
    template = talk.choose(f"relation {category} {other_category}", templates["relations" if toward else "concentric"])
    return form(template, len(offsets)).format(
        first=talk.info.names[category],
        second=talk.info.names[other_category],
        proximity=PROXIMITY_PHRASES[is_near(right, down, image.width, image.height)],
        direction=DIRECTION_PHRASES[toward] if toward else None,
    )
