"""Referring: the boxes of a category's targets, each with its cell."""

from __future__ import annotations

from collections.abc import Iterator

from builders.corpus.targets import AnnotatedImage
from builders.records.geometry import cell
from builders.records.phrases import MANY, ONE, WITH_ARTICLE, box_text
from builders.records.record import Conversation, Record
from builders.records.templating import form, load_templates

_TEMPLATES = load_templates("referring")
_QUESTIONS = [
    {number: f"{_TEMPLATES['tag']} {question[number]}" for number in ("one", "many")}
    for question in _TEMPLATES["questions"]
]


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one per category in it."""
    return len({target.category for target in image.targets})


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield a record for each category in the image."""
    for category, targets in image.by_category():
        record_id = talk.next_id()
        question = form(talk.choose("question", _QUESTIONS), len(targets))
        yield Record(
            record_id,
            question.format(one=ONE[category], many=MANY[category], a=WITH_ARTICLE[category], n=len(targets)),
            "".join(
                _TEMPLATES["answer"].format(
                    box=box_text(target.box, image.width, image.height),
                    cell=cell(target.box, image.width, image.height),
                )
                for target in targets
            ),
            targets,
        )
