"""Description: size, category and cell of each prominent target."""

from __future__ import annotations

from collections.abc import Iterator

from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.geometry import cell, covered_share, description_size, outline
from builders.tasks.phrases import enumerate_words
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import templates_for

MINIMUM_SIDE = 224
MINIMUM_SHARE = 0.01
MAXIMUM_SIDE_RATIO = 10


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one, or none without a prominent target."""
    return int(bool(_prominent(image)))


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the image's one record, or none: a small image, or one without a prominent target, is left out."""
    described = _prominent(image)
    if not described:
        return
    record_id, templates = talk.next_id(), templates_for("description", talk.info)
    phrases = [_phrase(target, image, talk, number) for number, target in enumerate(described)]
    yield Record(
        record_id,
        talk.choose("question", templates["questions"]),
        talk.choose("answer", templates["answers"]).format(targets=enumerate_words(phrases)),
        described,
    )


def _prominent(image: AnnotatedImage) -> list[Target]:
    """Return the targets that are described; none of an image that is too small (section 3.2, item 2)."""
    if min(image.width, image.height) < MINIMUM_SIDE:
        return []
    return [target for target in image.targets if _is_prominent(target, image)]


def _is_prominent(target: Target, image: AnnotatedImage) -> bool:
    """Return whether a target is described: large enough, not too long, and entirely inside (section 3.2, item 2)."""
    return (
        target.whole
        and covered_share(target, image.width, image.height) >= MINIMUM_SHARE
        and outline(target)[1] <= MAXIMUM_SIDE_RATIO
    )


def _phrase(target: Target, image: AnnotatedImage, talk: Conversation, number: int) -> str:
    size = description_size(covered_share(target, image.width, image.height))
    suffix = talk.info.size_suffixes[target.category]
    return talk.choose(f"phrase {number}", templates_for("description", talk.info)["phrases"]).format(
        target=f"a {size}{suffix} {talk.info.names[target.category]}", cell=cell(target.box, image.width, image.height)
    )
