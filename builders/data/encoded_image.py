"""An image of the data set in its encoded form, read only when needed, perhaps from a file that a record names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import BinaryIO

from builders.core.checksums import hash_bytes
from builders.core.errors import SARChatError
from builders.corpus.image_check import check_is_image

# Far above any image of the data set; Arrow cannot store more than 2 GB in one cell.
_MOST_BYTES = 1 << 30


class EncodedImage:
    """An image that several records may share; compare by identity to read it once for all of them.

    Attributes:
        name: its file name, from its annotation; images of different content may have the same.
        path: its file on this machine; `None` if it is inside a Parquet file, in an archive or on another machine.
    """

    def __init__(self, name: str, read: Callable[[], bytes], path: str | None = None, place: Hashable = None) -> None:
        """Set the source of the image without reading it; `place` is a name that its source gives to no other image."""
        self.name = name
        self.path = path
        self._read = read
        self._place = path if place is None else place

    @cached_property
    def key(self) -> Hashable:
        """A key that all records of this image share, and no other record has: its place, or the hash of its bytes.

        Raises:
            SARChatError: if it has no place of its own, and cannot be read.
        """
        return hash_bytes(self.read()) if self._place is None else self._place

    def read(self) -> bytes:
        """Return the bytes of the image file.

        Raises:
            SARChatError: if the file is missing or cannot be read.
        """
        return self._read()


def read_image_file(path: str | os.PathLike[str]) -> bytes:
    """Read an image that a record refers to by its path: any path, if somebody else wrote the folder.

    A pipe or a device, which may never end, is not opened. A file that is not an image, such as a private key, is
    not returned.

    Raises:
        SARChatError: if it cannot be read, is not a regular file, has more than 1 GiB, or is not an image.
    """
    with _open(path) as stream:
        check_is_image(stream, str(path))
        stream.seek(0)
        return stream.read()


def _open(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_size <= _MOST_BYTES:
            return open(path, "rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SARChatError(
            f"the image {path} cannot be read ({reason}); the folder was built with --no-embed and works only "
            "on the machine with that file"
        ) from error
    raise SARChatError(f"the image {path} is not a file of up to {_MOST_BYTES:,} bytes; check who wrote the folder")
