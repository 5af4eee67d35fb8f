"""The file in which a model gets an image: its own if every reader decodes it to the same 8-bit pixels, else a PNG."""

from __future__ import annotations

import io
from collections.abc import Container

from PIL import Image

from builders.corpus.image_check import orientation, readable
from builders.corpus.viewing import FORMATS, to_eight_bits

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
