"""Classification: the categories in an image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from builders.corpus.info import CorpusInfo
from builders.corpus.targets import AnnotatedImage
from builders.tasks.phrases import enumerate_words
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import form, templates_for


@cache
def _questions(info: CorpusInfo) -> list[str]:
    candidates = ", ".join(info.names)
    return [question.format(candidates=candidates) for question in templates_for("classification", info)["questions"]]


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one."""
    return 1


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the image's one record, with the categories in the order of their class labels."""
    record_id = talk.next_id()
    present = sorted({target.category for target in image.targets})
    answer = form(talk.choose("answer", templates_for("classification", talk.info)["answers"]), len(present))
    yield Record(
        record_id,
        talk.choose("question", _questions(talk.info)),
        answer.format(categories=enumerate_words([talk.info.names[category] for category in present])),
        sorted(image.targets, key=lambda target: target.category),
    )
