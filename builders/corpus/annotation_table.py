"""Joining and sorting annotations of any number of images on disk, in constant memory."""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import PurePath
from typing import Any

from builders.core.errors import SARChatError
from builders.core.schema import stem
from builders.corpus.categories import Naming, normalize
from builders.corpus.entries import check_file_name, is_id
from builders.corpus.targets import RawBox
from builders.corpus.temporary_database import TemporaryDatabase

# Memory for the database's pages and, while sorting, once more. In kibibytes, negative by SQLite's convention.
_CACHE = -8_000
# Image id, file name, width, height and boxes in the order of annotation ids.
ImageRow = tuple[int, str, int, int, list[RawBox]]


@dataclass
class _Part:
    """An annotation file.

    Attributes:
        name: its name in messages.
        images: how many were added by `add_labelled`.
        used: how many boxes each category id has.
        labels: the names of these ids.
        numbers: the ids of names that were numbered.
    """

    name: str
    images: int = 0
    used: Counter[int] = field(default_factory=Counter)
    labels: dict[int, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


class AnnotationTable(TemporaryDatabase):
    """Images and boxes of annotation files, in a temporary database.

    Parts are added one after the other; ids of images and categories are unique within a part only.

    Attributes:
        corners: whether the corners of boxes are wanted, where annotations may have both.
    """

    tables = f"""
    pragma cache_size = {_CACHE};
    create table images (part integer, id integer, name text, width integer, height integer);
    create table boxes (part integer, image integer, id integer, category integer, flags integer, numbers blob);
    """
    purpose = "sort the annotations"

    def __init__(self, *, corners: bool = False) -> None:
        """Create an empty table."""
        super().__init__()
        self.corners = corners
        self._parts: list[_Part] = []

    def begin_part(self, name: str) -> None:
        """Start an annotation file; `name` stands for it in messages."""
        self._parts.append(_Part(name))

    def add_image(self, image_id: int, file_name: str, width: int | None, height: int | None) -> None:
        """Add an image of the current part; without a size if `fill_sizes` is called later.

        Raises:
            SARChatError: if the disk is full.
        """
        row = len(self._parts), image_id, file_name, width, height
        self._execute("insert into images values (?, ?, ?, ?, ?)", row)

    def add_box(self, image_id: int, annotation_id: int, box: RawBox) -> None:
        """Add a box of the current part; its category is one of the ids that `set_categories` will name.

        Raises:
            SARChatError: if the image id is not a whole number of 64 bits, or the disk is full.
        """
        if not is_id(image_id):
            raise _unknown_image(self._parts[-1].name, annotation_id, image_id)
        self._parts[-1].used[box.category] += 1
        # As raw doubles: SQLite would store -0.0 as 0.
        numbers = array("d", (*box.bbox, *(box.corners or ()))).tobytes()
        flags = box.ignored + 2 * box.difficult
        row = len(self._parts), image_id, annotation_id, box.category, flags, numbers
        self._execute("insert into boxes values (?, ?, ?, ?, ?, ?)", row)

    def number_category(self, label: str) -> int:
        """Return the id of a category of the current part, whose annotations have names and no ids."""
        part = self._parts[-1]
        number = part.numbers.setdefault(label, len(part.numbers))
        part.labels[number] = label
        return number

    def add_labelled(self, file_name: str, size: tuple[int, int] | None, boxes: Iterable[tuple[str, RawBox]]) -> None:
        """Add an image of the current part, and its boxes; they are numbered in the order in which they come.

        Args:
            file_name: the image's file name.
            size: width and height in pixels; `None` if `fill_sizes` is called later.
            boxes: each with the name of its category.

        Raises:
            SARChatError: if the file name cannot be one, or the disk is full.
        """
        part = self._parts[-1]
        check_file_name(file_name, part.name)
        part.images += 1
        self.add_image(part.images, file_name, *(size or (None, None)))
        for number, (label, box) in enumerate(boxes):
            self.add_box(part.images, number, box._replace(category=self.number_category(label)))

    def fill_sizes(self, read_sizes: Callable[[Iterator[str]], Iterable[tuple[int, int]]]) -> None:
        """Set the size of the images that have none.

        Args:
            read_sizes: yields the width and height, in pixels, of each image whose name it gets.

        Raises:
            SARChatError: if the disk is full.
        """
        unsized = "from images where width is null order by rowid"
        sizes = read_sizes(name for (name,) in self._query(f"select name {unsized}"))
        for (row,), size in zip(self._query(f"select rowid {unsized}"), sizes, strict=True):
            # The queries have passed the row, and do not see the change.
            self._execute("update images set width = ?, height = ? where rowid = ?", (*size, row))

    def names_with_folder(self, most: int) -> list[str]:
        """Return some file names of images that have a folder in them, the first ones in order."""
        return [
            name for (name,) in self._query(f"select name from images where name like '%/%' order by name limit {most}")
        ]

    def rename(self, change: Callable[[str], str]) -> None:
        """Change the file name of every image."""
        self._database.create_function("change", 1, change, deterministic=True)
        self._execute("update images set name = change(name)")

    def remove_images(self, size_of: Callable[[str], object]) -> Iterator[str]:
        """Remove the images that do not exist, and their boxes, once all parts are added; yield their names.

        Args:
            size_of: raises `KeyError` for the name of a file that does not exist.

        Raises:
            SARChatError: if the disk is full.
        """
        self._execute("create table gone (row integer, part integer, id integer, primary key (part, id))")
        for row, part, image_id, name in self._query("select rowid, part, id, name from images order by name"):
            try:
                size_of(name)
            except KeyError:
                yield name
                self._fill("gone", [(row, part, image_id)])
        self._execute("delete from images where rowid in (select row from gone)")
        self._execute("delete from boxes where (part, image) in (select part, id from gone)")
        for known in self._parts:
            known.used.clear()
        for part, category, number in self._query("select part, category, count(*) from boxes group by part, category"):
            self._parts[part - 1].used[category] = number

    def category_counts(self) -> Counter[str]:
        """Return the number of boxes of each category that has any, by its name as annotated."""
        counts: Counter[str] = Counter()
        for _, label, number in self._counts():
            counts[label] += number
        return counts

    def set_categories(self, labels: Mapping[int, str]) -> None:
        """Finish the current part: set the name of each of its category ids, as annotated.

        Raises:
            SARChatError: if a box is of another id.
        """
        part = self._parts[-1]
        for category_id, number in part.used.items():
            if category_id not in labels:
                raise SARChatError(
                    f"{part.name}: category id {category_id} of {number:,} annotations is not in 'categories'; "
                    "fix the file"
                )
        part.labels = dict(labels)

    def category_names(self) -> frozenset[str]:
        """Return the normalized names of the categories of all parts."""
        return frozenset(normalize(label) for part in self._parts for label in part.labels.values())

    def unknown_categories(self, naming: Naming) -> dict[str, Counter[str]]:
        """Return the number of boxes of each unknown category, by part."""
        unknown: dict[str, Counter[str]] = {}
        for name, label, number in self._counts():
            if naming.find(label) is None:
                unknown.setdefault(name, Counter())[label] += number
        return unknown

    def _counts(self) -> Iterator[tuple[str, str, int]]:
        """Yield the number of boxes of each category of each part, after the names of both."""
        for part in self._parts:
            for category_id, number in part.used.items():
                yield part.name, part.labels[category_id], number

    def count_images(self) -> int:
        """Return the number of images."""
        return self._one("select count(*) from images")[0]

    def image_files(self) -> Iterator[tuple[str, str]]:
        """Yield the file name of each image, and the name of the annotation file that has it, without its folder."""
        files = [PurePath(part.name).name for part in self._parts]
        return ((name, files[part - 1]) for name, part in self._query("select name, part from images"))

    def images_in_order(self, naming: Naming, keep: Callable[[str, str], bool] | None = None) -> Iterator[ImageRow]:
        """Yield the images that have boxes, sorted by file name (by code points).

        Args:
            naming: which category each name is; it must know that of every box.
            keep: whether to yield an image, given what `image_files` yields of it; by default all.

        Raises:
            SARChatError: if two images have the same id or would share record ids, a box belongs to no image, or
                the disk is full.
        """
        self._check_ids()
        self._check_names()
        rows = self._query(
            "select images.id, name, width, height, boxes.part, category, flags, numbers"
            " from boxes cross join images on images.part = boxes.part and images.id = boxes.image"
            " order by name, boxes.id, boxes.rowid"
        )
        boxes = 0
        found = [
            {category_id: naming.find(part.labels[category_id]) for category_id in part.used} for part in self._parts
        ]
        files = [PurePath(part.name).name for part in self._parts]
        for (image_id, name, width, height), group in groupby(rows, itemgetter(slice(0, 4))):
            in_image = [row[4:] for row in group]
            boxes += len(in_image)
            if keep is None or keep(name, files[in_image[0][0] - 1]):
                raw = [_raw_box(found[part - 1][label], flags, numbers) for part, label, flags, numbers in in_image]
                yield image_id, name, width, height, raw
        self._check_owners(boxes)

    def _check_ids(self) -> None:
        try:
            self._execute("create unique index images_by_id on images (part, id)")
        except sqlite3.IntegrityError:
            part, image_id = self._one(
                "select part, id from images group by part, id having count(*) > 1 order by min(rowid)"
            )
            raise SARChatError(
                f"{self._parts[part - 1].name}: image id {image_id} is in 'images' more than once; fix the file"
            ) from None

    def _check_names(self) -> None:
        # Names with the same stem are not always adjacent: a.jpg, a.jpg.png, a.png. But all between them begin with it.
        stems: list[tuple[str, str, int]] = []
        for name, part in self._query("select name, part from images order by name, part"):
            stems = [entry for entry in stems if name.startswith(entry[0])]
            for known, other, place in stems:
                if known == stem(name):
                    raise self._shared_stem(place, other, part, name)
            stems.append((stem(name), name, part))

    def _shared_stem(self, part: int, name: str, other_part: int, other: str) -> SARChatError:
        files = " and ".join(self._parts[number - 1].name for number in dict.fromkeys((part, other_part)))
        advice = "" if part == other_part else ", or remove it from one of the files"
        return SARChatError(f"{files}: images {name!r} and {other!r} would share record ids; rename one{advice}")

    def _check_owners(self, boxes: int) -> None:
        if boxes < self._one("select count(*) from boxes")[0]:
            part, annotation_id, image_id = self._one(
                "select part, id, image from boxes where not exists"
                " (select 1 from images where images.part = boxes.part and images.id = boxes.image) order by rowid"
            )
            raise _unknown_image(self._parts[part - 1].name, annotation_id, image_id)


def _raw_box(category: int, flags: int, numbers: bytes) -> RawBox:
    bbox_and_corners: Any = tuple(array("d", numbers))
    return RawBox(category, bbox_and_corners[:4], bool(flags & 1), bbox_and_corners[4:] or None, flags > 1)


def _unknown_image(name: str, annotation_id: int, image_id: int) -> SARChatError:
    return SARChatError(
        f"{name}: annotation {annotation_id} has image id {image_id!r}, which is not in 'images'; fix the file"
    )
