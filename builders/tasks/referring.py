"""Referring: the boxes of a category's targets, each with its cell."""

from __future__ import annotations

from collections.abc import Iterator

from builders.corpus.targets import AnnotatedImage
from builders.tasks.geometry import cell
from builders.tasks.phrases import target_text
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import templates_for


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one per category in it."""
    return len({target.category for target in image.targets})


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield a record for each category in the image."""
    info, templates = talk.info, templates_for("referring", talk.info)
    for category, targets in image.by_category():
        record_id = talk.next_id()
        yield Record(
            record_id,
            talk.choose("question", templates["questions"]).format(
                one=info.names[category], many=info.plurals[category], a=info.with_article[category]
            ),
            "".join(
                templates["answer"].format(
                    box=target_text(target, image.width, image.height),
                    cell=cell(target.box, image.width, image.height),
                )
                for target in targets
            ),
            targets,
        )
