"""Checks `--rename`: every name that is to be replaced must be one of the annotations' own."""

from __future__ import annotations

from collections.abc import Iterable, Set

from builders.corpus.sardet import Corpus
from builders.errors import SARChatError


def check_renames(corpus: Corpus, names: Iterable[Set[str]]) -> None:
    """Refuse a rename that matches no category.

    Args:
        corpus: the corpus with its renames.
        names: the names of the categories of each split's annotations, in lower case.

    Raises:
        SARChatError: no split has a category that was to be renamed.
    """
    known = frozenset[str]().union(*names)
    for name in corpus.renames:
        if name not in known:
            raise SARChatError(
                f"{corpus.source.location}: no category is called {name!r}, which was to be renamed; there are "
                f"{', '.join(sorted(known))}"
            )
