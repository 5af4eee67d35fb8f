"""A record as a task makes it, and its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from builders.coco import stem
from builders.targets import Target
from builders.wording import Choose, Chooser


class Record(NamedTuple):
    """One conversation about an image.

    Attributes:
        id: `TASK/SPLIT/IMAGE/NUMBER`, unique in the whole data set.
        question: the user's message.
        answer: the assistant's message.
        targets: the targets that the answer is about, in its order.
    """

    id: str
    question: str
    answer: str
    targets: Sequence[Target]


class RecordIds:
    """Gives an image's records their ids, and each the choice of its wordings."""

    def __init__(self, prefix: str, file_name: str, chooser: Chooser) -> None:
        """Start at 0 for an image; `prefix` is `TASK/SPLIT`."""
        self._prefix = f"{prefix}/{stem(file_name)}/"
        self._chooser = chooser
        self._number = 0

    def next(self) -> tuple[str, Choose]:
        """Return the next record's id and its choice function."""
        record_id = f"{self._prefix}{self._number}"
        self._number += 1
        return record_id, self._chooser.of(record_id)
