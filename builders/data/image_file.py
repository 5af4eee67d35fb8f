"""An image that a record refers to by its path: any path, if somebody else wrote the folder."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from builders.core.errors import SARChatError
from builders.corpus.image_check import check_is_image

# Far above any image of the data set; Arrow cannot store more than 2 GB in one cell.
_MOST_BYTES = 1 << 30


def read_image_file(path: str | os.PathLike[str]) -> bytes:
    """Read an image file.

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
