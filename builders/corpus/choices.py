"""Checks `--rename` and `--drop`: every name that they have must be one of the annotations' own."""

from __future__ import annotations

from collections.abc import Iterable, Set

from builders.core.errors import SARChatError, near
from builders.corpus.sardet import Corpus


def check_choices(corpus: Corpus, names: Iterable[Set[str]]) -> None:
    """Refuse a rename, and a category to leave out, that matches no category.

    Args:
        corpus: the corpus with its choices.
        names: the names of the categories of each split's annotations, in lower case.

    Raises:
        SARChatError: no split has a category that was to be renamed or left out.
    """
    known = frozenset[str]().union(*names)
    for name, category in corpus.naming.choices.items():
        if name not in known:
            raise SARChatError(
                f"{corpus.source.location}: there is no category {name!r} to {'rename' if category else 'leave out'}"
                f"{near(name, known)}; the annotations have {', '.join(sorted(known))}"
            )
