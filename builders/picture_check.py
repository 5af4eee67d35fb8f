"""Is an image file what its annotation says?"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from builders.errors import SARChatError
from builders.targets import AnnotatedImage


def check_picture(stream: BinaryIO, image: AnnotatedImage, name: str, *, decode: bool) -> None:
    """Compare an image's header with its annotation, and decode it if asked to.

    Args:
        stream: the image file.
        image: its annotation.
        name: how to call the file in an error.
        decode: decode the pixels too, which finds a file that was cut off.

    Raises:
        SARChatError: it is no image, not of the annotated size, or cannot be decoded.
    """
    try:
        with Image.open(stream) as picture:
            if picture.size != (image.width, image.height):
                width, height = picture.size
                raise SARChatError(
                    f"{name} is {width} x {height} pixels, but its annotation says {image.width} x {image.height}; "
                    "mend one of them"
                )
            if decode:
                picture.load()
    except SARChatError:
        raise
    except UnidentifiedImageError as error:
        raise SARChatError(f"{name} is no image that can be read; get it anew") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SARChatError(f"{name} cannot be decoded: {error}; get it anew") from error
