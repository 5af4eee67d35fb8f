"""Comparison of an image file with its annotation."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import ExifTags, Image, UnidentifiedImageError

from builders.core.errors import SARChatError
from builders.corpus.plain_jpeg import read_plain_size
from builders.corpus.source import Source
from builders.corpus.targets import AnnotatedImage
from builders.corpus.viewing import FORMATS

# Contains the header of most images.
_HEAD = 1 << 16
# A PNG without any of these has no orientation (PNG 3, 11.3.2.1; Pillow reads the other two as well).
_PNG_ORIENTATION = (b"eXIf", b"Raw profile type exif", b"tiff:Orientation")


def check_image(stream: BinaryIO, image: AnnotatedImage, name: str, *, decode: bool) -> None:
    """Compare an image's header with its annotation, and decode it if asked to.

    Args:
        stream: the image file.
        image: its annotation.
        name: the file's name in error messages.
        decode: whether to decode the pixels too, which detects a truncated file.

    Raises:
        SARChatError: if the file is not an image, differs from the annotated size, has an orientation other than
            upright, or cannot be decoded.
    """
    size = image.width, image.height
    if not decode and _plain_size(stream) == size:
        return
    with readable(stream, name) as opened:
        found, turned = opened.size, orientation(opened, stream)
        if decode:
            opened.load()
    if found != size:
        raise SARChatError(
            f"{name} is {found[0]} x {found[1]} pixels, but its annotation says {image.width} x {image.height}; "
            "correct one of them"
        )
    if turned != 1:
        # `datasets` rotates such an image as it decodes it, and its boxes would be wrong.
        raise SARChatError(
            f"{name} has EXIF orientation {turned}, so its boxes would not fit the image as displayed; "
            "store it upright, with orientation 1"
        )


def read_size(source: Source, relative: str) -> tuple[int, int]:
    """Return the width and height, in pixels, in the header of an image; of a remote one, only its start is read.

    Raises:
        SARChatError: if it does not exist, or is not an image of `FORMATS`.
    """
    with source.open(relative, _HEAD) as stream:
        size = _plain_size(stream)
        if size is None:
            try:
                with readable(stream, source.show(relative)) as opened:
                    size = opened.size
            except SARChatError:
                # A TIFF may have its header at the end, and a JPEG metadata of any length.
                with readable(io.BytesIO(source.read(relative)), source.show(relative)) as opened:
                    size = opened.size
    return size


def check_decodes(content: bytes, name: str) -> None:
    """Decode an image.

    Raises:
        SARChatError: if it cannot be decoded.
    """
    with readable(io.BytesIO(content), name) as opened:
        opened.load()


def check_is_image(stream: BinaryIO, name: str) -> None:
    """Check that a file begins as an image of one of `FORMATS`.

    Raises:
        SARChatError: if it does not.
    """
    if _plain_size(stream) is None:
        with readable(stream, name):
            pass


def _plain_size(stream: BinaryIO) -> tuple[int, int] | None:
    """Return the size of a plain JPEG that Pillow would open, or `None`; the stream is then at its start again.

    Pillow takes ten times as long, a third of a build that stores no images.
    """
    size = read_plain_size(stream)
    stream.seek(0)
    return size if size and math.prod(size) <= (Image.MAX_IMAGE_PIXELS or 0) else None


@contextmanager
def readable(stream: BinaryIO, name: str) -> Iterator[Image.Image]:
    """Open an image for the block; an error of Pillow becomes one line that begins with the name.

    Raises:
        SARChatError: if it is not an image of `FORMATS`, or cannot be decoded.
    """
    try:
        with Image.open(stream, formats=FORMATS) as opened:
            yield opened
    except UnidentifiedImageError as error:
        raise SARChatError(f"{name} is not a readable image of {', '.join(FORMATS)}; download it again") from error
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        raise SARChatError(f"{name} cannot be decoded: {error}; download it again") from error


def orientation(opened: Image.Image, stream: BinaryIO) -> int:
    """Return the EXIF orientation of an image that was opened from a stream, 1 to 8; 1 if there is none."""
    if opened.format == "PNG":
        # Pillow decodes a PNG whole to look for EXIF behind its pixels: too slow for every image.
        place = stream.tell()
        stream.seek(0)
        content = stream.read()
        stream.seek(place)
        if not any(mark in content for mark in _PNG_ORIENTATION):
            return 1
    return opened.getexif().get(ExifTags.Base.Orientation, 1)
