"""The images of an export: each is stored once for all records of all tasks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from builders.corpus.entries import check_file_name
from builders.encoded_image import EncodedImage
from builders.errors import SARChatError
from builders.folder.image_file import check_image_file

FOLDER = "images"
COPY, LINK, PATH = "copy", "link", "path"
WAYS = (LINK, COPY, PATH)


class ImageStore:
    """Stores images in `images/SPLIT/` of an export, and returns their paths.

    Attributes:
        names: the files that were stored, as paths relative to the export's folder.
    """

    def __init__(self, staging: Path, folder: Path, way: str, *, absolute: bool) -> None:
        """Set where images are stored; nothing is written yet.

        Args:
            staging: the folder that is being written.
            folder: the absolute path of its final place.
            way: `link` (a hard link if possible, else a copy), `copy`, or `path` (the path of the original file).
            absolute: return absolute paths instead of paths relative to the folder.
        """
        self.names: set[str] = set()
        self._staging = staging
        self._folder = folder
        self._way = way
        self._absolute = absolute
        self._places: dict[tuple[str, str], str] = {}
        self._made: set[str] = set()

    def place(self, split: str, image: EncodedImage) -> str:
        """Return the path of an image for the consumer; the first call for an image stores it.

        Raises:
            SARChatError: if its name points outside the folder, it cannot be read, or `path` is chosen and it has none.
        """
        key = (split, image.name)
        if key not in self._places:
            self._places[key] = self._refer(image) if self._way == PATH else self._store(split, image)
        return self._places[key]

    def _refer(self, image: EncodedImage) -> str:
        if image.path is None:
            raise SARChatError(
                f"{image.name} is embedded, archived or remote, so it has no path on this machine; export with "
                "--images copy"
            )
        if not os.path.isfile(image.path):
            raise SARChatError(f"image missing: {image.path}; complete the data set, or build it again")
        return str(Path(image.path).absolute())

    def _store(self, split: str, image: EncodedImage) -> str:
        check_file_name(image.name, f"split {split}")
        name = f"{FOLDER}/{split}/{image.name}"
        target = f"{self._staging}/{name}"
        parent = os.path.dirname(target)
        if parent not in self._made:
            os.makedirs(parent, exist_ok=True)
            self._made.add(parent)
        if image.path is not None:
            # A folder that somebody else wrote may name any file of this machine.
            check_image_file(image.path)
        if not (self._way == LINK and image.path is not None and _link(image.path, target)):
            if image.path is not None and os.path.isfile(image.path):
                shutil.copyfile(image.path, target)
            else:
                Path(target).write_bytes(image.read())
        self.names.add(name)
        return f"{self._folder}/{name}" if self._absolute else name


def _link(path: str, target: str) -> bool:
    """Make a hard link if the file exists and the file system allows it; return whether it succeeded."""
    try:
        # If the path is a symbolic link, link to its target.
        os.link(os.path.realpath(path) if os.path.islink(path) else path, target)
    except OSError:
        return False
    return True
