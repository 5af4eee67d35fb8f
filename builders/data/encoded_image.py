"""An image of the data set in its encoded form, read only when needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property

from builders.core.checksums import hash_bytes


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
