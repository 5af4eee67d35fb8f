"""Description: size, category and cell of each prominent target."""

from __future__ import annotations

from collections.abc import Iterator

from builders.corpus.targets import AnnotatedImage, Target
from builders.records.geometry import area_share, cell, description_size, side_ratio
from builders.records.record import Conversation, Record
from builders.records.wording import ONE, enumerate_words, load_templates

MINIMUM_SIDE = 224
MINIMUM_SHARE = 0.01
MAXIMUM_SIDE_RATIO = 10

_TEMPLATES = load_templates("description")


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the image's one record, or none if the image is small or has no prominent target."""
    if min(image.width, image.height) < MINIMUM_SIDE:
        return
    prominent = [target for target in image.targets if _is_prominent(target, image)]
    if not prominent:
        return
    record_id = talk.next_id()
    phrases = [_phrase(target, image, talk, number) for number, target in enumerate(prominent)]
    yield Record(
        record_id,
        talk.choose("question", _TEMPLATES["questions"]),
        talk.choose("answer", _TEMPLATES["answers"]).format(targets=enumerate_words(phrases)),
        prominent,
    )


def _is_prominent(target: Target, image: AnnotatedImage) -> bool:
    """Return whether a target is described: large enough, not too long, entirely inside (section 3.2, item 2)."""
    return (
        target.whole
        and area_share(target.box, image.width, image.height) >= MINIMUM_SHARE
        and side_ratio(target.box) <= MAXIMUM_SIDE_RATIO
    )


def _phrase(target: Target, image: AnnotatedImage, talk: Conversation, number: int) -> str:
    size = description_size(area_share(target.box, image.width, image.height))
    return talk.choose(f"phrase {number}", _TEMPLATES["phrases"]).format(
        target=f"a {size} {ONE[target.category]}", cell=cell(target.box, image.width, image.height)
    )
