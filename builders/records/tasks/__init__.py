"""The six tasks. Each turns an image's targets into records."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from builders.corpus.targets import AnnotatedImage
from builders.records.record import Conversation, Record
from builders.records.tasks import classification, counting, description, grounding, identification, referring
from builders.records.templating import Chooser

Task = Callable[[AnnotatedImage, Conversation], Iterator[Record]]

_GENERATORS: dict[str, Task] = {
    "classification": classification.records,
    "description": description.records,
    "counting": counting.records,
    "grounding": grounding.records,
    "identification": identification.records,
    "referring": referring.records,
}


# The number of records that a task makes of an image, without making them.
_COUNTS: dict[str, Callable[[AnnotatedImage], int]] = {
    "classification": classification.count,
    "description": description.count,
    "counting": counting.count,
    "grounding": grounding.count,
    "identification": identification.count,
    "referring": referring.count,
}


def count_records(task: str, image: AnnotatedImage) -> int:
    """Return the number of records that `generate_records` yields for an image."""
    return _COUNTS[task](image)


def generate_records(task: str, split: str, image: AnnotatedImage, chooser: Chooser) -> Iterator[Record]:
    """Yield a task's records of one image, in order."""
    return _GENERATORS[task](image, Conversation(f"{task}/{split}", image.file_name, chooser))
