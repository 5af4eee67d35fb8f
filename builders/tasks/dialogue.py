"""Dialogue: one conversation per image, whose turns are records of the six tasks, word for word.

A trainer reads an image once a conversation instead of once a record. No turn gives away the answer of a later one more
than it must: each box is in one turn alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from builders.corpus.targets import AnnotatedImage
from builders.tasks import classification, counting, description, grounding, identification, referring
from builders.tasks.record import Conversation, Record

# What tells where the targets of a category are. Grounding does so for all categories at once, identification for the
# targets that it asks about; the share of each is the same.
_KINDS = ("grounding", "counting", "referring", "identification")
_BY_CATEGORY = {"counting": counting.records, "referring": referring.records}


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one."""
    return 1 if image.targets else 0


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the conversation about an image.

    It has these turns, in this order: classification; for one image in four grounding, and nothing else; for the
    others description, if the image has one, and for each category its counting or its referring, or neither; then
    identification of targets and pairs of targets of the categories that had neither, each target in one turn at most.
    """
    if not image.targets:
        return
    record_id = talk.next_id()
    turns = _of(classification, image, talk)
    kinds = _KINDS if talk.identifications else _KINDS[:-1]
    if talk.pick("image", kinds) == "grounding":
        # It says where everything is, and so more than a description.
        turns += _of(grounding, image, talk)
    else:
        turns += _of(description, image, talk) + _of_categories(image, talk, kinds[1:])
    (question, answer), *further = [(turn.question, turn.answer) for turn in turns]
    yield Record(record_id, question, answer, image.targets, further)


def _of(task: ModuleType, image: AnnotatedImage, talk: Conversation) -> list[Record]:
    name = task.__name__.rpartition(".")[2]
    return list(task.records(image, talk.of_task(name)))


def _of_categories(image: AnnotatedImage, talk: Conversation, kinds: tuple[str, ...]) -> list[Record]:
    turns = []
    asked: set[int] = set()
    made = {kind: list(records_of(image, talk.of_task(kind))) for kind, records_of in _BY_CATEGORY.items()}
    for place, (category, _) in enumerate(image.by_category()):
        kind = talk.pick(f"category {place}", kinds)
        if kind in made:
            turns.append(made[kind][place])
        else:
            asked.add(category)
    targets = [index for index, target in enumerate(image.targets) if target.category in asked]
    return turns + list(_identify(image, talk, targets))


def _identify(image: AnnotatedImage, talk: Conversation, targets: list[int]) -> Iterator[Record]:
    """Yield identifications of single targets and of pairs in turn, each target in one of them at most."""
    left = sorted(targets, key=lambda index: (talk.pick(f"target {index}", range(2**32)), index))
    for number in range(talk.identifications):
        if not left:
            return
        pair = number % 2 and len(left) > 1
        chosen, left = left[: 1 + bool(pair)], left[1 + bool(pair) :]
        yield identification.record_of(image, talk, *chosen)
