"""An image of any depth as 8 bits per channel, for those who look at it."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Of radar amplitudes, a few specks are far brighter than all the rest.
_BRIGHTEST = 99.5
_GRAY_MODES = ("1", "L", "LA", "La")


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Return an image in mode `L` or `RGB`.

    Integers of more than 8 bits and floats are scaled linearly, from the lowest value to the 99.5th percentile; what is
    brighter is white, and what is not finite counts as 0. Transparency is dropped; palettes are resolved.

    Args:
        image: in any mode that Pillow reads.

    Raises:
        OSError: the pixels cannot be decoded.
    """
    if image.mode in ("L", "RGB"):
        return image
    if not image.mode.startswith(("I", "F")):
        return image.convert("L" if image.mode in _GRAY_MODES else "RGB")
    pixels = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = pixels.min(), np.percentile(pixels, _BRIGHTEST)
    if high <= low:
        high = pixels.max()
    shares = np.clip((pixels - low) / (high - low or 1.0), 0, 1)
    return Image.fromarray(np.rint(255 * shares).astype(np.uint8))
