"""Dialogue: one conversation per image, whose turns are records of the six tasks, word for word.

A trainer reads an image once a conversation instead of once a record. No turn gives away the answer of a later one more
than it must: each box is in one turn alone, and nothing names the categories of targets that are to be identified.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from builders.corpus.targets import AnnotatedImage
from builders.tasks import classification, counting, description, grounding, identification, referring
from builders.tasks.record import Conversation, Record

# What tells where the targets of an image are; counting and referring do so for each category.
_KINDS = ("counting", "referring", "grounding", "identification")


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one."""
    return 1 if image.targets else 0


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the conversation about an image.

    One image in four has identification, of targets and pairs of targets, each target in one turn at most. The others
    begin with classification. One in four has grounding then; the rest has description, if the image has one, and for
    each category its counting or its referring.
    """
    if not image.targets:
        return
    record_id = talk.next_id()
    (question, answer), *further = [(turn.question, turn.answer) for turn in _turns(image, talk)]
    yield Record(record_id, question, answer, image.targets, further)


def _turns(image: AnnotatedImage, talk: Conversation) -> list[Record]:
    kind = talk.pick("image", _KINDS if talk.identifications else _KINDS[:-1])
    if kind == "identification":
        # Most images have targets of one category, which classification would name.
        return list(_identify(image, talk))
    first = _of(classification, image, talk)
    if kind == "grounding":
        # It says where everything is, and so more than a description.
        return first + _of(grounding, image, talk)
    by_category = zip(_of(counting, image, talk), _of(referring, image, talk), strict=True)
    chosen = [talk.pick(f"category {place}", turns) for place, turns in enumerate(by_category)]
    return first + _of(description, image, talk) + chosen


def _of(task: ModuleType, image: AnnotatedImage, talk: Conversation) -> list[Record]:
    name = task.__name__.rpartition(".")[2]
    return list(task.records(image, talk.of_task(name)))


def _identify(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield identifications of single targets and of pairs in turn, each target in one of them at most."""
    first = talk.pick("first", (0, 1))
    left = sorted(range(len(image.targets)), key=lambda index: (talk.pick(f"target {index}", range(2**32)), index))
    for number in range(talk.identifications):
        if not left:
            return
        size = 1 + bool((first + number) % 2 and len(left) > 1)
        chosen, left = left[:size], left[size:]
        yield identification.record_of(image, talk, *chosen)
