"""An image of the data set in its encoded form, read only when needed."""

from __future__ import annotations

from collections.abc import Callable


class EncodedImage:
    """An image that several records may share; compare by identity to read it once for all of them.

    Attributes:
        name: its file name, from its annotation.
        path: its file on this machine; `None` if it is inside a Parquet file, in an archive or on another machine.
    """

    def __init__(self, name: str, read: Callable[[], bytes], path: str | None = None) -> None:
        """Set the source of the image without reading it."""
        self.name = name
        self.path = path
        self._read = read

    def read(self) -> bytes:
        """Return the bytes of the image file.

        Raises:
            SARChatError: if the file is missing or cannot be read.
        """
        return self._read()
