"""The six tasks, a module each. `records` turns an image's targets into records; `count` is their number."""

from __future__ import annotations

from collections.abc import Iterator

from builders.corpus.targets import AnnotatedImage
from builders.records.record import Conversation, Record
from builders.records.tasks import classification, counting, description, grounding, identification, referring
from builders.records.templating import Chooser

_MODULES = {
    "classification": classification,
    "description": description,
    "counting": counting,
    "grounding": grounding,
    "identification": identification,
    "referring": referring,
}


def count_records(task: str, image: AnnotatedImage) -> int:
    """Return the number of records that `generate_records` yields for an image, without making them."""
    return _MODULES[task].count(image)


def generate_records(task: str, split: str, image: AnnotatedImage, chooser: Chooser) -> Iterator[Record]:
    """Yield a task's records of one image, in order."""
    return _MODULES[task].records(image, Conversation(f"{task}/{split}", image.file_name, chooser))
