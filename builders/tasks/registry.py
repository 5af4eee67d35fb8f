"""The tasks: a module and a YAML file each, in this folder, found by listing it.

A module has `records(image, talk)`, which yields an image's records, and `count(image)`, their number. The YAML file
has the wordings, the tag, and `about`: the task's place among the others, where boxes are, and texts for the card.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain

from builders.corpus.targets import AnnotatedImage
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import Chooser


@dataclass(frozen=True)
class Task:
    """How the records of a task are made.

    Attributes:
        records: yields an image's records, in order.
        count: returns their number without making them.
    """

    records: Callable[[AnnotatedImage, Conversation], Iterator[Record]]
    count: Callable[[AnnotatedImage], int]


@cache
def _task(name: str) -> Task:
    module = importlib.import_module(f"builders.tasks.{name}")
    return Task(module.records, module.count)


def count_records(task: str, image: AnnotatedImage) -> int:
    """Return the number of records that `generate_records` yields for an image, without making them."""
    return _task(task).count(image)


def generate_records(
    task: str, split: str, image: AnnotatedImage, chooser: Chooser, wordings: int = 1
) -> Iterator[Record]:
    """Yield a task's records of one image, in order; each in a number of wordings, one after the other."""
    talks = [Conversation(task, split, image.file_name, chooser, wording) for wording in range(wordings)]
    return chain.from_iterable(zip(*(_task(task).records(image, talk) for talk in talks), strict=True))
