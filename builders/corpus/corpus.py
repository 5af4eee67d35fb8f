"""A corpus in a folder, a zip or at a URL, and its splits: SARDet-100K, or any other detection corpus."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from builders.core.checksums import hash_text
from builders.core.errors import SARChatError, check_name, near
from builders.core.schema import SPLITS, split_name
from builders.corpus.categories import Naming, normalize
from builders.corpus.info import BOXES, DEFAULT, CorpusInfo, check_text, is_description, known_corpus, read_corpus
from builders.corpus.label_folder import known_layouts
from builders.corpus.label_formats import SplitLabels, open_labels, registry
from builders.corpus.labels import Annotations, Labels
from builders.corpus.search import HOW_TO_NAME, enumerate_paths, find_labels, find_unread
from builders.corpus.source import Source, open_source


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
        check_name("label format", label_format, tuple(registry()))
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
        check_name("split", split, tuple(SPLITS))
    choices: dict[str, str | None] = {normalize(name): category for name, category in (rename or {}).items()}
    for name, category in choices.items():
        if category not in info.names:
            hint = near(str(category), info.names)
            raise SARChatError(f"cannot rename {name!r} to {category!r}{hint}; choose from {', '.join(info.names)}")
    for name in map(normalize, [drop] if isinstance(drop, str) else drop):
        if choices.get(name) is not None:
            raise SARChatError(f"category {name!r} is both renamed and left out; choose one of the two")
        choices[name] = None
    for key, text, what in (("name", source_name, "the name of the source"), ("license", license, "the licence")):
        if text is not None:
            check_text(key, text, what)
    named = tuple(sorted(files.items())), tuple(sorted(choices.items()))
    return Location(os.fspath(path), *named, info, trust_boxes, source_name, license, corners)


_LOG = logging.getLogger(__name__)
_NAMED_FILES = "named files"
# The labels of a split, and the folder of its images.
Part = tuple[Labels, str]


@dataclass(frozen=True)
class Corpus:
    """A corpus.

    Attributes:
        source: its images; paths are relative to the top folder.
        files: the labels of each split that has any, in the order of `SPLITS`.
        folders: the folder of each split's images, relative to the top folder; empty for that folder itself.
        layout: what its layout is called.
        location: where the corpus is, and how it is read.
    """

    source: Source
    files: Mapping[str, Labels]
    folders: Mapping[str, str]
    layout: str
    location: Location

    @property
    def info(self) -> CorpusInfo:
        """What the corpus is about: its categories, their words, and the nouns for its images."""
        return self.location.info

    @cached_property
    def naming(self) -> Naming:
        """Which category each name in the annotations is."""
        return Naming(self.info, dict(self.location.choices))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits with annotations, in the order of `SPLITS`."""
        return tuple(self.files)

    def describe(self) -> dict[str, Any]:
        """Return what distinguishes the corpus from SARDet-100K as it is published; empty if nothing does."""
        differs: dict[str, Any] = {
            "layout": self.layout if self.layout != known_layouts("coco")[0].name else "",
            "name": self.location.source_name,
            "license": self.location.license,
            "corners": self.location.corners and not self.info.oriented,
            "renames": {name: category for name, category in self.naming.choices.items() if category is not None},
            "dropped": [name for name, category in self.naming.choices.items() if category is None],
        }
        return {key: value for key, value in differs.items() if value}

    @contextmanager
    def annotations(self, split: str) -> Iterator[Annotations]:
        """Read a split's annotations, for the time of a block.

        Raises:
            SARChatError: if the split does not exist or a file of it is wrong.
        """
        if split not in self.files:
            raise SARChatError(
                f"{self.source.location} has no split {split!r}{near(split, self.splits)}; "
                f"it has {', '.join(self.splits)}"
            )
        read, location = self.files[split].read, self.location
        with read(self.naming, trust_boxes=location.trust_boxes, corners=location.corners) as annotations:
            if self.info.split and split in self.info.split.splits:
                annotations.divide(self.info.split, split)
            yield annotations

    def unread(self) -> list[str]:
        """Return what the corpus contains that is not read: annotation files and folders of images, see `find_unread`.

        Raises:
            SARChatError: if a folder cannot be listed.
        """
        if self.layout == _NAMED_FILES:
            return []
        files = {path for files in self.files.values() for path in files.paths}
        return find_unread(self.source, files, set(self.folders.values()))

    def warn_of_unread(self) -> list[str]:
        """Log a warning that names what `unread` returns, if anything; return it."""
        unread = self.unread()
        if unread:
            read = enumerate_paths([files.name for files in self.files.values()])
            _LOG.warning(
                "%s: found but not read: %s; only %s is read; rename the files that you meant, %s",
                *(self.source.location, enumerate_paths(unread), read, HOW_TO_NAME),
            )
        return unread

    def fingerprint(self) -> str:
        """Return a hash that changes with the annotations, the choices and the location or content of the images.

        For an archive, it covers the size and checksum of every file, which are in the archive's directory. For a
        folder, it covers the content of the annotation files, but not of the images, since these are not copied.
        """
        outside = (f"{split}:{files.digest()}:{self.folders[split]}" for split, files in self._files_outside_archive())
        return _hash([*self._archive_entries(), *outside, *self.list_choices()])

    def list_choices(self) -> list[str]:
        """Return the choices, and what the corpus is about if it is not SARDet-100K, as lines of a fingerprint."""
        data = self.info.as_data()
        about = [] if data == known_corpus(DEFAULT).as_data() else [f"corpus:{json.dumps(data)}"]
        corners = ["corners"] if self.location.corners else []
        return [*about, *corners] + [
            f"drop:{name}" if category is None else f"rename:{name}:{category}"
            for name, category in self.naming.choices.items()
        ]

    def check_choices(self, names: Iterable[Set[str]]) -> None:
        """Refuse a rename, and a category to leave out, that matches no category.

        Args:
            names: the names of the categories of each split's annotations, in lower case.

        Raises:
            SARChatError: no split has a category that was to be renamed or left out.
        """
        known = frozenset[str]().union(*names)
        for name, category in self.naming.choices.items():
            if name not in known:
                raise SARChatError(
                    f"{self.source.location}: there is no category {name!r} to {'rename' if category else 'leave out'}"
                    f"{near(name, known)}; the annotations have {', '.join(sorted(known))}"
                )

    def stamp(self) -> str:
        """Return a hash by which another process recognizes the corpus without reading it.

        For an archive, it covers the length and checksum of every file, which its directory lists; otherwise the size
        and the time of the last change of the annotation files, where the file system knows them.
        """
        identities = (files.identity() for _, files in self._files_outside_archive())
        return _hash([*self._archive_entries(), *identities])

    def _archive_entries(self) -> list[str]:
        if not self.source.is_archive:
            return []
        entries = self.source.fs.find(self.source.root, detail=True)
        return [f"{name}:{entry['size']}:{entry['CRC']}" for name, entry in sorted(entries.items())]

    def _files_outside_archive(self) -> list[tuple[str, Labels]]:
        return [(split, files) for split, files in self.files.items() if not files.source.is_archive]


def find_corpus(location: str | os.PathLike[str] | Location) -> Corpus:
    """Find a corpus: where its description says, or by its layout at a path or URL, in the folder or one below it.

    Raises:
        SARChatError: if nothing exists there, or not exactly one folder with labels in a known layout.
    """
    location = locate(location)
    source, info = open_source(location.path), location.info
    if location.annotations:
        top, layout = source, _NAMED_FILES
        parts = {split: (_open_annotations(file, source, info), "") for split, file in location.annotations}
    else:
        top, layout, splits = find_labels(source, info)
        parts = {split: (open_labels(top, labels), labels.images) for split, labels in splits.items()}
    divided = _divide(parts, info, source.location)
    files = {split: labels for split, (labels, _) in divided.items()}
    folders = {split: folder for split, (_, folder) in divided.items()}
    return Corpus(top, files, folders, layout, location)


def _divide(splits: Mapping[str, Part], info: CorpusInfo, place: str) -> dict[str, Part]:
    """Return what each split has, in the order of `SPLITS`, where one split is divided into several."""
    shares = info.split
    if shares is None:
        return {split: splits[split] for split in SPLITS if split in splits}
    if "train" not in splits and len(splits) > 1:
        raise SARChatError(f"{place}: split divides the split train, but there are {', '.join(splits)}; remove it")
    name = "train" if "train" in splits else next(iter(splits))
    for split in shares.splits:
        if split in splits and split != name:
            raise SARChatError(f"{place}: split takes a share for {split}, which exists; remove its share")
    divided = dict.fromkeys(shares.splits, splits[name]) | {
        split: value for split, value in splits.items() if split != name
    }
    return {split: divided[split] for split in SPLITS if split in divided}


def _open_annotations(file: str, images: Source, info: CorpusInfo) -> Labels:
    """Open a file of annotations, or the folder of its parts."""
    if "://" in file:
        raise SARChatError(f"the annotation file {file} is not on this machine; download it, and give the file")
    path = Path(file).expanduser()
    if not path.exists():
        raise SARChatError(f"no such annotation file: {file}")
    return open_labels(
        open_source(path.parent), SplitLabels(info.format or "coco", path.name, options=info.options), images
    )


@lru_cache(maxsize=1)
def open_corpus(location: str | Location, stamp: str) -> Corpus:
    """Open a corpus that was found before, perhaps by another process; once per process, for all its shards.

    Raises:
        SARChatError: if it has changed since then.
    """
    corpus = find_corpus(location)
    if corpus.stamp() != stamp:
        raise SARChatError(f"{corpus.source.location} has changed since it was opened; run the command again")
    return corpus


def _hash(lines: Iterable[str]) -> str:
    return hash_text("".join(f"{line}\n" for line in lines))
