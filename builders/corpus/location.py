"""Where a corpus is and how its annotations are read: what any process needs to open it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from builders.core.errors import SARChatError, check_name, near
from builders.core.schema import SPLITS, split_name
from builders.corpus.categories import normalize
from builders.corpus.info import BOXES, DEFAULT, LICENSE, CorpusInfo, is_description, known_corpus, read_corpus
from builders.corpus.label_formats import format_names


@dataclass(frozen=True)
class Location:
    """The location of a corpus.

    Attributes:
        path: the folder or zip, as a path or URL; with `annotations`, that of the images alone.
        annotations: pairs of a split and its annotation file on this machine, if the corpus has none of the known
            layouts; file names in it are relative to `path`.
        choices: pairs of a category's name in the annotations, in lower case, and that of a category of `info`, or
            `None` to leave out its boxes.
        info: what the corpus is about: its categories and their words.
        trust_boxes: whether to accept boxes that seem to be in another convention than COCO's.
        source_name: what the images are, for the card; `None` for SARDet-100K, or if it is unknown.
        license: their licence, for the card, in the same way.
        corners: whether the corners of boxes are read, where annotations may have both.
    """

    path: str
    annotations: tuple[tuple[str, str], ...] = ()
    choices: tuple[tuple[str, str | None], ...] = ()
    info: CorpusInfo = field(default_factory=lambda: known_corpus(DEFAULT))
    trust_boxes: bool = False
    source_name: str | None = None
    license: str | None = None
    corners: bool = False


def locate(
    path: str | os.PathLike[str] | Location | None,
    annotations: Mapping[str, str | os.PathLike[str]] | None = None,
    rename: Mapping[str, str] | None = None,
    drop: Iterable[str] = (),
    *,
    info: CorpusInfo | None = None,
    label_format: str | None = None,
    label_options: Mapping[str, Any] | None = None,
    trust_boxes: bool = False,
    source_name: str | None = None,
    license: str | None = None,
    boxes: str | None = None,
) -> Location:
    """Return a location, with its options checked.

    Args:
        path: the path or URL, that of a YAML file which describes the corpus, or a location, which is returned as it
            is; `None` for the folder that `info` names.
        annotations: the annotation file of each split.
        rename: the name of a category for each other name that the annotations use for it.
        drop: names of categories in the annotations whose boxes are left out.
        info: what the corpus is about; default: SARDet-100K's categories.
        label_format: the format of its labels, if not the one that `info` says.
        label_options: options of the format, besides those that `info` says.
        trust_boxes: whether to accept boxes that seem to be in another convention than COCO's.
        source_name: what the images are, for the card.
        license: their licence, by the Hub's name, for the card.
        boxes: what the boxes of the conversations are to be, one of `BOXES`; default: upright ones,
            made from the corners if `info` has oriented ones.

    Raises:
        SARChatError: if a split or a category is unknown, a category is both renamed and left out, or the source's name
            or the licence cannot stand in the card.
    """
    if isinstance(path, Location):
        return path
    if path is not None and is_description(path):
        if info is not None:
            raise SARChatError(f"{path} describes a corpus, and another description is given too; give one")
        info = read_corpus(path)
        path = None
    info = info or known_corpus(DEFAULT)
    if label_format:
        check_name("label format", label_format, format_names())
        info = replace(info, format=label_format, splits={})
    if label_options:
        info = replace(info, options={**info.options, **label_options})
    path = path or info.root
    if not path:
        raise SARChatError(f"the description of {info.name} does not say where its images are; give their folder")
    if boxes is not None:
        check_name("kind of boxes", boxes, BOXES)
    corners = "oriented" in (info.boxes, boxes)
    info = replace(info, boxes=boxes or BOXES[0])
    files = {split_name(split): os.fspath(file) for split, file in (annotations or {}).items()}
    for split in files:
        if split not in SPLITS:
            raise SARChatError(
                f"unknown split {split!r} of {files[split]}{near(split, SPLITS)}; choose from {', '.join(SPLITS)}"
            )
    choices: dict[str, str | None] = {normalize(name): category for name, category in (rename or {}).items()}
    for name, category in choices.items():
        if category not in info.names:
            hint = near(str(category), info.names)
            raise SARChatError(f"cannot rename {name!r} to {category!r}{hint}; choose from {', '.join(info.names)}")
    for name in map(normalize, [drop] if isinstance(drop, str) else drop):
        if choices.get(name) is not None:
            raise SARChatError(f"category {name!r} is both renamed and left out; choose one of the two")
        choices[name] = None
    if source_name is not None and not (source_name.strip() and source_name.isprintable()):
        raise SARChatError(f"the source's name {source_name!r} is not one line of text; say what the images are")
    if license is not None and not LICENSE.fullmatch(license):
        raise SARChatError(f"the licence {license!r} is not a name that the Hub knows, such as cc-by-4.0, mit or other")
    named = tuple(sorted(files.items())), tuple(sorted(choices.items()))
    return Location(os.fspath(path), *named, info, trust_boxes, source_name, license, corners)
