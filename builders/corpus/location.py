"""Where a corpus is and how its annotations are read: what any process needs to open it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from builders.errors import SARChatError
from builders.schema import CATEGORIES, SPLITS, split_name


@dataclass(frozen=True)
class Location:
    """The location of a corpus.

    Attributes:
        path: the folder or zip, as a path or URL; with `annotations`, that of the images alone.
        annotations: pairs of a split and its annotation file on this machine, if the corpus has none of the known
            layouts; file names in it are relative to `path`.
        renames: pairs of a category's name in the annotations, in lower case, and one of `CATEGORIES`.
    """

    path: str
    annotations: tuple[tuple[str, str], ...] = ()
    renames: tuple[tuple[str, str], ...] = ()


def locate(
    path: str | os.PathLike[str] | Location,
    annotations: Mapping[str, str | os.PathLike[str]] | None = None,
    rename: Mapping[str, str] | None = None,
) -> Location:
    """Return a location, with its options checked.

    Args:
        path: the path or URL, or a location, which is returned as it is.
        annotations: the annotation file of each split.
        rename: one of `CATEGORIES` for each name that the annotations use for it.

    Raises:
        SARChatError: if a split or a category is unknown.
    """
    if isinstance(path, Location):
        return path
    files = {split_name(split): os.fspath(file) for split, file in (annotations or {}).items()}
    for split in files:
        if split not in SPLITS:
            raise SARChatError(f"unknown split {split!r} of {files[split]}; choose from {', '.join(SPLITS)}")
    renames = {name.strip().lower(): category for name, category in (rename or {}).items()}
    for name, category in renames.items():
        if category not in CATEGORIES:
            raise SARChatError(f"cannot rename {name!r} to {category!r}; choose from {', '.join(CATEGORIES)}")
    return Location(os.fspath(path), tuple(sorted(files.items())), tuple(sorted(renames.items())))
