"""The size in the header of a plain JPEG, in a small part of the time that Pillow takes."""

from __future__ import annotations

import struct
from typing import BinaryIO

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
