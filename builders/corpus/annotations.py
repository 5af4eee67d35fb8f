"""The annotations of a split: one file, or parts of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm import tqdm

from builders.core.digests import hash_file, new_digest
from builders.core.errors import SARChatError
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.box_convention import BoxConvention
from builders.corpus.categories import Naming
from builders.corpus.coco import read_coco
from builders.corpus.parquet_annotations import read_parquet
from builders.corpus.source import Source
from builders.corpus.targets import AnnotatedImage, clean

# The suffix of annotation files in Parquet; all others are COCO's JSON.
_PARQUET = ".parquet"
_ENDINGS = (".json", _PARQUET)


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
        read_coco(_hash_chunks(self.source.chunks(self.path), digest), self.name, table)
        return digest.hexdigest()


@dataclass(frozen=True)
class AnnotationFiles:
    """The annotation files of a split: one, or the parts in a folder, sorted by name.

    Attributes:
        parts: the files.
        folder: the folder of the parts; `None` if it is one file.
    """

    parts: Sequence[AnnotationFile]
    folder: AnnotationFile | None = None

    @property
    def name(self) -> str:
        """The file or folder as shown to the user."""
        return (self.folder or self.parts[0]).name

    @property
    def source(self) -> Source:
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

    @contextmanager
    def read(self, naming: Naming, *, trust_boxes: bool = False) -> Iterator[Annotations]:
        """Read the annotations, for the time of a block; the memory does not grow with their number.

        Args:
            naming: which category each name is.
            trust_boxes: whether to accept boxes that seem to be in another convention.

        Raises:
            SARChatError: if a file is wrong.
        """
        with AnnotationTable() as table:
            # Shown when it takes longer than a moment.
            parts = tqdm(self.parts, f"Reading {self.name}", unit=" files", disable=None, leave=False, delay=2)
            digest = self._combine([part.read_into(table) for part in parts])
            yield Annotations(table, self.name, digest, naming, None if trust_boxes else BoxConvention())

    def _combine(self, digests: Iterable[str]) -> str:
        if not self.folder:
            return next(iter(digests))
        combined = new_digest()
        for part, digest in zip(self.parts, digests, strict=True):
            combined.update(f"{part.path.rpartition('/')[2]}:{digest}\n".encode())
        return combined.hexdigest()


class Annotations:
    """The annotations of a split, while they are on disk.

    Attributes:
        name: the file or folder as shown to the user.
        digest: a hash of the files.
        category_names: the names of their categories, in lower case.
        unknown: the number of boxes of each unknown category, by file.
        tally: what became of the boxes in the images that `images` has yielded so far, see `clean`.
    """

    def __init__(
        self, table: AnnotationTable, name: str, digest: str, naming: Naming, convention: BoxConvention | None
    ) -> None:
        """Set what is known before the boxes are cleaned; without a convention, it is not checked."""
        self.name = name
        self.digest = digest
        self.category_names = table.category_names()
        self.unknown = table.unknown_categories(naming)
        self.tally: Counter[str] = Counter()
        self._table = table
        self._naming = naming
        self._convention = convention

    def count_images(self) -> int:
        """Return the number of images, including those without a target."""
        return self._table.count_images()

    def images(self) -> Iterator[AnnotatedImage]:
        """Yield the images that have a target, sorted by file name, with cleaned boxes.

        Raises:
            SARChatError: if a category is unknown, two images have the same id or would share record ids, a box
                belongs to no image, or nearly all boxes are in another convention.
        """
        self._naming.refuse_unknown(self.unknown)
        for image_id, file_name, width, height, boxes in self._table.images_in_order(self._naming):
            if self._convention:
                self._convention.add(boxes, width, height)
            targets = clean(boxes, width, height, self.tally)
            if targets:
                yield AnnotatedImage(image_id, file_name, width, height, targets)
        if self._convention:
            self._convention.check(self.name)


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


def _hash_chunks(chunks: Iterator[bytes], digest: hashlib.blake2b) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
