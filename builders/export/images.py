"""The images of an export: each is stored once for all records of all tasks."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Hashable
from pathlib import Path

from builders.core.errors import SARChatError
from builders.corpus.entries import check_file_name
from builders.corpus.image_check import encode_for_models
from builders.data.encoded_image import EncodedImage, read_image_file

FOLDER = "images"
COPY, LINK, PATH = "copy", "link", "path"
WAYS = (COPY, LINK, PATH)
# How an image was stored, in the words of the summary.
COPIED = "copied"
CLONED = "copied as reflinks, which take no space until one side is changed"
LINKED = "hard links: an edit of one changes the original"
REFERRED = "left where they are"
CONVERTED = "converted to 8-bit PNG, as `sarchat predict` sends them"
# The request of Linux to share a file's blocks (man 2 ioctl_ficlone).
_FICLONE = 0x40049409


class ImageStore:
    """Stores images in `images/SPLIT/` of an export, and returns their paths.

    An image that `convert("RGB")` would destroy, such as one of 16 bits, is stored as a model gets it from `predict`.

    Attributes:
        names: the files that were stored, as paths relative to the export's folder.
        counts: the number of images by how they were stored; one that was converted counts there alone.
    """

    def __init__(self, staging: Path, way: str) -> None:
        """Set where images are stored; nothing is written yet.

        Args:
            staging: the folder that is being written.
            way: `copy` (sharing the blocks of the original where the file system can), `link` (a hard link if possible,
                else a copy), or `path` (the absolute path of the original file).
        """
        self.names: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._staging = staging
        self._way = way
        self._places: dict[tuple[str, str, Hashable], str] = {}
        self._taken: Counter[str] = Counter()
        self._made: set[str] = set()

    def place(self, split: str, image: EncodedImage) -> str:
        """Return the path of an image: relative to the folder if it is stored, which the first call for it does.

        Raises:
            SARChatError: if its name points outside the folder, it cannot be read, or `path` is chosen and it has none.
        """
        key = (split, image.name, image.key)
        if key not in self._places:
            self._places[key] = self._store(split, image)
        return self._places[key]

    def _store(self, split: str, image: EncodedImage) -> str:
        check_file_name(image.name, f"split {split}")
        if self._way == PATH and image.path is None:
            raise SARChatError(
                f"{image.name} is embedded, archived or remote, so it has no path on this machine; export with "
                "--images copy"
            )
        # A folder that somebody else wrote may name any file of this machine.
        content = image.read() if image.path is None else read_image_file(image.path)
        kind, encoded = encode_for_models(content, image.name)
        if encoded is not content:
            suffix = "" if image.name.lower().endswith(f".{kind.lower()}") else f".{kind.lower()}"
            name = self._make_name(split, image.name + suffix)
            Path(self._staging, name).write_bytes(encoded)
            self.counts[CONVERTED] += 1
            return name
        if self._way == PATH:
            self.counts[REFERRED] += 1
            return os.path.abspath(image.path or "")
        name = self._make_name(split, image.name)
        target = f"{self._staging}/{name}"
        if self._way == LINK and image.path is not None and _link(image.path, target):
            self.counts[LINKED] += 1
        else:
            self.counts[CLONED if _copy(content, target, image.path) else COPIED] += 1
        return name

    def _make_name(self, split: str, name: str) -> str:
        """Return a path in the folder that no other image has, even if case is ignored."""
        stem, suffix = os.path.splitext(f"{FOLDER}/{split}/{name}")
        made = stem + suffix
        # The number of images so far that have, or would have had, this name.
        asked = made.casefold()
        while (folded := made.casefold()) in self._taken:
            self._taken[asked] += 1
            made = f"{stem}-{self._taken[asked]}{suffix}"
        self._taken[folded] = 1
        self.names.add(made)
        parent = os.path.dirname(f"{self._staging}/{made}")
        if parent not in self._made:
            os.makedirs(parent, exist_ok=True)
            self._made.add(parent)
        return made


def _link(path: str, target: str) -> bool:
    """Make a hard link if the file system allows it; return whether it succeeded."""
    try:
        # If the path is a symbolic link, link to its target.
        os.link(os.path.realpath(path) if os.path.islink(path) else path, target)
    except OSError:
        return False
    return True


def _copy(content: bytes, target: str, path: str | None) -> bool:
    """Write a file; return whether it shares the blocks of the original, which some file systems can."""
    with open(target, "xb") as made:
        if path is not None and sys.platform.startswith("linux"):
            import fcntl

            try:
                with open(path, "rb") as original:
                    fcntl.ioctl(made, _FICLONE, original.fileno())
            except OSError:
                pass
            else:
                return True
        made.write(content)
    return False
