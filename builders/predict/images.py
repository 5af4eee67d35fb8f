"""Encoding of images for requests."""

from __future__ import annotations

import base64
import io

from PIL import Image

from builders.corpus.image_check import encode_for_models
from builders.data.encoded_image import EncodedImage

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
# The middle of the range, not the mean of the image, which would tell something about it.
_GREY = 128


def encode_image(image: EncodedImage) -> str:
    """Read an image and return it as a `data:` URL for a request; see `encode_for_models`.

    Raises:
        SARChatError: if the image cannot be read or decoded.
    """
    return encode_content(image.read(), image.name)


def encode_content(content: bytes, name: str, *, blind: bool = False, size: tuple[int, int] | None = None) -> str:
    """Return the content of an image file, whose name is for messages, as a `data:` URL for a request.

    If `blind`, it is a grey image instead, of the same size, format and number of channels. With a `size`, width and
    height, it is resized to that.

    Raises:
        SARChatError: if it cannot be decoded.
    """
    kind, content = encode_for_models(content, name, _MEDIA_TYPES)
    if blind or size:
        stream = io.BytesIO()
        with Image.open(io.BytesIO(content)) as image:
            shown = Image.new(image.mode, image.size, (_GREY,) * len(image.getbands())) if blind else image
            (shown if size is None else shown.resize(size)).save(stream, kind)
        content = stream.getvalue()
    return f"data:{_MEDIA_TYPES[kind]};base64,{base64.b64encode(content).decode('ascii')}"
