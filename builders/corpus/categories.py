"""The names of categories in annotations, and which of the corpus's categories each one is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from builders.core.errors import SARChatError, near
from builders.corpus.info import CorpusInfo, spaced
from builders.corpus.targets import LEFT_OUT

# The files with unknown categories that a message names.
_FILES = 3


def normalize(label: object) -> str:
    """Return the form in which category names are compared: in lower case, without surrounding spaces."""
    return str(label).strip().lower()


@dataclass(frozen=True)
class Naming:
    """The category of each name in the annotations.

    Attributes:
        info: what the corpus is about: its categories and their words.
        choices: the user's choices for normalized names: the name of a category, or `None` to leave out its boxes.
    """

    info: CorpusInfo
    choices: Mapping[str, str | None] = field(default_factory=dict)

    def find(self, label: str) -> int | None:
        """Return the class label of a name in the annotations: of the user's choice, or of a word of a category.

        It is `LEFT_OUT` if its boxes are left out, and `None` if it is unknown.
        """
        label = normalize(label)
        name, label_of = self.choices.get(label, label), self.info.label_of
        return LEFT_OUT if name is None else label_of.get(name, label_of.get(spaced(name)))

    def refuse_unknown(self, boxes: Mapping[str, Mapping[str, int]]) -> None:
        """Refuse unknown names.

        Args:
            boxes: the number of boxes of each unknown name, by the name of the file that they are in.

        Raises:
            SARChatError: if there are any; the message lists all, with their numbers of boxes.
        """
        totals = sum(map(Counter, boxes.values()), Counter[str]())
        if not totals:
            return
        ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(
            f"{label!r}{near(label, self.info.label_of)} in {number:,} box{'es' if number > 1 else ''}"
            for label, number in ranked
        )
        files = ", ".join([*boxes][:_FILES]) + (f" and {len(boxes) - _FILES:,} more" if len(boxes) > _FILES else "")
        raise SARChatError(
            f"{files}: there are categories other than {', '.join(self.info.names)}: {listed}; map each to one of "
            f"these with --rename {ranked[0][0]!r}=CATEGORY, or leave out its boxes with --drop {ranked[0][0]!r}"
        )
