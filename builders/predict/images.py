"""Encoding of images for requests."""

from __future__ import annotations

import base64

from builders.corpus.model_image import encode_for_models
from builders.data.encoded_image import EncodedImage

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}


def encode_image(image: EncodedImage) -> str:
    """Read an image and return it as a `data:` URL for a request; see `encode_for_models`.

    Raises:
        SARChatError: if the image cannot be read or decoded.
    """
    return encode_content(image.read(), image.name)


def encode_content(content: bytes, name: str) -> str:
    """Return the content of an image file, whose name is for messages, as a `data:` URL for a request.

    Raises:
        SARChatError: if it cannot be decoded.
    """
    kind, content = encode_for_models(content, name, _MEDIA_TYPES)
    return f"data:{_MEDIA_TYPES[kind]};base64,{base64.b64encode(content).decode('ascii')}"
