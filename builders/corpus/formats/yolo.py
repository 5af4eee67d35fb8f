"""YOLO's text: a file per image, and in each line a class id and a box or a polygon, in shares of the image's sides."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from posixpath import commonpath, normpath
from typing import Any, ClassVar

from builders.core.errors import SARChatError
from builders.core.polygons import bounds, to_points
from builders.core.resources import load_foreign_yaml
from builders.corpus.entries import short
from builders.corpus.label_folder import FolderLabels, LabelFile, find_layouts, read_lines, read_number
from builders.corpus.label_formats import (
    CALLED,
    Candidate,
    Fault,
    Faults,
    Option,
    SplitLabels,
    fault_options,
    find_splits,
    quadrilateral,
)
from builders.corpus.labels import Labels
from builders.corpus.source import Source, join
from builders.corpus.targets import RawBox

ABOUT = "YOLO text: class x y width height, or class x1 y1 x2 y2 ..., in shares of the image's width and height"
OPTIONS = {
    "names": Option([], list, "the names of the classes, in the order of their ids"),
    "names_in": Option("", str, "the file that has the names: data.yaml, or text with one in each line"),
    "folders": Option([], list, "the folders, in those of the labels and of the images, that the split consists of"),
    **fault_options(*Fault, skipped=Fault.IMAGES_WITHOUT_LABEL),
}
_LOG = logging.getLogger(__name__)
_YAML = (".yaml", ".yml")
_HAS_NAMES = re.compile(rb"^[ \t\"'{]*(names|nc)\b", re.MULTILINE)
# Shares outside are of no box at the edge, but of other units.
_LEAST, _MOST = -0.1, 1.1
# Six decimals of a share, as most programs write them, are off by at most half of the last one for each number.
_ROUNDING = 1.5e-6
# Of a pixel: multiples of it have exact sums and differences, so that x + width is the right side.
_STEP = 2.0**-20


@dataclass(frozen=True)
class YoloLabels(FolderLabels):
    """A folder with a text file per image.

    Attributes:
        names: the names of the classes by id.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    needs_size: ClassVar[bool] = True

    def settings(self) -> str:
        """Return the names of the classes."""
        return repr(sorted(self.names.items()))

    def parse(
        self, content: bytes, place: str, size: tuple[int, int] | None, corners: bool, faults: Faults
    ) -> LabelFile:
        """Read a file; see `FolderLabels.parse`."""
        parsed = LabelFile(size)
        for number, line in read_lines(content, place):
            fields: Any = [read_number(text) for text in line.split()]
            box = None if None in fields else _parse_box(fields[1:], size or (1, 1), corners)
            name = self.names.get(fields[0]) if fields[0] is not None else None
            if box is None or fields[0] % 1:
                faults.add(Fault.UNFIT_ROWS, f"{place}, line {number}: {short(line)}")
            elif name is None:
                faults.add(Fault.UNDECLARED_CLASSES, f"{place}, line {number}: class {fields[0]:g}")
            else:
                parsed.boxes.append((name, box))
        return parsed


def _parse_box(shares: Sequence[float], size: tuple[int, int], corners: bool) -> RawBox | None:
    """Return the box of a row, or `None` if it does not fit: of centre and sides, or around a polygon of 3 points."""
    if not all(_LEAST <= share <= _MOST for share in shares):
        return None
    if len(shares) == 4:
        x, y, w, h = shares
        points: Any = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        points = shares
    else:
        return None
    pixels: Any = [_to_pixels(share, size[place % 2]) for place, share in enumerate(points)]
    if corners and len(pixels) == 8:
        return quadrilateral(tuple(pixels))
    left, top, right, bottom = bounds(to_points(pixels))
    if len(shares) == 4:
        # A negative width stays one, and is counted as such.
        left, top, right, bottom = pixels
    return RawBox(0, (left, top, right - left, bottom - top), False)


def _to_pixels(share: float, side: int) -> float:
    """Return a coordinate in pixels; one that rounding alone puts past the edge is on it."""
    if abs(share) < _ROUNDING:
        return 0.0
    return float(side) if abs(share - 1) < _ROUNDING else round(share * side / _STEP) * _STEP


def open_labels(top: Source, split: SplitLabels, images: Source) -> Labels:
    """Return a folder of text files; arguments and errors as in `Format.open_labels`."""
    options = split.options
    if bool(options["names"]) == bool(options["names_in"]):
        raise SARChatError(
            f"{top.show(split.labels)}: classes are numbers in YOLO's labels; give either their names, or the file "
            "that has them as names_in, under options"
        )
    names = (
        _read_names(top, options["names_in"]) if options["names_in"] else dict(enumerate(map(str, options["names"])))
    )
    return replace(YoloLabels.open(top, split, images), names=names)


def _read_names(top: Source, path: str) -> dict[int, str]:
    if not path.lower().endswith(_YAML):
        lines = read_lines(top.read(path), top.show(path))
        return {number: line for number, (_, line) in enumerate(lines)}
    return _names_of(_read_yaml(top, path), top.show(path))


def _read_yaml(top: Source, path: str) -> Mapping[str, Any]:
    """Read a YAML file; one that cannot have the names of classes, and is of another program, counts as empty."""
    content = top.read(path)
    if not _HAS_NAMES.search(content):
        return {}
    try:
        data = load_foreign_yaml(content.decode("utf-8-sig"))
    except ValueError as error:
        raise SARChatError(f"{top.show(path)}: {error}") from error
    return data if isinstance(data, Mapping) else {}


def _names_of(data: Mapping[str, Any], place: str) -> dict[int, str]:
    names, number = data.get("names"), data.get("nc")
    if isinstance(names, Sequence) and not isinstance(names, str):
        names = dict(enumerate(names))
    if names is None and number is not None:
        names = {place: f"class_{place}" for place in range(_whole(number, f"{place}: nc"))}
    if not isinstance(names, Mapping) or not names:
        raise SARChatError(f"{place} has no names of classes; add the list names")
    found = {_whole(key, f"{place}: names"): str(name).strip() for key, name in names.items()}
    if number is not None and _whole(number, f"{place}: nc") != len(names):
        raise SARChatError(f"{place} has {len(names)} names, but nc is {number}; correct one of them")
    return found


def _whole(value: object, place: str) -> int:
    number = read_number(str(value))
    if number is None or number % 1 or not 0 <= number < 1e6 or isinstance(value, bool):
        raise SARChatError(f"{place}: {short(value)} is not a whole number from 0; correct it")
    return int(number)


def find(top: Source) -> list[Candidate]:
    """Return what each YAML file with names and splits says, and Darknet's and Label Studio's layouts.

    Scripts in the YAML are never run, and paths out of the folder are not followed.

    Raises:
        SARChatError: as in `Format.find`, or if a YAML file names images that do not exist.
    """
    found = []
    for name in top.files(""):
        if name.lower().endswith(_YAML):
            data = _read_yaml(top, name)
            if "names" in data or "nc" in data:
                found.append(Candidate(f"YOLO, {name}", _find_splits(top, name, data)))
        elif name == "obj.data":
            found.append(Candidate("Darknet", _find_darknet(top, name)))
    if not found and top.is_file("classes.txt"):
        options = {"names_in": "classes.txt"}
        found = [
            Candidate(name, {split: replace(labels, options=options) for split, labels in splits.items()})
            for name, splits in find_layouts(top, "yolo", YoloLabels.ending)
        ]
    return [candidate for candidate in found if candidate.splits]


def _find_splits(top: Source, name: str, data: Mapping[str, Any]) -> dict[str, SplitLabels]:
    """Return where the images of each split of a YAML file are, and the labels beside them."""
    splits = {}
    for split, key in find_splits(str(key) for key, value in data.items() if value).items():
        value = data[key]
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, Sequence) or not all(isinstance(entry, str) for entry in entries):
            raise SARChatError(f"{top.show(name)}: {key} is {short(value)}, not the path of a folder or a file")
        splits[split] = _locate(top, name, str(data.get("path") or ""), split, entries)
    missing = [of_split.labels for of_split in splits.values() if not top.is_dir(of_split.labels)]
    if missing and len(missing) < len(splits):
        raise SARChatError(
            f"{top.show(name)}: there are images, but no folder of labels {' and '.join(missing)}; add it"
        )
    # Of all splits: labels in another format, such as Roboflow's oriented boxes in DOTA's.
    return {} if missing else splits


def _locate(top: Source, name: str, root: str, split: str, entries: Sequence[str]) -> SplitLabels:
    options: dict[str, Any] = {"names_in": name}
    places = [_find_place(top, name, root, split, entry) for entry in entries]
    files = [place for place in places if top.is_file(place)]
    if files:
        if len(places) > 1:
            raise SARChatError(f"{top.show(name)}: {split} has lists of images and more; give one list for each split")
        images = "images" if top.is_dir("images") else ""
        return SplitLabels("yolo", _labels_of(images), images, files[0], options)
    images = places[0] if len(places) == 1 else commonpath(places)
    if len(places) > 1:
        options["folders"] = [place[len(images) :].lstrip("/") for place in places]
    return SplitLabels("yolo", _labels_of(images), images, "", options)


def _find_place(top: Source, name: str, root: str, split: str, entry: str) -> str:
    """Return the folder or file that a YAML file means, which may have been written for another folder."""
    # Roboflow writes paths from a folder that is not there; others have those of another machine.
    shorter = entry.replace("\\", "/").removeprefix("../")
    tried = [normpath(path).lstrip("/") for path in (join(root, shorter), shorter)]
    for path in tried:
        if not path.startswith("..") and (top.is_dir(path) or top.is_file(path)):
            return "" if path == "." else path
    # The same folder by another name of the split.
    called = next(names for names in CALLED.values() if split in names)
    others = {
        "/".join(other if part in called else part for part in path.split("/"))
        for path in tried
        for other in called
        if other
    }
    found = sorted(filter(top.is_dir, others))
    if len(found) == 1:
        _LOG.warning("%s: %s is %s, which does not exist; read is %s", top.show(name), split, entry, found[0])
        return found[0]
    raise SARChatError(f"{top.show(name)}: {split} is {entry}, which does not exist in {top.location}; correct it")


def _labels_of(images: str) -> str:
    """Return the folder of the labels for one of images: `labels` for the last part `images`, or the same."""
    parts = images.split("/")
    if "images" not in parts:
        return images
    last = len(parts) - 1 - parts[::-1].index("images")
    return "/".join([*parts[:last], "labels", *parts[last + 1 :]])


def _find_darknet(top: Source, name: str) -> dict[str, SplitLabels]:
    """Return the splits of Darknet's `obj.data`, whose paths may begin at a folder that is not there."""
    values = {}
    for _, line in read_lines(top.read(name), top.show(name)):
        key, _, value = line.partition("=")
        values[key.strip()] = _strip(top, value.strip())
    options = {"names_in": values.get("names", "")}
    splits = {}
    for split, key in find_splits(values).items():
        folder = next(filter(top.is_dir, (f"obj_{key}_data", "obj_train_data")), "")
        splits[split] = SplitLabels("yolo", folder, folder, values[key], options)
    return splits


def _strip(top: Source, path: str) -> str:
    """Return a path without its first folders that do not exist."""
    parts = path.split("/")
    return next((rest for rest in ("/".join(parts[n:]) for n in range(len(parts))) if top.is_file(rest)), path)
