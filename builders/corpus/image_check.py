"""Image files: their size in pixels, compared with their annotation, and the file in which a model gets one."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import ExifTags, Image, UnidentifiedImageError

from builders.core.errors import SARChatError
from builders.corpus.source import Source
from builders.corpus.targets import AnnotatedImage
from builders.corpus.viewing import FORMATS, to_eight_bits

_START_OF_IMAGE = b"\xff\xd8"
# 0xFF, the kind of segment, and its length in bytes, which includes itself (ITU T.81, B.1.1.4).
_SEGMENT = struct.Struct(">BBH")
_START_OF_SCAN = 0xDA
# Baseline, extended and progressive, with Huffman coding.
_FRAMES = (0xC0, 0xC1, 0xC2)
# Bits per sample, height, width, number of components (B.2.2).
_FRAME = struct.Struct(">BHHB")
_QUANTIZATION = 0xDB
_JFIF = 0xE0
# Huffman tables, restart interval, comment.
_OTHERS = (0xC4, 0xDD, 0xFE)


def read_plain_size(stream: BinaryIO) -> tuple[int, int] | None:
    """Return the width and height, in pixels, of a JPEG with nothing unusual in its header.

    Args:
        stream: a file, at its start; it is left anywhere.

    Returns:
        The size; `None` for any other file: also for a JPEG with EXIF, XMP or other metadata, which could rotate it.
    """
    if stream.read(2) != _START_OF_IMAGE:
        return None
    size = None
    while len(header := stream.read(_SEGMENT.size)) == _SEGMENT.size:
        start, kind, length = _SEGMENT.unpack(header)
        content = stream.read(max(0, length - 2))
        if start != 0xFF or len(content) != length - 2:
            return None
        if kind == _START_OF_SCAN:
            return size
        if kind in _FRAMES and size is None:
            size = _size_in_frame(content)
            plain = size is not None
        else:
            plain = _is_plain(kind, content)
        if not plain:
            return None
    return None


def _size_in_frame(frame: bytes) -> tuple[int, int] | None:
    if len(frame) < _FRAME.size:
        return None
    bits, height, width, components = _FRAME.unpack_from(frame)
    usual = bits == 8 and components in (1, 3, 4) and len(frame) == _FRAME.size + 3 * components
    return (width, height) if usual and width and height else None


def _is_plain(kind: int, content: bytes) -> bool:
    if kind == _QUANTIZATION:
        # A table's number and its 64 values of one byte (B.2.4.1).
        return len(content) % 65 == 0 and all(number < 16 for number in content[::65])
    return kind in _OTHERS or (kind == _JFIF and len(content) >= 14)


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


# `convert("RGB")` and every decoder give the same pixels for these.
_PLAIN_MODES = ("L", "RGB")


def encode_for_models(content: bytes, name: str, kinds: Container[str] = FORMATS) -> tuple[str, bytes]:
    """Return an image's format and bytes as a model gets it.

    An upright image of a format in `kinds`, grayscale or RGB with 8 bits per channel, is returned as it is. Anything
    else is decoded and becomes a PNG of the same size: other formats, more bits (scaled, see `to_eight_bits`),
    palettes, transparency. So does an image with an EXIF rotation, since boxes refer to the pixels as stored.

    Args:
        content: the bytes of the image file.
        name: the image's name in error messages.
        kinds: Pillow's names of the formats that may stay.

    Returns:
        Pillow's name of the format, and the bytes; the same object if nothing was changed.

    Raises:
        SARChatError: if the image cannot be decoded.
    """
    stream = io.BytesIO(content)
    with readable(stream, f"the image {name}") as decoded:
        kind = decoded.format or ""
        if kind in kinds and decoded.mode in _PLAIN_MODES and orientation(decoded, stream) == 1:
            return kind, content
        return "PNG", _write_png(decoded)


def _write_png(decoded: Image.Image) -> bytes:
    stream = io.BytesIO()
    # Without the image's metadata, above all a rotation, which must not reach the model.
    plain = to_eight_bits(decoded)
    Image.frombytes(plain.mode, plain.size, plain.tobytes()).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
