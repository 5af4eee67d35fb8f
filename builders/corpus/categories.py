"""The names of categories in annotations, and which of the corpus's categories each one is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from builders.core.errors import SARChatError, near
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus, known_names, spaced
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

    def refuse_unknown(self, boxes: Mapping[str, Mapping[str, int]], place: str = "DIR") -> None:
        """Refuse unknown names.

        Args:
            boxes: the number of boxes of each unknown name, by the name of the file that they are in.
            place: the corpus, for the command that describes it.

        Raises:
            UnknownCategories: if there are any; the message lists all, with their numbers of boxes, and how to go on.
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
        first = ranked[0][0]
        raise UnknownCategories(
            f"{files}: there are categories other than {', '.join(self.info.names)}: {listed}; "
            f"{_how_to_keep(totals, self.info, place)}; or map each to one of the former with --rename "
            f"{first!r}=CATEGORY, or leave out its boxes with --drop {first!r}"
        )


class UnknownCategories(SARChatError):
    """Categories in the annotations that are not the corpus's; there may be hundreds, all of which are listed."""

    longest = 50_000


def fitting_corpora(names: Iterable[str]) -> list[str]:
    """Return the included descriptions that have categories of all these names in annotations."""
    namings = {known: Naming(known_corpus(known)) for known in known_names()}
    return [known for known, naming in namings.items() if all(naming.find(name) is not None for name in names)]


def _how_to_keep(names: Iterable[str], info: CorpusInfo, place: str) -> str:
    """Return the commands that build a corpus with categories that it does not have as its own."""
    if info.categories != known_corpus(DEFAULT).categories:
        return "add them to the categories of the description"
    if fitting := fitting_corpora(names):
        commands = " or ".join(f"`sarchat build {place} --corpus {name}`" for name in fitting)
    else:
        commands = f"`sarchat describe {place} --out corpus.yaml`, then `sarchat build corpus.yaml`"
    return f"to build with these as they are, run {commands}"
