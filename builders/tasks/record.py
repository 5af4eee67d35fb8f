"""A record as a task generates it, and its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from builders.core.schema import stem
from builders.corpus.targets import Target
from builders.tasks.templating import Chooser

T = TypeVar("T")


class Record(NamedTuple):
    """One conversation about an image.

    Attributes:
        id: `TASK/SPLIT/IMAGE/NUMBER`, unique in the whole data set; of a further wording, `#1` and so on follows.
        question: the user's message.
        answer: the assistant's message.
        targets: the targets that the answer is about, in its order.
        further: the questions and answers after the first one, in a conversation of several turns.
    """

    id: str
    question: str
    answer: str
    targets: Sequence[Target]
    further: Sequence[tuple[str, str]] = ()


class Conversation:
    """Assigns ids and wordings to the records of one image and one task.

    Attributes:
        info: the corpus whose words are used.
        identifications: the most identifications that a dialogue has.
    """

    def __init__(self, task: str, split: str, file_name: str, chooser: Chooser, wording: int = 0) -> None:
        """Prepare for the first record of an image; `wording` counts the wordings of one record."""
        self._prefix = f"{task}/{split}/{stem(file_name)}/"
        self.info, self.identifications = chooser.info, chooser.identifications
        self._split, self._file_name, self._chooser = split, file_name, chooser
        self._wording = wording
        self._suffix = f"#{wording}" if wording else ""
        self._number = -1
        self._id = ""

    def next_id(self) -> str:
        """Move on to the next record and return its id."""
        self._number += 1
        self._id = f"{self._prefix}{self._number}"
        return self._id + self._suffix

    def of_task(self, task: str, number: int = 0) -> Conversation:
        """Return the conversation about the same image in another task, before its record `number`."""
        other = Conversation(task, self._split, self._file_name, self._chooser, self._wording)
        other._number = number - 1
        return other

    def choose(self, slot: str, options: Sequence[T]) -> T:
        """Choose a wording for a slot of the current record."""
        return self._chooser.choose(self._id, slot, options, self._wording)

    def pick(self, slot: str, options: Sequence[T]) -> T:
        """Choose what the current record asks for, which is the same in each of its wordings."""
        return self._chooser.choose(self._id, slot, options)
