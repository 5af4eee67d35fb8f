"""Encoding of images for requests: 8-bit JPEG and PNG files unchanged, anything else as PNG."""

from __future__ import annotations

import base64
import io

from PIL import ExifTags, Image

from builders.corpus.viewing import FORMATS, to_eight_bits
from builders.encoded_image import EncodedImage
from builders.errors import SARChatError

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
# Servers decode these to the same pixels as the data set's reader.
_PLAIN_MODES = ("L", "RGB")


def encode_image(image: EncodedImage) -> str:
    """Read an image and return it as a `data:` URL for a request.

    A JPEG or PNG with 8 bits per channel, grayscale or RGB, is sent unchanged. Anything else is decoded and sent as a
    PNG of the same size: other formats, 16 bits (scaled, see `to_eight_bits`), palettes, transparency. So is an image
    with an EXIF rotation, since boxes refer to the pixels as stored.

    Raises:
        SARChatError: if the image cannot be read or decoded.
    """
    content = image.read()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as decoded:
            kind = decoded.format
            if not (kind in _MEDIA_TYPES and decoded.mode in _PLAIN_MODES and _is_upright(decoded, content)):
                kind, content = "PNG", _write_png(decoded)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SARChatError(f"the image {image.name} cannot be decoded: {error}") from error
    return f"data:{_MEDIA_TYPES[kind]};base64,{base64.b64encode(content).decode('ascii')}"


def _is_upright(decoded: Image.Image, content: bytes) -> bool:
    # A PNG without any of these has no EXIF entry; Pillow would decode the whole file to find out.
    if b"Exif" not in content and b"eXIf" not in content and b"Raw profile type exif" not in content:
        return True
    return decoded.getexif().get(ExifTags.Base.Orientation, 1) == 1


def _write_png(decoded: Image.Image) -> bytes:
    stream = io.BytesIO()
    # Without the image's metadata, above all a rotation, which must not reach the server.
    plain = to_eight_bits(decoded)
    Image.frombytes(plain.mode, plain.size, plain.tobytes()).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
