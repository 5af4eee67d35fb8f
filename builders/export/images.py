"""The images of an export: each one once, for all records of all tasks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from builders.corpus.coco import check_file_name
from builders.encoded_image import EncodedImage
from builders.errors import SARChatError
from builders.folder.image_file import check_image_file

FOLDER = "images"
COPY, LINK, PATH = "copy", "link", "path"
WAYS = (LINK, COPY, PATH)


class ImageStore:
    """Puts images into `images/SPLIT/` of an export, and says where each is.

    Attributes:
        names: the files that were put there, by their paths from the export's folder.
    """

    def __init__(self, staging: Path, folder: Path, way: str, *, absolute: bool) -> None:
        """Set where images go; nothing is written.

        Args:
            staging: the folder that is being written.
            folder: the absolute path at which it will be found.
            way: `link` (a hard link if the file system has it, else a copy), `copy`, or `path` (the file where it is).
            absolute: say absolute paths, and not those from the folder.
        """
        self.names: set[str] = set()
        self._staging = staging
        self._folder = folder
        self._way = way
        self._absolute = absolute
        self._places: dict[tuple[str, str], str] = {}
        self._made: set[Path] = set()

    def place(self, split: str, image: EncodedImage) -> str:
        """Return where an image is for the consumer; it is put there when it is asked for first.

        Raises:
            SARChatError: its name leads out of the folder, it cannot be read, or it has no path and `path` was chosen.
        """
        key = (split, image.name)
        if key not in self._places:
            self._places[key] = self._refer(image) if self._way == PATH else self._store(split, image)
        return self._places[key]

    def _refer(self, image: EncodedImage) -> str:
        if image.path is None:
            raise SARChatError(
                f"{image.name} is embedded, archived or remote, so this machine has no path of it; export with "
                "--images copy"
            )
        if not image.path.is_file():
            raise SARChatError(f"image missing: {image.path}; complete the data set, or build it again")
        return str(image.path.absolute())

    def _store(self, split: str, image: EncodedImage) -> str:
        check_file_name(image.name, f"split {split}")
        name = f"{FOLDER}/{split}/{image.name}"
        target = self._staging / name
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        if image.path is not None:
            # A folder that somebody else wrote may name any file of this machine.
            check_image_file(image.path)
        if not (self._way == LINK and image.path is not None and _link(image.path, target)):
            if image.path is not None and image.path.is_file():
                shutil.copyfile(image.path, target)
            else:
                target.write_bytes(image.read())
        self.names.add(name)
        return str(self._folder / name) if self._absolute else name


def _link(path: Path, target: Path) -> bool:
    """Make a hard link, if the file is there and the file system can; return whether it did."""
    try:
        # Of a symbolic link, the file that it leads to.
        os.link(os.path.realpath(path) if path.is_symlink() else path, target)
    except OSError:
        return False
    return True
