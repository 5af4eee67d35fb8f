"""COCO's detection files: JSON, or Parquet with a row per image; one file, or parts in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from builders.core.digests import hash_file, new_digest
from builders.core.errors import SARChatError, near
from builders.core.schema import SPLITS
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.entries import get, get_box, get_flag, get_id, get_image, is_id, short
from builders.corpus.json_lists import read_lists
from builders.corpus.label_formats import Candidate, Option, SplitLabels
from builders.corpus.labels import Labels, hash_chunks
from builders.corpus.layouts import known_layouts
from builders.corpus.parquet_annotations import read_parquet
from builders.corpus.source import Source

ABOUT = "COCO detection: JSON, or Parquet with a row per image; one file, or parts in a folder"
OPTIONS: dict[str, Option] = {}
# The suffix of annotation files in Parquet; all others are COCO's JSON.
_PARQUET = ".parquet"
_ENDINGS = (".json", _PARQUET)


def find(top: Source) -> list[Candidate]:
    """Return the corpora in any of the known layouts; errors as in `Format.find`."""
    found = []
    # A web server may list no folder, though there are some.
    folders = top.folders()
    for layout in known_layouts():
        splits = {}
        for split in SPLITS:
            above = layout.annotation_file(split).rpartition("/")[0]
            if folders and above and above.partition("/")[0] not in folders:
                continue
            if files := find_files(top, layout.annotation_file(split)):
                places = layout.image_folders(split)
                images = next(filter(top.is_dir, places), None)
                if images is None:
                    raise SARChatError(f"{top.location} contains no images: none of {', '.join(places)} exists")
                splits[split] = SplitLabels("coco", (files.folder or files.parts[0]).path, images)
        if splits:
            found.append(Candidate(layout.name, splits))
    return found


def open_labels(top: Source, split: SplitLabels, images: Source) -> Labels:
    """Return a file of annotations, or the parts in a folder; arguments and errors as in `Format.open_labels`."""
    if top.is_file(split.labels):
        top.check_links(split.labels)
        return AnnotationFiles([AnnotationFile(top, split.labels)])
    parts = find_parts(top, split.labels)
    if parts is None and top.is_dir(split.labels):
        raise SARChatError(f"the folder {top.show(split.labels)} contains no annotations: no *.json and no *.parquet")
    if parts is None:
        raise SARChatError(f"no such annotation file: {top.show(split.labels)}")
    return parts


@dataclass(frozen=True)
class AnnotationFile:
    """An annotation file: the source that contains it, and its path in it."""

    source: Source
    path: str

    @property
    def name(self) -> str:
        """The file as shown to the user."""
        return self.source.show(self.path)

    def digest(self) -> str:
        """Return a hash of the content, hexadecimal."""
        digest = new_digest()
        for chunk in self.source.chunks(self.path):
            digest.update(chunk)
        return digest.hexdigest()

    def read_into(self, table: AnnotationTable) -> str:
        """Add images, boxes and names of categories to a table; return a hash of the content."""
        if self.path.endswith(_PARQUET):
            with self.source.local_copy(self.path) as path:
                read_parquet(path, self.name, table)
                return hash_file(path)
        digest = new_digest()
        read_coco(hash_chunks(self.source.chunks(self.path), digest), self.name, table)
        return digest.hexdigest()


@dataclass(frozen=True)
class AnnotationFiles(Labels):
    """The annotation files of a split: one, or the parts in a folder, sorted by name.

    Attributes:
        parts: the files.
        folder: the folder of the parts; `None` if it is one file.
    """

    parts: Sequence[AnnotationFile]
    folder: AnnotationFile | None = None
    may_be_other_boxes = True

    @property
    def name(self) -> str:
        """The file or folder as shown to the user."""
        return (self.folder or self.parts[0]).name

    @property
    def source(self) -> Source:  # type: ignore[override]
        """The source of the files."""
        return self.parts[0].source

    def digest(self) -> str:
        """Return a hash of all files' content."""
        return self._combine(part.digest() for part in self.parts)

    def identity(self) -> str:
        """Return a hash of what the file system knows about the files, which changes with them."""
        if self.folder:
            return self.source.folder_identity(self.folder.path)
        return self.source.identity(self.parts[0].path)

    @property
    def paths(self) -> list[str]:
        """The paths of the files."""
        return [part.path for part in self.parts]

    def read_into(self, table: AnnotationTable, tally: Counter[str]) -> str:
        """Add images, boxes and names of categories to a table; see `Labels.read_into`."""
        # Shown when it takes longer than a moment.
        parts = tqdm(self.parts, f"Reading {self.name}", unit=" files", disable=None, leave=False, delay=2)
        return self._combine([part.read_into(table) for part in parts])

    def _combine(self, digests: Iterable[str]) -> str:
        if not self.folder:
            return next(iter(digests))
        combined = new_digest()
        for part, digest in zip(self.parts, digests, strict=True):
            combined.update(f"{part.path.rpartition('/')[2]}:{digest}\n".encode())
        return combined.hexdigest()


def find_files(source: Source, path: str) -> AnnotationFiles | None:
    """Find the annotations of a split: a file, or parts in the folder of its name without `.json`.

    Args:
        source: the source that may contain them.
        path: the path of the file.

    Returns:
        The files; `None` if there are neither.

    Raises:
        SARChatError: if there are both, or parts of both kinds.
    """
    file = AnnotationFile(source, path)
    parts = find_parts(source, path.removesuffix(".json"))
    if not source.is_file(path):
        return parts
    source.check_links(path)
    if parts:
        raise SARChatError(f"{file.name} and parts in {parts.name} both exist; remove one of the two")
    return AnnotationFiles([file])


def find_parts(source: Source, folder: str) -> AnnotationFiles | None:
    """Find the annotation files in a folder, `*.json` or `*.parquet`; return `None` if there are none.

    Raises:
        SARChatError: if there are both kinds.
    """
    names = [name for name in source.files(folder) if name.endswith(_ENDINGS)]
    if not names:
        return None
    if len({name.endswith(_PARQUET) for name in names}) > 1:
        raise SARChatError(f"{source.show(folder)} contains annotations as *.json and as *.parquet; keep one kind")
    parts = [AnnotationFile(source, f"{folder}/{name}" if folder else name) for name in names]
    for part in parts:
        source.check_links(part.path)
    return AnnotationFiles(parts, AnnotationFile(source, folder))


def read_coco(chunks: Iterable[bytes], name: str, table: AnnotationTable) -> None:
    """Add the images and boxes of a COCO detection file to a table.

    Only one entry is in memory at a time. The lists `images`, `annotations` and `categories` may come in any order.

    Args:
        chunks: the file's bytes, in pieces of any length.
        name: the file's name in error messages.
        table: takes images, boxes and the names of categories.

    Raises:
        SARChatError: if the file is not JSON, not COCO, or has a wrong entry; the message names file, entry and value.
    """
    part = _Part(name, table)
    handlers = {"images": part.add_image, "annotations": part.add_annotation, "categories": part.add_category}
    try:
        found = read_lists(chunks, handlers)
    except SARChatError:
        # Of an entry.
        raise
    except ValueError as error:
        raise SARChatError(f"{name} is not valid JSON: {error}; it may be truncated, download it again") from error
    for key in handlers:
        if not found.get(key):
            keys = f"its keys are {short(', '.join(found))}" if found else "it is not an object with keys"
            hint = near(key, found.keys() - handlers.keys())
            raise SARChatError(
                f"{name} is not a COCO detection file: it has no list '{key}'{hint}; {keys}; give a file with the "
                "lists images, annotations and categories"
            )
    table.set_categories(part.labels)


class _Part:
    """One file while it is read.

    Attributes:
        labels: the names of its categories by id.
    """

    def __init__(self, name: str, table: AnnotationTable) -> None:
        self.labels: dict[int, str] = {}
        self._name = name
        self._table = table
        table.begin_part(name)

    def add_category(self, entry: Any) -> None:  # noqa: ANN401
        label = str(get(entry, "name", self._name, "category")).strip()
        category_id = get_id(entry, "id", self._name, "category")
        if category_id in self.labels:
            raise SARChatError(
                f"{self._name}: category id {category_id} is in 'categories' more than once; fix the file"
            )
        self.labels[category_id] = label

    def add_image(self, entry: Any) -> None:  # noqa: ANN401
        self._table.add_image(*get_image(entry, "id", self._name))

    def add_annotation(self, entry: Any) -> None:  # noqa: ANN401
        annotation_id = get_id(entry, "id", self._name, "annotation")
        category_id = get(entry, "category_id", self._name, "annotation")
        image_id = get(entry, "image_id", self._name, "annotation")
        bbox = get(entry, "bbox", self._name, "annotation")
        owner = f"{self._name}: annotation {annotation_id}"
        if not is_id(category_id):
            raise SARChatError(f"{owner} has category id {short(category_id)}, not a whole number; fix the file")
        ignored = get_flag(entry, "iscrowd", owner) or get_flag(entry, "ignore", owner)
        box = get_box(category_id, bbox, ignored, owner)
        if type(image_id) is not int:
            raise SARChatError(f"{owner} has image id {short(image_id)}, not a whole number; fix the file")
        self._table.add_box(image_id, annotation_id, box)
