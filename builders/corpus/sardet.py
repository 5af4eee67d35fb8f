"""SARDet-100K in a folder, a zip or at a URL, and its splits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from builders.corpus.coco import Annotations, digest_of, parse_annotations
from builders.corpus.source import Source, open_source
from builders.corpus.targets import AnnotatedImage
from builders.errors import SARChatError
from builders.schema import SPLITS

_IMAGE_FOLDERS = ("JPEGImages/{split}", "Images/{split}", "JPEGImages")


@dataclass(frozen=True)
class Corpus:
    """A copy of SARDet-100K.

    Attributes:
        source: its files; the top folder contains `Annotations`.
        splits: the splits with an annotation file, in the order of `SPLITS`.
    """

    source: Source
    splits: tuple[str, ...]

    def annotations(self, split: str) -> Annotations:
        """Read a split's annotation file.

        Raises:
            SARChatError: if the split does not exist or its file is wrong.
        """
        self._require(split)
        name = _annotation_file(split)
        return parse_annotations(self.source.read(name), self.source.show(name))

    def image_folder(self, split: str) -> str:
        """Return the folder with a split's images, relative to the corpus's top folder.

        Raises:
            SARChatError: if none of the known folders exists.
        """
        candidates = [folder.format(split=SPLITS[split]) for folder in _IMAGE_FOLDERS]
        for folder in candidates:
            if self.source.is_dir(folder):
                return folder
        raise SARChatError(f"{self.source.location} contains no images: none of {', '.join(candidates)} exists")

    def fingerprint(self) -> str:
        """Return a hash that changes with the annotations and with the location or content of the images.

        For an archive, it covers the size and checksum of every file, which are in the archive's directory. For a
        folder, it covers the content of the annotation files, but not of the images, since these are not copied.
        """
        if self.source.is_archive:
            return self.stamp()
        return _hash(
            f"{split}:{digest_of(self.source.read(_annotation_file(split)))}:{self.image_folder(split)}"
            for split in self.splits
        )

    def stamp(self) -> str:
        """Return a hash by which another process recognizes the corpus without reading it.

        Of an archive, every file's length and checksum goes in, as its directory lists them; else what the file system
        says of the annotation files: size and time of the last change where it knows them.
        """
        if self.source.is_archive:
            entries = self.source.fs.find(self.source.root, detail=True)
            return _hash(f"{name}:{entry['size']}:{entry['CRC']}" for name, entry in sorted(entries.items()))
        return _hash(self.source.identity(_annotation_file(split)) for split in self.splits)

    def _require(self, split: str) -> None:
        if split not in self.splits:
            raise SARChatError(
                f"{self.source.location} has no split {split!r}: {_annotation_file(split)} does not exist; "
                f"it has {', '.join(self.splits)}"
            )


def find_corpus(location: str | os.PathLike[str]) -> Corpus:
    """Find SARDet-100K at a path or URL: the corpus itself or the folder around it, or a zip of either.

    Raises:
        SARChatError: if nothing exists there, or not exactly one folder `Annotations` with a split's file.
    """
    source = open_source(location)
    tops = [source] if source.is_dir("Annotations") else []
    tops = tops or [source.inside(folder) for folder in source.folders() if source.is_dir(f"{folder}/Annotations")]
    if len(tops) > 1:
        raise SARChatError(
            f"{source.location} contains more than one corpus: {', '.join(top.location for top in tops)}; choose one"
        )
    if not tops:
        raise SARChatError(
            f"{source.location} contains no folder 'Annotations'; give the folder or zip of SARDet_100K itself"
        )
    splits = tuple(split for split in SPLITS if tops[0].is_file(_annotation_file(split)))
    if not splits:
        expected = ", ".join(map(_annotation_file, SPLITS))
        raise SARChatError(f"{tops[0].location} contains no annotation file; expected {expected}")
    return Corpus(tops[0], splits)


@lru_cache(maxsize=1)
def open_corpus(location: str, stamp: str) -> Corpus:
    """Open a corpus that was found before, by another process perhaps; once per process, for all its shards.

    Raises:
        SARChatError: if it has changed since then.
    """
    corpus = find_corpus(location)
    if corpus.stamp() != stamp:
        raise SARChatError(f"{location} has changed since it was opened; run the command again")
    return corpus


def check_images_exist(corpus: Corpus, split: str, images: Sequence[AnnotatedImage], names: Container[str]) -> None:
    """Check that every image of a split exists.

    Args:
        corpus: the corpus.
        split: the split.
        images: the required images.
        names: the files in the split's image folder.

    Raises:
        SARChatError: if images are missing; the message has the first one and the number of others.
    """
    missing = [image.file_name for image in images if image.file_name not in names]
    if missing:
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        path = corpus.source.show(f"{corpus.image_folder(split)}/{missing[0]}")
        raise SARChatError(f"image missing: {path}{more}; complete the corpus")


def _annotation_file(split: str) -> str:
    return f"Annotations/{SPLITS[split]}.json"


def _hash(lines: Iterable[str]) -> str:
    return hashlib.blake2b("".join(f"{line}\n" for line in lines).encode(), digest_size=16).hexdigest()
