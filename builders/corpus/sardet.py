"""A corpus in a folder, a zip or at a URL, and its splits: SARDet-100K, or other images with COCO annotations."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from builders.core.digests import hash_text
from builders.core.errors import SARChatError, near
from builders.core.schema import SPLITS
from builders.corpus.categories import Naming
from builders.corpus.formats.coco import find_files
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus
from builders.corpus.label_formats import SplitLabels, open_labels
from builders.corpus.labels import Annotations, Labels
from builders.corpus.layouts import Layout, known_layouts
from builders.corpus.location import Location, locate
from builders.corpus.source import Source, open_source
from builders.corpus.unread import find_unread

_LOG = logging.getLogger(__name__)
# The files and folders that a message names.
_MOST_UNREAD = 10
_HOW_TO_NAME = "or name the files with --annotations SPLIT=FILE and --images DIR"


@dataclass(frozen=True)
class Corpus:
    """A corpus.

    Attributes:
        source: its images; paths are relative to the top folder.
        files: the annotation files of each split that has any, in the order of `SPLITS`.
        layout: its layout; `None` if the annotation files were named, and all images are in the top folder.
        naming: which category each name in the annotations is.
        trust_boxes: whether to accept boxes that seem to be in another convention than COCO's.
        about: what the user says of the images: `name` and `license`.
        corners: whether the corners of boxes are read, where annotations may have both.
    """

    source: Source
    files: Mapping[str, Labels]
    layout: Layout | None = None
    naming: Naming = field(default_factory=lambda: Naming(known_corpus(DEFAULT)))
    trust_boxes: bool = False
    about: Mapping[str, str] = field(default_factory=dict)
    corners: bool = False

    @property
    def info(self) -> CorpusInfo:
        """What the corpus is about: its categories, their words, and the nouns for its images."""
        return self.naming.info

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits with annotations, in the order of `SPLITS`."""
        return tuple(self.files)

    def describe(self) -> dict[str, Any]:
        """Return what distinguishes the corpus from SARDet-100K as it is published; empty if nothing does."""
        layout = self.layout.name if self.layout else "named files"
        differs = {"layout": layout} if layout != known_layouts()[0].name else {}
        renames = {name: category for name, category in self.naming.choices.items() if category is not None}
        dropped = [name for name, category in self.naming.choices.items() if category is None]
        differs |= self.about | ({"corners": True} if self.corners and not self.info.oriented else {})
        return differs | ({"renames": renames} if renames else {}) | ({"dropped": dropped} if dropped else {})

    def annotations(self, split: str) -> AbstractContextManager[Annotations]:
        """Read a split's annotations, for the time of a block.

        Raises:
            SARChatError: if the split does not exist or a file of it is wrong.
        """
        if split not in self.files:
            wanted = f": {self.layout.annotation_file(split)} does not exist" if self.layout else ""
            raise SARChatError(
                f"{self.source.location} has no split {split!r}{near(split, self.splits)}{wanted}; "
                f"it has {', '.join(self.splits)}"
            )
        return self.files[split].read(self.naming, trust_boxes=self.trust_boxes, corners=self.corners)

    def image_folder(self, split: str) -> str:
        """Return the folder with a split's images, relative to the corpus's top folder; empty for that folder itself.

        Raises:
            SARChatError: if none of the known folders exists.
        """
        if self.layout is None:
            return ""
        candidates = self.layout.image_folders(split)
        for folder in candidates:
            if self.source.is_dir(folder):
                return folder
        raise SARChatError(f"{self.source.location} contains no images: none of {', '.join(candidates)} exists")

    def unread(self) -> list[str]:
        """Return what the corpus contains that is not read: annotation files and folders of images, see `find_unread`.

        Raises:
            SARChatError: if a folder cannot be listed.
        """
        if self.layout is None:
            return []
        files = {path for files in self.files.values() for path in files.paths}
        return find_unread(self.source, files, {self.image_folder(split) for split in self.splits})

    def warn_of_unread(self) -> list[str]:
        """Log a warning that names what `unread` returns, if anything; return it."""
        unread = self.unread()
        if unread:
            read = _enumerate([files.name for files in self.files.values()])
            _LOG.warning(
                "%s: found but not read: %s; only %s is read; rename the files that you meant, %s",
                *(self.source.location, _enumerate(unread), read, _HOW_TO_NAME),
            )
        return unread

    def fingerprint(self) -> str:
        """Return a hash that changes with the annotations, the choices and the location or content of the images.

        For an archive, it covers the size and checksum of every file, which are in the archive's directory. For a
        folder, it covers the content of the annotation files, but not of the images, since these are not copied.
        """
        return _hash(
            [
                *self._archive_entries(),
                *(
                    f"{split}:{files.digest()}:{self.image_folder(split)}"
                    for split, files in self._files_outside_archive()
                ),
                *self.list_choices(),
            ]
        )

    def list_choices(self) -> list[str]:
        """Return the choices, and what the corpus is about if it is not SARDet-100K, as lines of a fingerprint."""
        about = [] if self.info == known_corpus(DEFAULT) else [f"corpus:{json.dumps(self.info.as_data())}"]
        return (
            about
            + ["corners"] * self.corners
            + [
                f"drop:{name}" if category is None else f"rename:{name}:{category}"
                for name, category in self.naming.choices.items()
            ]
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
    """Find a corpus at a path or URL: the corpus itself or the folder around it, or a zip of either.

    Raises:
        SARChatError: if nothing exists there, or not exactly one folder with annotations in a known layout.
    """
    location = locate(location)
    source = open_source(location.path)
    options: dict[str, Any] = {
        "naming": Naming(location.info, dict(location.choices)),
        "trust_boxes": location.trust_boxes,
        "corners": location.corners,
    }
    about = {"name": location.source_name, "license": location.license}
    options["about"] = {name: text for name, text in about.items() if text is not None}
    if location.annotations:
        given = dict(location.annotations)
        named = {split: _open_annotations(given[split], source) for split in SPLITS if split in given}
        return Corpus(source, named, None, **options)
    found = _match_layouts(source)
    if not found:
        found = [match for folder in source.folders() for match in _match_layouts(source.inside(folder))]
    if len(found) > 1:
        places = ", ".join(next(iter(corpus.files.values())).name for corpus in found)
        raise SARChatError(f"{source.location} contains more than one corpus: {places}; choose one, {_HOW_TO_NAME}")
    if not found:
        raise SARChatError(f"{source.location} contains no annotations: {_describe_search(source)}")
    return replace(found[0], **options)


def _match_layouts(top: Source) -> list[Corpus]:
    """Return the corpora in a folder, by any of the layouts."""
    found = []
    for layout in known_layouts():
        searched = {split: find_files(top, layout.annotation_file(split)) for split in SPLITS}
        files = {split: found_files for split, found_files in searched.items() if found_files}
        if files:
            found.append(Corpus(top, files, layout))
    return found


def _describe_search(source: Source) -> str:
    if source.is_archive and any("\\" in name for name, _ in source.list_sizes("")):
        return "its paths have backslashes instead of slashes; unpack it, and give the folder"
    expected = ", ".join(layout.describe() for layout in known_layouts())
    # Listing a remote tree may take long.
    found = find_unread(source, (), ()) if source.is_local_folder or source.is_archive else []
    instead = f", but found {_enumerate(found)}" if found else ""
    return (
        f"expected {expected}, in it or in one of its folders{instead}; give the folder or zip of the corpus, "
        f"{_HOW_TO_NAME}"
    )


def _enumerate(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_UNREAD:,} more" if len(paths) > _MOST_UNREAD else ""
    return ", ".join(paths[:_MOST_UNREAD]) + more


def _open_annotations(file: str, images: Source) -> Labels:
    """Open a file of annotations, or the folder of its parts."""
    if "://" in file:
        raise SARChatError(f"the annotation file {file} is not on this machine; download it, and give the file")
    path = Path(file).expanduser()
    if not path.exists():
        raise SARChatError(f"no such annotation file: {file}")
    return open_labels(open_source(path.parent), SplitLabels("coco", path.name), images)


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
