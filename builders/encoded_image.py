"""An image of the data set in its encoded form, read only when needed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from builders.errors import SARChatError

# No image of the data set comes near; Arrow cannot store more than 2 GB in one cell.
_MOST_BYTES = 1 << 30


class EncodedImage:
    """An image that several records may share; compare by identity to read it once for all of them.

    Attributes:
        name: its file name, from its annotation.
        path: its file on this machine; `None` if it is inside a Parquet file, in an archive or on another machine.
    """

    def __init__(self, name: str, read: Callable[[], bytes], path: Path | None = None) -> None:
        """Set the source of the image without reading it."""
        self.name = name
        self.path = path
        self._read = read

    def read(self) -> bytes:
        """Return the bytes of the image file.

        Raises:
            SARChatError: the file is missing or cannot be read.
        """
        return self._read()


def read_image_file(path: str) -> bytes:
    """Read the image that a record refers to by its path; a pipe or a device, which may never end, is not opened.

    Raises:
        SARChatError: if it cannot be read, is not a regular file, or has more than 1 GiB.
    """
    try:
        status = os.stat(path)
        is_image = stat.S_ISREG(status.st_mode) and status.st_size <= _MOST_BYTES
        content = Path(path).read_bytes() if is_image else None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SARChatError(
            f"the image {path} cannot be read ({reason}); the folder was built with --no-embed and works only on the "
            "machine with that file"
        ) from error
    if content is None:
        raise SARChatError(f"the image {path} is not a file of up to {_MOST_BYTES:,} bytes; check who wrote the folder")
    return content
