"""Images as people look at them: opened safely, reduced, 8 bits per channel.

The file imports nothing from the project, since the metric's Space contains a copy of it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

# Common formats of SAR images. Others are not tried: some readers start programs (EPS) or fail in their own ways.
FORMATS = ("BMP", "JPEG", "PNG", "TIFF")
# In radar amplitudes, a few specks are far brighter than all the rest.
_BRIGHTEST = 99.5
_GRAY_MODES = ("1", "L", "LA", "La")
# Enough values for a percentile; those of a whole orbit would be copied several times.
_MOST_VALUES = 4_000_000
_VALUES_AT_ONCE = 1 << 22


def read_view(
    file: str | Path | BinaryIO, longest_side: int, most_pixels: int | None = None
) -> tuple[tuple[int, int], Image.Image]:
    """Read an image of any depth for a picture of it.

    Args:
        file: a path or an open file.
        longest_side: the maximum width and height of what is returned.
        most_pixels: the maximum number of pixels of the file; Pillow's limit, 179 million, if `None`.

    Returns:
        The size (width, height) of the image in the file, and the image in mode `L` or `RGB`, reduced to
        `longest_side`.

    Raises:
        ValueError: if it is not an image of `FORMATS`, has too many pixels, or cannot be decoded; the message says
            which.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            size = image.size
            if most_pixels and size[0] * size[1] > most_pixels:
                raise ValueError(f"it has {size[0]} x {size[1]} pixels, more than {most_pixels:,}")
            # Decodes a large JPEG at a fraction of its size.
            image.draft(None, (2 * longest_side, 2 * longest_side))
            view = to_eight_bits(image)
            view.thumbnail((longest_side, longest_side))
            return size, view
    except UnidentifiedImageError as error:
        raise ValueError(f"it is not an image of {', '.join(FORMATS)}") from error
    except Exception as error:
        # Pillow's errors have no common class.
        raise ValueError(str(error) or type(error).__name__) from error


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Return an image in mode `L` or `RGB`.

    Integers of more than 8 bits and floats are scaled linearly, from the lowest value to the 99.5th percentile; what is
    brighter is white, and what is not finite counts as 0. With more than 4 million pixels, every n-th is used to find
    the two. Transparency is dropped; palettes are resolved.

    Args:
        image: in any mode that Pillow reads.

    Raises:
        OSError: if the pixels cannot be decoded.
    """
    if image.mode in ("L", "RGB"):
        image.load()
        return image
    if not image.mode.startswith(("I", "F")):
        return image.convert("L" if image.mode in _GRAY_MODES else "RGB")
    pixels = np.asarray(image)
    values = pixels.ravel()
    low, high = _range(values[:: math.ceil(values.size / _MOST_VALUES)])
    shown = np.empty(values.size, np.uint8)
    # In blocks: as floats, a large scene would not fit into memory.
    for start in range(0, values.size, _VALUES_AT_ONCE):
        shares = (_finite(values[start : start + _VALUES_AT_ONCE]) - low) / (high - low or 1.0)
        shown[start : start + _VALUES_AT_ONCE] = np.rint(255 * np.clip(shares, 0, 1))
    return Image.fromarray(shown.reshape(pixels.shape))


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return the values that are shown as black and as white."""
    finite = _finite(values)
    low, high = finite.min(), np.percentile(finite, _BRIGHTEST)
    return low, high if high > low else finite.max()


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
