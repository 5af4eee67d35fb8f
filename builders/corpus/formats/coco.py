"""COCO's detection files: JSON, or Parquet with a row per image; one file, or parts in a folder."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tqdm import tqdm

from builders.core.checksums import hash_file, hash_text, new_digest
from builders.core.errors import SARChatError, near
from builders.core.schema import SPLITS
from builders.corpus import entries
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.json_lists import read_lists
from builders.corpus.label_folder import find_images, known_layouts
from builders.corpus.label_formats import (
    ANGLE_OPTIONS,
    SKIP,
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
from builders.corpus.parquet_annotations import read_parquet
from builders.corpus.reading_ahead import looking_up_sizes
from builders.corpus.source import IMAGES, Source, join
from builders.corpus.targets import RawBox

ABOUT = "COCO detection: JSON, or Parquet with a row per image; one file, or parts in a folder"
OPTIONS = {
    "box_from": Option("bbox", ("bbox", "segmentation"), "what the box is of an annotation that has both"),
    "annotations_key": Option("annotations", str, "what the file calls the list 'annotations'"),
    "file_name_key": Option("file_name", str, "what the file calls the 'file_name' of an image"),
    **ANGLE_OPTIONS,
    **fault_options(Fault.UNFIT_ROWS, Fault.LABELS_WITHOUT_IMAGE),
}
_LOG = logging.getLogger(__name__)
_HEAD = 1 << 16
_KEYS = re.compile(rb'"(images|annotations|annotation|categories)"\s*:\s*\[')
_ANNOTATION_FOLDERS = ("annotations", "annotation", "labels")
# What names of files have beside that of a split: `instances_train2017.json`.
_NAME_OF_SPLIT = re.compile(r"^(instances|annotations)?_|[_-]?20[0-9]{2}$|^_?annotations\.coco$")
_IMAGES_OF_ALL: Sequence[str] = (
    "images/{split}",
    "{split}",
    "JPEGImages/{split}",
    "images",
    "JPEGImages",
    "data",
    "Images",
)
_IMAGES_BESIDE: Sequence[str] = ("{above}/images", "{above}/JPEGImages", "{above}")
_PARTS_OF_TEST = ("all", "inshore", "offshore")
# Names with folders that are looked up to find out how all are meant.
_TRIED = 5
# What entries have: an angle beside the bbox; not the four corners that all were to have.
_ROTATED, _NO_CORNERS = "rotation", "has no four corners"
# The suffix of annotation files in Parquet; all others are COCO's JSON.
_PARQUET = ".parquet"
_ENDINGS = (".json", _PARQUET)


def find(top: Source) -> list[Candidate]:
    """Return the corpora in any of the known layouts, or one of plausible files; errors as in `Format.find`."""
    found = []
    # A web server may list no folder, though there are some.
    folders = top.folders()
    for layout in known_layouts("coco"):
        splits = {}
        for split in SPLITS:
            file = layout.labels.format(split=layout.name_of(split))
            above, inside, _ = file.partition("/")
            if folders and inside and above not in folders:
                continue
            labels = _find_annotations(top, file)
            if labels is not None:
                splits[split] = SplitLabels("coco", labels, find_images(top, layout, split, layout.name_of(split)))
        if splits:
            found.append(Candidate(layout.name, splits))
    # Only if none is known: the splits of one that is have further names in some programs.
    return found or _find_others(top, folders)


def _find_others(top: Source, folders: Sequence[str]) -> list[Candidate]:
    """Return what JSON files at the top, in a folder of annotations or in one of each split may be, by their names."""
    found: list[Candidate] = []
    for folder in ("", *(name for name in folders if name.lower() in _ANNOTATION_FOLDERS)):
        named: dict[str, str] = {}
        others: list[str] = []
        for path in _find_coco(top, folder):
            called = _NAME_OF_SPLIT.sub("", path.rpartition("/")[2].removesuffix(".json").lower())
            if find_splits([called]):
                named[called] = path
            else:
                others.append(path)
        # A file whose name says no split is all there is, or belongs to another set of them.
        paths = named or ({"": others[0]} if len(others) == 1 else {})
        found += _with_images(top, f"COCO, {join(folder, '*.json')}", paths, _IMAGES_OF_ALL)
    beside: dict[str, str] = {}
    for split, folder in find_splits(folders).items():
        for inner in ("", *(name for name in _PARTS_OF_TEST if split == "test" and top.is_dir(f"{folder}/{name}"))):
            inside = _find_coco(top, join(folder, inner))
            if len(inside) == 1:
                beside[join(split, inner)] = inside[0]
    return found + _with_images(top, "COCO, a folder for each split", beside, _IMAGES_BESIDE)


def _find_coco(top: Source, folder: str) -> list[str]:
    paths = [join(folder, name) for name in top.files(folder) if name.endswith(".json")]
    return [path for path in paths if begins_like_coco(top, path)]


def _with_images(top: Source, name: str, paths: Mapping[str, str], places: Sequence[str]) -> list[Candidate]:
    """Return the corpus of a file for each split; none if there is no file, or not the images of each."""
    images = {split: _find_beside(top, path, split, places) for split, path in paths.items()}
    labels = {split: SplitLabels("coco", paths[split], of) for split, of in images.items() if of is not None}
    return [Candidate(name, labels)] if labels and len(labels) == len(paths) else []


def begins_like_coco(top: Source, path: str) -> bool:
    """Return whether a JSON file begins like COCO's; of a large one, only the start is read."""
    with top.open(path, _HEAD) as stream:
        return _KEYS.search(stream.read(_HEAD)) is not None


def _find_beside(top: Source, path: str, split: str, folders: Sequence[str]) -> str | None:
    """Return the folder of the images of a split, given its file; `None` if there is none."""
    above = path.rpartition("/")[0]
    # Of a split without a name, no folder has the name.
    places = [folder.format(above=above, split=split) for folder in folders if split or "{split}" not in folder]
    found = next(filter(top.is_dir, filter(None, places)), None)
    return "" if found is None and not above and top.has_file("", IMAGES) else found


def open_labels(top: Source, split: SplitLabels, images: Source) -> Labels:
    """Return a file of annotations, or the parts in a folder; arguments and errors as in `Format.open_labels`."""
    if split.listed:
        raise SARChatError(f"COCO's labels take no list of images, but listed is {split.listed}; remove it")
    if top.is_file(split.labels):
        top.check_links(split.labels)
        return AnnotationFiles(top, split, images)
    parts = _find_parts(top, split.labels)
    if parts:
        return AnnotationFiles(top, split, images, parts)
    if top.is_dir(split.labels):
        raise SARChatError(f"the folder {top.show(split.labels)} contains no annotations: no *.json and no *.parquet")
    raise SARChatError(f"no such annotation file: {top.show(split.labels)}")


@dataclass(frozen=True)
class AnnotationFiles(Labels):
    """The annotation files of a split: one, or the parts in a folder.

    Attributes:
        parts: the paths of the parts, sorted; empty if it is one file.
    """

    parts: Sequence[str] = ()
    may_be_other_boxes: ClassVar[bool] = True

    @property
    def paths(self) -> Sequence[str]:
        """The paths of the files."""
        return self.parts or [self.split.labels]

    def digest(self) -> str:
        """Return a hash of all files' content."""
        return self._combine(map(self.source.digest, self.paths))

    def identity(self) -> str:
        """Return a hash of what the file system knows about the files, which changes with them."""
        labels = self.split.labels
        return self.source.folder_identity(labels) if self.parts else self.source.identity(labels)

    def add_to(self, table: AnnotationTable, faults: Faults) -> str:
        """Add images, boxes and names of categories to a table; see `Labels.add_to`."""
        # Shown when it takes longer than a moment.
        paths = tqdm(self.paths, f"Reading {self.name}", unit=" files", disable=None, leave=False, delay=2)
        seen = Counter[str]()
        digests = [self._read_file(path, table, faults, seen) for path in paths]
        if seen[_ROTATED]:
            _LOG.warning(
                "%s: %s annotations have attributes.rotation, with which CVAT turns boxes, but their bbox is that "
                "before the turn; export them as polygons, or check that they fit",
                *(self.name, f"{seen[_ROTATED]:,}"),
            )
        if table.corners:
            faults.tally[_NO_CORNERS] += seen[_NO_CORNERS]
        _find_images(table, self.images)
        # Otherwise they are an error once all are looked up, as those of the folder are for a build.
        if self.split.options[Fault.LABELS_WITHOUT_IMAGE.option] == SKIP:
            _leave_out_missing(table, self.images, faults)
        return self._combine(digests)

    def _read_file(self, path: str, table: AnnotationTable, faults: Faults, seen: Counter[str]) -> str:
        """Add images, boxes and names of categories to a table, and what is seen; return a hash of the content."""
        name = self.source.show(path)
        if path.endswith(_PARQUET):
            with self.source.local_copy(path) as copy:
                read_parquet(copy, name, table)
                return hash_file(copy)
        digest = new_digest()
        reading = Reading(name, table, self.split.options, faults, seen)
        read_coco(hash_chunks(self.source.chunks(path), digest), reading)
        return digest.hexdigest()

    def _combine(self, digests: Iterable[str]) -> str:
        if not self.parts:
            return next(iter(digests))
        named = zip(self.paths, digests, strict=True)
        return hash_text("".join(f"{path.rpartition('/')[2]}:{digest}\n" for path, digest in named))


def _find_annotations(source: Source, path: str) -> str | None:
    """Return where the annotations of a split are, given the path of the file: there, or in the folder of its name.

    Raises:
        SARChatError: if there are both, or parts of both kinds.
    """
    folder = path.removesuffix(".json")
    parts = _find_parts(source, folder)
    if not source.is_file(path):
        return folder if parts else None
    source.check_links(path)
    if parts:
        raise SARChatError(f"{source.show(path)} and parts in {source.show(folder)} both exist; remove one of the two")
    return path


def _find_parts(source: Source, folder: str) -> list[str]:
    """Return the paths of the annotation files in a folder, `*.json` or `*.parquet`.

    Raises:
        SARChatError: if there are both kinds.
    """
    parts = [join(folder, name) for name in source.files(folder) if name.endswith(_ENDINGS)]
    if len({part.endswith(_PARQUET) for part in parts}) > 1:
        raise SARChatError(f"{source.show(folder)} contains annotations as *.json and as *.parquet; keep one kind")
    for part in parts:
        source.check_links(part)
    return parts


def _find_images(table: AnnotationTable, images: Source) -> None:
    """Change file names with folders that are not in the folder of the images, and say how: all in the same way."""
    names = table.names_with_folder(_TRIED)
    for change, how in (
        (str, ""),
        (lambda name: name.partition("/")[2] or name, "without their first folder"),
        (lambda name: name.rpartition("/")[2], "without their folders"),
    ):
        found = next((name for name in names if images.is_file(change(name))), None)
        if found is not None:
            if how:
                _LOG.warning(
                    "%s: file names such as %s are not in it; images are looked up %s: %s",
                    *(images.location, found, how, change(found)),
                )
                table.rename(change)
            return


def _leave_out_missing(table: AnnotationTable, images: Source, faults: Faults) -> None:
    """Remove the images that do not exist from the table, and count them."""
    with looking_up_sizes(images) as sizes_in:
        for name in table.remove_images(sizes_in("")):
            faults.add(Fault.LABELS_WITHOUT_IMAGE, name)


def read_coco(chunks: Iterable[bytes], reading: Reading) -> None:
    """Add the images and boxes of a COCO detection file to a table.

    Only one entry is in memory at a time. The lists `images`, `annotations` and `categories` may come in any order.

    Args:
        chunks: the file's bytes, in pieces of any length.
        reading: takes the entries.

    Raises:
        SARChatError: if the file is not JSON, not COCO, or has a wrong entry; the message names file, entry and value.
    """
    name, annotations = reading.name, reading.options["annotations_key"]
    handlers = {"images": reading.add_image, annotations: reading.add_annotation, "categories": reading.add_category}
    try:
        found = read_lists(chunks, handlers)
    except SARChatError:
        # Of an entry.
        raise
    except ValueError as error:
        raise SARChatError(f"{name} is not valid JSON: {error}; it may be truncated, download it again") from error
    for key in handlers:
        if not found.get(key):
            keys = f"its keys are {entries.short(', '.join(found))}" if found else "it is not an object with keys"
            hint = near(key, found.keys() - handlers.keys())
            other = "; if it has another name, set the option annotations_key" if hint and key == annotations else ""
            raise SARChatError(
                f"{name} is not a COCO detection file: it has no list '{key}'{hint}; {keys}; give a file with the "
                f"lists images, annotations and categories{other}"
            )
    reading.table.set_categories(reading.labels)


class Reading:
    """One file while it is read.

    Attributes:
        name: its name in error messages.
        table: takes images, boxes and the names of categories.
        options: the values of `OPTIONS`.
        labels: the names of its categories by id.
        seen: takes the numbers of entries with something that is said at the end.
    """

    def __init__(
        self, name: str, table: AnnotationTable, options: Mapping[str, Any], faults: Faults, seen: Counter[str]
    ) -> None:
        """Begin a part of the table."""
        self.name, self.table, self.options, self.seen = name, table, options, seen
        self.labels: dict[int, str] = {}
        self._faults = faults
        self._name_key = options["file_name_key"]
        self._from_segmentation = options["box_from"] == "segmentation"
        table.begin_part(name)

    def add_category(self, entry: Any) -> None:  # noqa: ANN401
        """Add an entry of `categories`."""
        label = str(entries.get(entry, "name", self.name, "category")).strip()
        category_id = entries.get_id(entry, "id", self.name, "category")
        if category_id in self.labels:
            raise SARChatError(
                f"{self.name}: category id {category_id} is in 'categories' more than once; fix the file"
            )
        self.labels[category_id] = label

    def add_image(self, entry: Any) -> None:  # noqa: ANN401
        """Add an entry of `images`."""
        if isinstance(entry, dict) and self._name_key not in entry and "filename" in entry:
            raise SARChatError(
                f"{self.name}: an entry of kind 'image' has no '{self._name_key}' (did you mean 'filename'?): "
                f"{entries.short(entry)}; fix the file, or set the option file_name_key: filename"
            )
        self.table.add_image(*entries.get_image(entry, "id", self.name, self._name_key, sized=False))

    def add_annotation(self, entry: Any) -> None:  # noqa: ANN401
        """Add an entry of `annotations`."""
        annotation_id = entries.get_id(entry, "id", self.name, "annotation")
        category = entries.get(entry, "category_id", self.name, "annotation")
        image = entries.get(entry, "image_id", self.name, "annotation")
        owner = f"{self.name}: annotation {annotation_id}"
        category_id, image_id = entries.as_id(category), entries.as_id(image)
        if category_id is None:
            raise SARChatError(f"{owner} has category id {entries.short(category)}, not a whole number; fix the file")
        ignored = entries.get_flag(entry, "iscrowd", owner) or entries.get_flag(entry, "ignore", owner)
        box = self._get_box(entry, category_id, ignored, owner)
        if image_id is None:
            raise SARChatError(f"{owner} has image id {entries.short(image)}, not a whole number; fix the file")
        if box is None:
            self._faults.add(Fault.UNFIT_ROWS, f"{owner}: no bbox, and no segmentation to make it of")
            return
        attributes = entry.get("attributes")
        if isinstance(attributes, dict) and attributes.get("rotation"):
            self.seen[_ROTATED] += 1
        if entry.get("difficult") is not None:
            box = box._replace(difficult=entries.get_flag(entry, "difficult", owner))
        self.table.add_box(image_id, annotation_id, box)

    def _get_box(self, entry: dict[str, Any], category_id: int, ignored: bool, owner: str) -> RawBox | None:
        """Return the box of an annotation; `None` if it has none."""
        segmentation = entry.get("segmentation")
        bbox = entry.get("bbox") if segmentation else entries.get(entry, "bbox", self.name, "annotation")
        corners = None
        if isinstance(bbox, list) and len(bbox) == 5 and all(map(entries.is_finite_number, bbox)):
            if not self.table.corners:
                raise SARChatError(
                    f"{owner} has bbox {entries.short(bbox)}, five numbers as of an oriented box; if it is x and y of "
                    "the centre, width, height and angle, say boxes: oriented in a description, with the options "
                    "angle_unit and angle_direction"
                )
            corners = turn_rectangle(bbox, self.options, owner)
        elif self.table.corners:
            corners = entries.corners_of_segmentation(segmentation)
            self.seen[_NO_CORNERS] += corners is None
        if corners:
            return quadrilateral(corners)._replace(category=category_id, ignored=ignored)
        if bbox in (None, []) or self._from_segmentation:
            # Of an annotation with both, the bbox is better than nothing.
            around = entries.box_of_segmentation(segmentation)
            if around or bbox in (None, []):
                return RawBox(category_id, around, ignored) if around else None
        return entries.get_box(category_id, bbox, ignored, owner)
