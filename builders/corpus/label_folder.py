"""Labels in a folder with a file per image, which has the image's name: the base of such formats."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from posixpath import splitext
from typing import ClassVar, NamedTuple, TypeVar

from tqdm import tqdm

from builders.core.checksums import hash_text, new_digest
from builders.core.errors import SARChatError
from builders.core.resources import read_yaml
from builders.core.schema import SPLITS
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.image_check import read_size
from builders.corpus.label_formats import Candidate, Fault, Faults, SplitLabels, find_splits
from builders.corpus.labels import Labels
from builders.corpus.reading_ahead import read_ahead
from builders.corpus.source import IMAGES, Source, join
from builders.corpus.targets import RawBox
from builders.corpus.temporary_database import TemporaryDatabase

L = TypeVar("L", bound="FolderLabels")
# Beside label files of YOLO; its lines are names.
_NO_LABELS = ("classes.txt",)
# The label files, and the bytes of each, that are looked at to find out their format.
_TRIED, _START = 3, 1 << 12


@dataclass
class LabelFile:
    """What a label file says: width and height in pixels, if it does, and boxes with the names of their categories."""

    size: tuple[int, int] | None = None
    boxes: list[tuple[str, RawBox]] = field(default_factory=list)


@dataclass(frozen=True)
class FolderLabels(Labels):
    """The labels of a split, a file per image.

    Boxes are numbered in the order of the file. Images without a label are counted only.
    """

    ending: ClassVar[str] = ".txt"
    # Whether a file can only be read with the size of its image.
    needs_size: ClassVar[bool] = False

    @classmethod
    def open(cls: type[L], top: Source, split: SplitLabels, images: Source) -> L:
        """Return the labels of a folder; arguments and errors as in `Format.open_labels`."""
        if not top.is_dir(split.labels):
            raise SARChatError(f"no such folder of labels: {top.show(split.labels)}")
        return cls(top, split, images)

    def settings(self) -> str:
        """Return what other files say of all label files, such as the names of the classes."""
        return ""

    @abstractmethod
    def parse(
        self, content: bytes, place: str, size: tuple[int, int] | None, corners: bool, faults: Faults
    ) -> LabelFile:
        """Read a label file.

        Args:
            content: the file.
            place: its name, for messages.
            size: width and height of its image in pixels; `None` if the format does not need it.
            corners: whether the corners of boxes are wanted.
            faults: takes what cannot be read.

        Raises:
            SARChatError: if the file as a whole is wrong.
        """

    def identity(self) -> str:
        """Return a hash of the names and sizes of the files, and on this machine of the times of their last change."""
        listed = [self.source.identity(self.split.listed)] if self.split.listed else []
        found = sorted(f"{path} {size} {time}" for path, size, time in self.source.walk(self.split.labels))
        return hash_text("\n".join([*listed, *found]))

    def digest(self) -> str:
        """Return a hash of the content of the files that have an image."""
        digest = new_digest(self.settings())
        with Files(self) as files:
            for _ in self._contents(files, digest):
                pass
        return digest.hexdigest()

    def add_to(self, table: AnnotationTable, faults: Faults) -> str:
        """Add images, boxes and names of categories to a table; see `Labels.add_to`."""
        table.begin_part(self.name)
        with Files(self) as files:
            digest = self._add_images(files, table, faults)
            files.add_faults(faults)
        return digest

    def _add_images(self, files: Files, table: AnnotationTable, faults: Faults) -> str:
        """Add each image that has a label to a table; return what `digest` does."""
        digest = new_digest(self.settings())
        contents = self._contents(files, digest)
        bar = tqdm(contents, f"Reading {self.name}", unit=" files", disable=None, leave=False, delay=2)
        for (path, name, content), size in zip(bar, self._sizes(files), strict=True):
            place = self.source.show(join(self.split.labels, path))
            parsed = self.parse(content, place, size, table.corners, faults)
            table.add_labelled(name, parsed.size, parsed.boxes)
        return digest.hexdigest()

    def _contents(self, files: Files, digest: hashlib.blake2b) -> Iterator[tuple[str, str, bytes]]:
        """Yield the path of each label file, the name of its image, and its content, and add them to a hash."""
        paths = ((join(self.split.labels, path), size) for path, size, _ in files.pairs())
        for (path, _, name), content in zip(files.pairs(), read_ahead(self.source, paths), strict=True):
            digest.update(f"{path}:{name}:{len(content)}\n".encode() + content)
            yield path, name, content

    def _sizes(self, files: Files) -> Iterator[tuple[int, int] | None]:
        if not self.needs_size:
            return (None for _ in files.pairs())
        names = ((name, None) for _, _, name in files.pairs())
        return read_ahead(self.images, names, lambda name: read_size(self.images, name))


class Files(TemporaryDatabase):
    """The label files of a split and its images, in a temporary database, joined by their names without ending."""

    tables = """
    create table labels (key text, path text, bytes integer, primary key (key, path)) without rowid;
    create table images (key text, name text, bytes integer, primary key (key, name)) without rowid;
    create table listed (key text primary key) without rowid;
    """
    purpose = "list the images and labels"

    def __init__(self, labels: FolderLabels) -> None:
        """List the files.

        Raises:
            SARChatError: if two of them have one name but for the ending, or the list of images cannot be read.
        """
        super().__init__()
        self._listed = labels.split.listed
        folders = tuple(f"{folder}/" for folder in labels.split.options.get("folders", ()))
        self._list("labels", labels.source, labels.split.labels, (labels.ending,), folders)
        self._list("images", labels.images, "", IMAGES, folders)
        if labels.split.listed:
            self._fill("listed", self._read_list(labels))
        self._check_names(labels)

    def pairs(self) -> Iterator[tuple[str, int | None, str]]:
        """Yield each label file that has an image: its path and size, and the image's name."""
        yield from self._query(
            "select path, labels.bytes, name from images join labels on images.key = labels.key"
            f" {self._if_listed('images')} order by images.key"
        )

    def images_of(self, name: str) -> list[str]:
        """Return the images of a name, with or without its ending, that are in the list if there is one."""
        where = f"{self._if_listed('images')} and key in (?, ?)"
        return [image for (image,) in self._query(f"select name from images {where}", name, splitext(name)[0])]

    def add_labelled(self, image: str) -> bool:
        """Note that an image has a label that is not a file of its own; return whether it had one already."""
        added = self._execute("insert or ignore into labels values (?, '', 0)", (splitext(image)[0],))
        return added.rowcount == 0

    def add_faults(self, faults: Faults) -> None:
        """Add labels without image and images without label to the faults."""
        for (path,) in self._query(
            f"select path from labels {self._if_listed('labels')} and key not in (select key from images) order by key"
        ):
            faults.add(Fault.LABELS_WITHOUT_IMAGE, path)
        for (key,) in self._query(
            "select key from listed where key not in (select key from images union all select key from labels)"
            " order by key"
        ):
            faults.add(Fault.LABELS_WITHOUT_IMAGE, f"{self._listed}: {key}")
        for (name,) in self._query(
            f"select name from images {self._if_listed('images')} and key not in (select key from labels) order by key"
        ):
            faults.add(Fault.IMAGES_WITHOUT_LABEL, name)

    def _if_listed(self, table: str) -> str:
        return f"where {table}.key in (select key from listed)" if self._listed else "where true"

    def _list(self, table: str, source: Source, top: str, endings: tuple[str, ...], folders: tuple[str, ...]) -> None:
        rows = (
            (splitext(path)[0], path, size)
            for path, size, _ in source.walk(top)
            if path.lower().endswith(endings)
            and (not folders or path.startswith(folders))
            and path.rpartition("/")[2] not in _NO_LABELS
        )
        self._fill(table, rows)

    def _read_list(self, labels: FolderLabels) -> Iterator[tuple[str]]:
        """Yield the names, without ending, of the images in a list: names, or paths from any folder."""
        path = labels.split.listed
        lines = [*read_lines(labels.source.read(path), labels.source.show(path))]
        if not lines:
            raise SARChatError(f"{labels.source.show(path)} lists no image; give the file with their names")
        for _, line in lines:
            yield (self._find_key(line),)

    def _find_key(self, line: str) -> str:
        """Return the name of the image or label file that a line of a list means.

        A path may begin at any folder above that of the images: the longest end of it that exists is taken.
        """
        parts = [part for part in line.replace("\\", "/").split("/") if part not in ("", ".")]
        for start in range(len(parts)):
            name = "/".join(parts[start:])
            keys = (name, splitext(name)[0]) if name.lower().endswith(IMAGES) else (name,)
            for key in keys:
                if self._one("select 1 from images where key = ?1 union select 1 from labels where key = ?1", key):
                    return key
        return "/".join(parts)

    def _check_names(self, labels: FolderLabels) -> None:
        for table, path, place in (("images", "name", labels.images.location), ("labels", "path", labels.name)):
            for (found,) in self._query(
                f"select group_concat({path}, ', ') from {table} {self._if_listed(table)}"
                " group by key having count(*) > 1 limit 1"
            ):
                raise SARChatError(f"{place}: {found} have one name but for the ending; keep one of them")


def read_lines(content: bytes, place: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line of a text file that is not empty, without surrounding spaces.

    Raises:
        SARChatError: if it is not UTF-8, with or without a byte order mark.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SARChatError(f"{place} is not text in UTF-8: {error}; convert it") from error
    # Not `splitlines`, which ends lines at further characters.
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line.strip():
            yield number, line.strip()


def read_number(text: str) -> float | None:
    """Return a number that a coordinate can be, or `None`."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if -1e15 < number < 1e15 else None


class Layout(NamedTuple):
    """Where a corpus has its labels and images, see `layouts.yaml`.

    Attributes:
        name: the data set or program that has it.
        labels: the folder of the labels, or the file.
        images: the folders that may have the images, in the order in which they are tried.
        lists: the folders that may have a list of images for each split, `NAME.txt`.
        names: the names of splits that differ from SARDet-100K's.
    """

    name: str
    labels: str
    images: Sequence[str]
    lists: Sequence[str] = ()
    names: Mapping[str, str] = {}

    def name_of(self, split: str) -> str:
        """Return the name of a split."""
        return self.names.get(split, SPLITS[split])


def known_layouts(format: str) -> list[Layout]:
    """Return the layouts of a format in the order in which they are tried."""
    return [Layout(**entry) for entry in read_yaml("corpus/layouts.yaml")[format]]


def find_layouts(
    top: Source, format: str, ending: str, looks_right: Callable[[bytes], bool] = lambda start: True
) -> list[Candidate]:
    """Return the corpora in the layouts of a format with a label file per image; errors as in `Format.find`.

    Args:
        top: the folder.
        format: the name of the format.
        ending: that of its label files.
        looks_right: whether the start of a label file looks like the format, where others have the same folders.
    """
    found = []
    folders = top.folders()
    for layout in known_layouts(format):
        splits = {}
        above, divided, _ = layout.labels.partition("{split}")
        above, _, start = above.rpartition("/") if divided else (above, "", "")
        first = above.partition("/")[0]
        if first and first not in folders:
            continue
        if divided:
            named = top.folders(above) if top.is_dir(above) else []
            names = find_splits(name.removeprefix(start) for name in named if name.startswith(start))
            for split, name in names.items():
                if _contains(top, layout, name, ending, looks_right):
                    labels = layout.labels.format(split=name)
                    splits[split] = SplitLabels(format, labels, find_images(top, layout, split, name))
        elif _contains(top, layout, "", ending, looks_right):
            lists = next(filter(None, (_find_lists(top, folder) for folder in layout.lists)), {"": ""})
            for split, listed in lists.items():
                splits[split] = SplitLabels(format, layout.labels, find_images(top, layout, split, split), listed)
        if splits:
            found.append(Candidate(layout.name, splits))
    return found


def _contains(top: Source, layout: Layout, name: str, ending: str, looks_right: Callable[[bytes], bool]) -> bool:
    """Return whether the folder of the labels has any, and images if both are in one."""
    folder = layout.labels.format(split=name)
    some = [*islice(top.files_like(folder, [ending]), _TRIED)]
    # Other layouts have further folders in it.
    if not some or (layout.labels in layout.images and not top.has_file(folder, IMAGES)):
        return False
    return all(looks_right(read_start(top, join(folder, name))) for name in some)


def read_start(top: Source, path: str) -> bytes:
    """Return the start of a file, by which its kind is known."""
    with top.open(path, _START) as stream:
        return stream.read(_START)


def find_images(top: Source, layout: Layout, split: str, name: str) -> str:
    """Return the folder of the images of a split, which the layout calls by a name; errors as in `Format.find`."""
    rest = "test" if split == "test" else "trainval"
    folders = [folder.format(split=name, rest=rest) for folder in layout.images]
    found = next(filter(top.is_dir, folders), None)
    if found is None:
        raise SARChatError(f"{top.location} contains no images: none of {', '.join(folders)} exists")
    return found


def _find_lists(top: Source, folder: str) -> dict[str, str]:
    names = [splitext(name)[0] for name in top.files(folder) if name.endswith(".txt")]
    return {split: join(folder, f"{name}.txt") for split, name in find_splits(names).items()}
