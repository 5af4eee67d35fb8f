"""The labels of a split as any label format gives them: images and boxes, joined, sorted, checked and cleaned."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from builders.core.errors import SARChatError
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.categories import Naming
from builders.corpus.image_check import read_size
from builders.corpus.info import Shares
from builders.corpus.label_formats import Faults, SplitLabels
from builders.corpus.reading_ahead import read_ahead
from builders.corpus.source import Source
from builders.corpus.targets import KEPT, ORIENTED, AnnotatedImage, RawBox, clean, find_left_out

# Of nine corpora of aerial, radar and infrared images, those as they are have no box that reaches more than a pixel
# past the right or bottom edge, and at most 15 % fit as corners, 99 % as centres. Rewritten as corners, 61 to 81 %
# reach past it and all fit; rewritten as centres, up to 39 % do, and all fit.
_SLACK = 1.0
_MOST = 0.95
_PAST_AS_CORNERS = 0.2
_ALL_AS_CENTRES, _PAST_AS_CENTRES = 0.995, 0.02
# Fewer boxes past the edge prove nothing.
_LEAST_PAST = 3
_GO_ON = "or pass --trust-boxes if they are correct"


class BoxConvention:
    """Counts, box by box, in which conventions the four numbers make sense."""

    def __init__(self) -> None:
        """Start with no box."""
        self._boxes = self._past_edge = self._as_corners = self._as_centres = self._below_one = 0

    def add(self, boxes: Iterable[RawBox], width: int, height: int) -> None:
        """Add the boxes of an image of a width and height in pixels; not those without an extent or with corners."""
        right, bottom = width + _SLACK, height + _SLACK
        for _, (x, y, w, h), _, corners, _ in boxes:
            if w > 0 and h > 0 and corners is None:
                self._boxes += 1
                self._past_edge += x + w > right or y + h > bottom
                self._as_corners += x < w <= right and y < h <= bottom
                half_w, half_h = w / 2, h / 2
                self._as_centres += (
                    -_SLACK <= x - half_w and -_SLACK <= y - half_h and x + half_w <= right and y + half_h <= bottom
                )
                self._below_one += x <= 1 and y <= 1 and w <= 1 and h <= 1

    def check(self, name: str) -> None:
        """Refuse boxes if nearly all of them look like another convention.

        Args:
            name: the file or folder, for the message.

        Raises:
            SARChatError: if they are; the message names the likely convention.
        """
        if self._boxes and self._below_one >= _MOST * self._boxes:
            raise SARChatError(
                f"{name}: {self._share(self._below_one)} have no number above 1, as if they were in shares of the "
                f"image's width and height, but COCO's bbox is x, y, width, height in pixels; convert them, {_GO_ON}"
            )
        if self._past_edge < _LEAST_PAST:
            return
        if self._past_edge >= _PAST_AS_CORNERS * self._boxes and self._as_corners >= _MOST * self._boxes:
            self._refuse(name, self._as_corners, "x1, y1, x2, y2")
        if self._past_edge >= _PAST_AS_CENTRES * self._boxes and self._as_centres >= _ALL_AS_CENTRES * self._boxes:
            self._refuse(name, self._as_centres, "centre x, centre y, width, height")

    def _refuse(self, name: str, fitting: int, likely: str) -> None:
        raise SARChatError(
            f"{name}: {self._share(self._past_edge)} reach past the right or bottom edge of their image, and "
            f"{fitting:,} would fit as {likely}, but COCO's bbox is x, y, width, height; convert them, {_GO_ON}"
        )

    def _share(self, number: int) -> str:
        return f"{number:,} of {self._boxes:,} boxes"


@dataclass(frozen=True)
class Labels(ABC):
    """The labels of a split, in any format.

    Attributes:
        source: where they are.
        split: the file or folder of the labels, the list of images, and the options, which are complete.
        images: the folder of the images.
    """

    source: Source
    split: SplitLabels
    images: Source
    # Whether boxes in another convention may be taken for those of the format.
    may_be_other_boxes: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The file or folder as shown to the user."""
        return self.source.show(self.split.labels)

    @property
    def paths(self) -> Collection[str]:
        """The paths of files that are read, and of folders whose files are."""
        return [path for path in (self.split.labels, self.split.listed) if path]

    @abstractmethod
    def digest(self) -> str:
        """Return a hash of all files' content."""

    @abstractmethod
    def identity(self) -> str:
        """Return a hash of what the file system knows about the files, which changes with them."""

    @abstractmethod
    def add_to(self, table: AnnotationTable, faults: Faults) -> str:
        """Add images, boxes and names of categories to a table; return what `digest` does.

        Args:
            table: takes them.
            faults: takes what cannot be read.

        Raises:
            SARChatError: if a file is wrong.
        """

    def read_into(self, table: AnnotationTable, tally: Counter[str]) -> str:
        """Add images with their sizes, boxes and names of categories to a table; return what `digest` does.

        Args:
            table: takes them.
            tally: takes the numbers of what could not be read, see `Fault`.

        Raises:
            SARChatError: if a file is wrong, there are faults that are not to be left out, or the size of an image is
                needed, and it does not exist or is not an image.
        """
        faults = Faults(self.name, self.split.options, tally)
        digest = self.add_to(table, faults)
        faults.check()
        read = partial(read_size, self.images)
        table.fill_sizes(lambda names: read_ahead(self.images, ((name, None) for name in names), read))
        return digest

    @contextmanager
    def read(self, naming: Naming, *, trust_boxes: bool = False, corners: bool = False) -> Iterator[Annotations]:
        """Read the annotations, for the time of a block; the memory does not grow with their number.

        Args:
            naming: which category each name is.
            trust_boxes: whether to accept boxes that seem to be in another convention.
            corners: whether to read the corners of boxes, where annotations may have both.

        Raises:
            SARChatError: if a file is wrong.
        """
        with AnnotationTable(corners=corners) as table:
            tally = Counter[str]()
            digest = self.read_into(table, tally)
            convention = BoxConvention() if self.may_be_other_boxes and not trust_boxes else None
            yield Annotations(self.name, table, digest, naming, convention, tally)


@dataclass
class Annotations:
    """The annotations of a split, while they are on disk.

    Attributes:
        name: the file or folder as shown to the user.
        table: the images and boxes as annotated.
        digest: a hash of the files.
        naming: which category each name is.
        convention: counts what the boxes look like; `None` if it is not to be checked.
        tally: the number of faults by kind, see `Fault`, and what became of the boxes in the images that `images` has
            yielded so far, see `clean`.
        keep: whether an image is of the split, given what `AnnotationTable.image_files` yields of it; `None` if all
            are.
    """

    name: str
    table: AnnotationTable
    digest: str
    naming: Naming
    convention: BoxConvention | None
    tally: Counter[str]
    keep: Callable[[str, str], bool] | None = None

    def divide(self, shares: Shares, split: str) -> None:
        """Keep the images that are in a split's share, before any is read.

        Raises:
            SARChatError: if images cannot be kept together as wanted, since there is one file or no separator.
        """
        files = {file for _, file in self.table.image_files()}
        if shares.by == "file" and len(files) < 2:
            raise SARChatError(f"{self.name} is one file, which cannot be divided by file; choose by: image or prefix")
        if shares.by == "prefix" and not any(shares.separator in name for name, _ in self.table.image_files()):
            raise SARChatError(
                f"{self.name}: no image has {shares.separator!r} in its name, where its prefix would end; choose "
                "another separator, or by: image"
            )
        self.keep = lambda name, file: shares.split_of(name, file) == split

    def count_images(self) -> int:
        """Return the number of images, including those without a target."""
        if self.keep is None:
            return self.table.count_images()
        return sum(self.keep(*image) for image in self.table.image_files())

    def images(self) -> Iterator[AnnotatedImage]:
        """Yield the images that have a target, sorted by file name, with cleaned boxes.

        Raises:
            SARChatError: if a category is unknown, two images have the same id or would share record ids, a box
                belongs to no image, nearly all boxes are in another convention, or none has corners, which are needed.
        """
        self.naming.refuse_unknown(self.table.unknown_categories(self.naming))
        info = self.naming.info
        for image_id, file_name, width, height, boxes in self.table.images_in_order(self.naming, self.keep):
            if self.convention:
                self.convention.add(boxes, width, height)
            targets = clean(boxes, width, height, self.tally, oriented=info.oriented, difficult=info.difficult)
            if targets:
                left_out = find_left_out(boxes, targets, width, height)
                yield AnnotatedImage(image_id, file_name, width, height, targets, left_out)
        if self.convention:
            self.convention.check(self.name)
        if info.oriented and self.tally[KEPT] and not self.tally[ORIENTED]:
            raise SARChatError(f"{self.name} has no oriented box; build with upright boxes, the default")


def hash_chunks(chunks: Iterator[bytes], digest: hashlib.blake2b) -> Iterator[bytes]:
    """Yield pieces of a file, and add each to its hash."""
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
