"""A corpus in a folder, a zip or at a URL, and its splits: SARDet-100K, or any other detection corpus."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from builders.core.checksums import hash_text
from builders.core.errors import SARChatError, near
from builders.core.schema import SPLITS
from builders.corpus.categories import Naming
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus
from builders.corpus.label_formats import CALLED, Candidate, SplitLabels, find_candidates, format_names, open_labels
from builders.corpus.labels import Annotations, Labels
from builders.corpus.layouts import known_layouts
from builders.corpus.location import Location, locate
from builders.corpus.source import Source, open_source
from builders.corpus.unread import find_unread

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
# The files and folders that a message names.
_MOST_UNREAD = 10
_HOW_TO_NAME = (
    "or name the files with --annotations SPLIT=FILE and --images DIR, or in a YAML file (`sarchat describe`)"
)
_NAMED_FILES, _DESCRIBED = "named files", "described"


@dataclass(frozen=True)
class Corpus:
    """A corpus.

    Attributes:
        source: its images; paths are relative to the top folder.
        files: the labels of each split that has any, in the order of `SPLITS`.
        folders: the folder of each split's images, relative to the top folder; empty for that folder itself.
        layout: what its layout is called.
        naming: which category each name in the annotations is.
        trust_boxes: whether to accept boxes that seem to be in another convention than COCO's.
        about: what the user says of the images: `name` and `license`.
        corners: whether the corners of boxes are read, where annotations may have both.
    """

    source: Source
    files: Mapping[str, Labels]
    folders: Mapping[str, str]
    layout: str
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
        differs = {"layout": self.layout} if self.layout != known_layouts()[0].name else {}
        renames = {name: category for name, category in self.naming.choices.items() if category is not None}
        dropped = [name for name, category in self.naming.choices.items() if category is None]
        read: dict[str, Any] = {"corners": True} if self.corners and not self.info.oriented else {}
        found = differs | dict(self.about) | read
        return found | ({"renames": renames} if renames else {}) | ({"dropped": dropped} if dropped else {})

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
        read = self.files[split].read
        with read(self.naming, trust_boxes=self.trust_boxes, corners=self.corners) as annotations:
            if self.info.split and split in self.info.split.splits:
                annotations.divide(self.info.split, split)
            yield annotations

    def image_folder(self, split: str) -> str:
        """Return the folder with a split's images, relative to the top folder; empty for that folder itself."""
        return self.folders[split]

    def unread(self) -> list[str]:
        """Return what the corpus contains that is not read: annotation files and folders of images, see `find_unread`.

        Raises:
            SARChatError: if a folder cannot be listed.
        """
        if self.layout == _NAMED_FILES:
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
        data = self.info.as_data()
        about = [] if data == known_corpus(DEFAULT).as_data() else [f"corpus:{json.dumps(data)}"]
        corners = ["corners"] if self.corners else []
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


class Found(NamedTuple):
    """Where the labels of a corpus are.

    Attributes:
        top: the top folder.
        layout: what the layout is called.
        splits: the labels of each split.
    """

    top: Source
    layout: str
    splits: Mapping[str, SplitLabels]


def find_corpus(location: str | os.PathLike[str] | Location) -> Corpus:
    """Find a corpus: where its description says, or by its layout at a path or URL, in the folder or one below it.

    Raises:
        SARChatError: if nothing exists there, or not exactly one folder with labels in a known layout.
    """
    location = locate(location)
    source, info = open_source(location.path), location.info
    about = {"name": location.source_name, "license": location.license}
    options: dict[str, Any] = {
        "naming": Naming(info, dict(location.choices)),
        "trust_boxes": location.trust_boxes,
        "corners": location.corners,
        "about": {name: text for name, text in about.items() if text is not None},
    }
    if location.annotations:
        named = {split: _open_annotations(file, source, info) for split, file in location.annotations}
        files = _divide(named, info, source.location)
        return Corpus(source, files, dict.fromkeys(files, ""), _NAMED_FILES, **options)
    found = find_labels(source, info)
    opened = {split: open_labels(found.top, labels) for split, labels in found.splits.items()}
    folders = _divide({split: labels.images for split, labels in found.splits.items()}, info, source.location)
    return Corpus(found.top, _divide(opened, info, source.location), folders, found.layout, **options)


def find_labels(source: Source, info: CorpusInfo) -> Found:
    """Find the labels of a corpus; errors as in `find_corpus`."""
    if info.splits:
        return _described_labels(source, info)
    found = search_labels(source, info.format)
    if len(found) > 1:
        places = ", ".join(_show(top, candidate) for top, candidate in found)
        formats = {labels.format for _, candidate in found for labels in candidate.splits.values()}
        choose = f"--format {'|'.join(sorted(formats))}, " if len(formats) > 1 else ""
        raise SARChatError(
            f"{source.location} contains more than one corpus: {places}; choose one: give its folder, {choose}"
            f"{_HOW_TO_NAME}"
        )
    if not found:
        raise SARChatError(f"{source.location} contains no annotations: {_describe_search(source, info.format)}")
    top, candidate = found[0]
    splits = name_splits(candidate, top.location)
    return Found(top, candidate.name, {split: _with_options(labels, info) for split, labels in splits.items()})


def search_labels(source: Source, format: str = "") -> list[tuple[Source, Candidate]]:
    """Return the corpora in a folder, or else in the folders in it: their top folders and labels.

    Args:
        source: the folder.
        format: the format of the labels; empty for any.
    """
    for tops in ([source], [source.inside(folder) for folder in source.folders()]):
        found = [
            (top, candidate)
            for top in tops
            for candidate in find_candidates(top)
            if format in ("", next(iter(candidate.splits.values())).format)
        ]
        if found:
            return found
    return []


def name_splits(candidate: Candidate, place: str) -> dict[str, SplitLabels]:
    """Return the labels of each split, by the split's own name: `validation` for `valid`.

    Args:
        candidate: a corpus, whose folders may call the splits otherwise.
        place: the corpus, for messages.

    Raises:
        SARChatError: if it is not clear which split a name means.
    """
    splits, used = {}, set()
    for split, names in CALLED.items():
        name = next((name for name in names if name in candidate.splits), None)
        if name is not None:
            splits[split] = candidate.splits[name]
            used |= {name, "trainval"} if split == "train" else {name}
    others = sorted(candidate.splits.keys() - used)
    unclear = [name for name in others if name.partition("/")[0] not in splits]
    if unclear:
        raise SARChatError(
            f"{place}: it is not clear which splits {', '.join(map(repr, unclear))} are; say so in a YAML file, which "
            f"`sarchat describe` drafts"
        )
    if others:
        _LOG.warning("%s: the splits %s are not read; %s are", place, ", ".join(others), ", ".join(sorted(used)))
    return splits


def _described_labels(source: Source, info: CorpusInfo) -> Found:
    """Return the labels that a description names. Of an included one, splits may be missing."""
    splits = {
        split: _with_options(SplitLabels(**{"format": info.format or "coco", **entry}), info)
        for split, entry in sorted(info.splits.items(), key=lambda item: list(SPLITS).index(item[0]))
    }
    if info.root:
        return Found(source, _DESCRIBED, splits)
    for top in (source, *(source.inside(folder) for folder in source.folders())):
        found = {
            split: labels for split, labels in splits.items() if top.is_file(labels.labels) or top.is_dir(labels.labels)
        }
        if found:
            return Found(top, _DESCRIBED, found)
    expected = ", ".join(dict.fromkeys(labels.labels for labels in splits.values()))
    raise SARChatError(
        f"{source.location}: {info.name} has its labels in {expected}, and none of these exists, nor in one of its "
        f"folders; give its folder, or --format to look for another layout, {_HOW_TO_NAME}"
    )


def _with_options(labels: SplitLabels, info: CorpusInfo) -> SplitLabels:
    return replace(labels, options={**info.options, **labels.options})


def _divide(splits: Mapping[str, T], info: CorpusInfo, place: str) -> dict[str, T]:
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


def _show(top: Source, candidate: Candidate) -> str:
    labels = next(iter(candidate.splits.values()))
    return f"{top.show(labels.labels)} ({labels.format}: {candidate.name})"


def _describe_search(source: Source, format: str) -> str:
    if source.is_archive and any("\\" in name for name, _ in source.list_sizes("")):
        return "its paths have backslashes instead of slashes; unpack it, and give the folder"
    others = [name for name in format_names() if name != "coco"]
    expected = ", ".join(
        ([] if format in others else [layout.describe() for layout in known_layouts()])
        + ([f"labels in the format {format or ' or '.join(others)}"] if others and format != "coco" else [])
    )
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
