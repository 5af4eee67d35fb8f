"""Pascal VOC's XML and its relatives: roLabelImg, DIOR-R, HRSC2016, FAIR1M; a file per image, or all in one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from posixpath import splitext
from typing import Any, ClassVar
from xml.parsers import expat

from builders.core.checksums import new_digest
from builders.core.errors import SARChatError
from builders.core.schema import SPLITS, Corners
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.entries import short
from builders.corpus.label_folder import Files, FolderLabels, LabelFile, find_layouts, read_number, read_start
from builders.corpus.label_formats import (
    ANGLE_OPTIONS,
    Candidate,
    Fault,
    Faults,
    Option,
    SplitLabels,
    fault_options,
    find_splits,
    quadrilateral,
    turn_rectangle,
)
from builders.corpus.labels import Labels, hash_chunks
from builders.corpus.source import Source, join
from builders.corpus.targets import RawBox

ABOUT = "Pascal VOC XML, and the XML of roLabelImg, DIOR-R, HRSC2016 and FAIR1M: a file per image, or one for all"
OPTIONS = {
    "first_pixel": Option(
        0, (0, 1), "0: corners are as in COCO; 1: pixels count from 1, and xmax and ymax are inside, as in PASCAL's own"
    ),
    **ANGLE_OPTIONS,
    **fault_options(Fault.UNFIT_ROWS, Fault.LABELS_WITHOUT_IMAGE, Fault.IMAGES_WITHOUT_LABEL),
}
_IMAGE_TAGS = ("annotation", "HRSC_Image")
_OBJECT_TAGS = ("object", "HRSC_Object")
# Where images and objects have what is read, as paths of tags.
_NAME, _WIDTH, _HEIGHT = (
    ("filename", "Img_FileName"),
    ("size/width", "Img_SizeWidth"),
    ("size/height", "Img_SizeHeight"),
)
_CATEGORY = ("name", "possibleresult/name", "Class_ID")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_UPRIGHT = tuple(tuple(prefix + side for side in _SIDES) for prefix in ("bndbox/", "box_"))
_ROTATED = (
    tuple(f"robndbox/{key}" for key in ("cx", "cy", "w", "h", "angle")),
    tuple(f"mbox_{key}" for key in ("cx", "cy", "w", "h", "ang")),
)
_CORNERS = (
    tuple(
        f"robndbox/{axis}_{corner}"
        for corner in ("left_top", "right_top", "right_bottom", "left_bottom")
        for axis in "xy"
    ),
    tuple(f"rotated_bndbox/{axis}{corner}" for corner in range(1, 5) for axis in "xy"),
)
_POINT = "points/point"
# How a file of many images begins, unlike CVAT's own, and where one is looked for.
_MERGED = re.compile(rb"<annotations[^>]*>\s*<annotation[\s>]")
_MERGED_IN = ("", "Annotations", "annotations")
# Texts of `difficult`, besides numbers.
_FLAGS = {"": False, "false": False, "no": False, "unspecified": False, "true": True, "yes": True}


@dataclass
class Entry:
    """An image of the XML: its texts by path of tags, and those of each object; points are joined by spaces."""

    texts: dict[str, str] = field(default_factory=dict)
    objects: list[dict[str, str]] = field(default_factory=list)


def read_xml(chunks: Iterable[bytes], name: str, handle: Callable[[Entry], None]) -> None:
    """Call a function with each image of an XML file; only one is in memory at a time.

    Entities and document types are refused: a short file could stand for gigabytes, or for files of this machine.

    Args:
        chunks: the file's bytes, in pieces of any length.
        name: the file's name in error messages.
        handle: called with each image.

    Raises:
        SARChatError: if it is not XML, has a document type, or is of another kind.
    """
    reader = _Reader(name, handle)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except SARChatError:
        raise
    # ValueError and LookupError: of an encoding that Python cannot read piece by piece, or does not know.
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise SARChatError(f"{name} is not valid XML: {error}; it may be truncated, write it again") from error


class _Reader:
    """Gathers the texts of an image and of its objects while a file is parsed."""

    def __init__(self, name: str, handle: Callable[[Entry], None]) -> None:
        self._name, self._handle = name, handle
        self._has_begun = False
        self._entry: Entry | None = None
        # The open tags below the image or the object, and those around the object, if one is open.
        self._path: list[str] = []
        self._around: list[str] | None = None
        self._text: list[str] = []

    def refuse(self, *_: object) -> None:
        raise SARChatError(f"{self._name} has a document type declaration; remove its line <!DOCTYPE")

    def start(self, tag: str, _: Mapping[str, str]) -> None:
        self._text.clear()
        if not self._has_begun and tag not in (*_IMAGE_TAGS, "annotations"):
            raise SARChatError(
                f"{self._name} is not Pascal VOC's XML or a relative: it begins with <{tag[:80]}>, not <annotation>"
            )
        self._has_begun = True
        if self._entry is None:
            if tag in _IMAGE_TAGS:
                self._entry = Entry()
            elif tag == "image":
                raise SARChatError(
                    f"{self._name} is in CVAT's own XML; export the task as COCO or Pascal VOC, and give that"
                )
        elif tag in _OBJECT_TAGS and self._around is None:
            self._entry.objects.append({})
            self._around, self._path = self._path, []
        else:
            self._path.append(tag)

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        if self._entry is None:
            return
        if self._path:
            texts = self._entry.texts if self._around is None else self._entry.objects[-1]
            path = "/".join(self._path)
            text = "".join(self._text).strip()
            if path == _POINT and path in texts:
                texts[path] += f" {text}"
            elif text:
                texts.setdefault(path, text)
            self._path.pop()
        elif self._around is not None:
            self._path, self._around = self._around, None
        else:
            entry, self._entry = self._entry, None
            self._handle(entry)
        self._text.clear()


@dataclass(frozen=True)
class VocLabels(FolderLabels):
    """A folder with an XML file per image."""

    ending: ClassVar[str] = ".xml"

    def parse(
        self, content: bytes, place: str, size: tuple[int, int] | None, corners: bool, faults: Faults
    ) -> LabelFile:
        """Read a file; see `FolderLabels.parse`."""
        entries: list[Entry] = []
        read_xml([content], place, entries.append)
        if len(entries) != 1:
            raise SARChatError(
                f"{place} has {len(entries):,} images, not one; give a file of many images itself as the labels"
            )
        return _parse(entries[0], place, self.split.options, corners, faults)


@dataclass(frozen=True)
class MergedVocLabels(VocLabels):
    """One XML file with all images."""

    def identity(self) -> str:
        """Return a hash of what the file system knows about the file."""
        return self.source.identity(self.split.labels)

    def digest(self) -> str:
        """Return a hash of the file."""
        return self.source.digest(self.split.labels)

    def _add_images(self, files: Files, table: AnnotationTable, faults: Faults) -> str:
        digest = new_digest()

        def handle(entry: Entry) -> None:
            name = _first(entry.texts, _NAME)
            found = files.images_of(name)
            if not found:
                faults.add(Fault.LABELS_WITHOUT_IMAGE, repr(name))
            elif len(found) > 1 or files.add_labelled(found[0]):
                raise SARChatError(f"{self.name}: image {name!r} is in it, or in its images, twice; remove one")
            else:
                place = f"{self.name}: image {name!r}"
                parsed = _parse(entry, place, self.split.options, table.corners, faults)
                table.add_labelled(found[0], parsed.size, parsed.boxes)

        read_xml(hash_chunks(self.source.chunks(self.split.labels), digest), self.name, handle)
        return digest.hexdigest()


def _parse(entry: Entry, place: str, options: Mapping[str, Any], corners: bool, faults: Faults) -> LabelFile:
    # One that is missing is 0, as in files made by hand.
    width, height = (int(read_number(_first(entry.texts, paths)) or 0) for paths in (_WIDTH, _HEIGHT))
    parsed = LabelFile((width, height) if min(width, height) > 0 else None)
    for number, texts in enumerate(entry.objects, 1):
        name = _first(texts, _CATEGORY)
        owner = f"{place}, object {number}"
        box = _parse_box(texts, owner, options, corners)
        difficult = _flag(texts.get("difficult", ""))
        if name and box and difficult is not None:
            parsed.boxes.append((name, box._replace(difficult=difficult)))
        else:
            faults.add(Fault.UNFIT_ROWS, f"{owner}: {short(texts)}")
    return parsed


def _parse_box(texts: Mapping[str, str], owner: str, options: Mapping[str, Any], corners: bool) -> RawBox | None:
    """Return the box of an object, or `None` if it has none that fits."""
    upright = next((numbers for keys in _UPRIGHT if (numbers := _numbers(texts, keys))), None)
    if upright and not corners:
        return _from_sides(upright, owner, options["first_pixel"])
    found: Any = next(filter(None, (_numbers(texts, keys) for keys in _CORNERS)), None) or _points(texts)
    for keys in () if found else _ROTATED:
        if numbers := _numbers(texts, keys):
            found = turn_rectangle(numbers, options, owner)
    if found:
        return quadrilateral(found)
    return _from_sides(upright, owner, options["first_pixel"]) if upright else None


def _from_sides(sides: Sequence[float], owner: str, first: int) -> RawBox:
    left, top, right, bottom = sides
    if min(left, top) < first:
        raise SARChatError(
            f"{owner} has xmin, ymin {left:g}, {top:g}, but with first_pixel: 1 pixels count from 1; set first_pixel: 0"
        )
    return RawBox(0, (left - first, top - first, right - left + first, bottom - top + first), False)


def _points(texts: Mapping[str, str]) -> Corners | None:
    """Return the corners of FAIR1M, whose first one is repeated at the end."""
    numbers = [read_number(text) for text in texts.get(_POINT, "").replace(",", " ").split()]
    if None in numbers or texts.get("coordinate", "pixel") != "pixel":
        return None
    if len(numbers) == 10 and numbers[:2] == numbers[8:]:
        del numbers[8:]
    return tuple(numbers) if len(numbers) == 8 else None  # type: ignore[return-value]


def _numbers(texts: Mapping[str, str], keys: Sequence[str]) -> tuple[float, ...] | None:
    numbers = tuple(read_number(texts.get(key, "")) for key in keys)
    return None if None in numbers else numbers  # type: ignore[return-value]


def _first(texts: Mapping[str, str], paths: Iterable[str]) -> str:
    """Return the text of the first path that has any."""
    return next((texts[path] for path in paths if path in texts), "")


def _flag(text: str) -> bool | None:
    number = read_number(text)
    return bool(number) if number is not None else _FLAGS.get(text.lower())


def open_labels(top: Source, split: SplitLabels, images: Source) -> Labels:
    """Return a folder of XML files, or one file for all images; arguments and errors as in `Format.open_labels`."""
    if top.is_file(split.labels):
        top.check_links(split.labels)
        return MergedVocLabels(top, split, images)
    return VocLabels.open(top, split, images)


def find(top: Source) -> list[Candidate]:
    """Return the corpora in any of the known layouts, or else in files of many images; errors as in `Format.find`."""
    merged = {folder: _find_merged(top, folder) for folder in _MERGED_IN}
    found = [
        candidate
        for candidate in find_layouts(top, "voc", VocLabels.ending)
        if not any(merged.get(of_split.labels) for of_split in candidate.splits.values())
    ]
    return found or [candidate for candidate in merged.values() if candidate]


def _find_merged(top: Source, folder: str) -> Candidate | None:
    """Return the corpus in files of many images: one for each split, by its name, or one for all."""
    names = sorted(islice(top.files_like(folder, [VocLabels.ending]), len(SPLITS) + 1))
    if not 0 < len(names) <= len(SPLITS) or not all(
        _MERGED.search(read_start(top, join(folder, name))) for name in names
    ):
        return None
    images = next(filter(top.is_dir, ("JPEGImages", "images")), "")
    stems = {splitext(name)[0]: name for name in names}
    splits = find_splits(stems) or ({"": next(iter(stems))} if len(stems) == 1 else {})
    labels = {split: SplitLabels("voc", join(folder, stems[own]), images) for split, own in splits.items()}
    return Candidate("PASCAL VOC, all images in one file", labels) if labels else None
