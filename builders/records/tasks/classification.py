"""Classification: the categories in an image."""

from __future__ import annotations

from collections.abc import Iterator

from builders.corpus.targets import AnnotatedImage
from builders.records.phrases import ONE, enumerate_words
from builders.records.record import Conversation, Record
from builders.records.templating import form, load_templates

_TEMPLATES = load_templates("classification")
_QUESTIONS = [question.format(candidates=", ".join(ONE)) for question in _TEMPLATES["questions"]]


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one."""
    return 1


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the image's one record, with the categories in the order of `CATEGORIES`."""
    record_id = talk.next_id()
    present = sorted({target.category for target in image.targets})
    answer = form(talk.choose("answer", _TEMPLATES["answers"]), len(present))
    yield Record(
        record_id,
        talk.choose("question", _QUESTIONS),
        answer.format(categories=enumerate_words([ONE[category] for category in present])),
        sorted(image.targets, key=lambda target: target.category),
    )
