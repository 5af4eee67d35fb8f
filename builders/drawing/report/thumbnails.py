"""The images of a report: small JPEGs inside the page."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Collection, Mapping
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from builders.core.errors import SARChatError
from builders.core.schema import fewest_records_first
from builders.corpus.viewing import read_view
from builders.data.encoded_image import EncodedImage
from builders.data.records import Records

_LOG = logging.getLogger(__name__)
# Longer side in pixels and quality, from the best on: the first that keeps all images within the limit is taken.
_STEPS = ((384, 72), (320, 65), (256, 55), (192, 45))
_MOST_BYTES = 10_000_000


class Thumbnail(NamedTuple):
    """An image of the page: the number of its element, and its `data:` URL."""

    number: int
    url: str


def make_thumbnails(pictures: Mapping[str, Image.Image]) -> dict[str, Thumbnail]:
    """Make pictures small enough for one page, by the same keys."""
    urls: dict[str, str] = {}
    for side, quality in _STEPS:
        urls = {name: _encode(picture, side, quality) for name, picture in pictures.items()}
        if sum(map(len, urls.values())) <= _MOST_BYTES:
            break
    else:
        size = sum(map(len, urls.values())) / 1e6
        _LOG.warning("the images of the report take %.0f MB; a smaller --examples makes it smaller", size)
    return {name: Thumbnail(number, url) for number, (name, url) in enumerate(urls.items())}


def read_pictures(data: Records, split: str, names: Collection[str]) -> dict[str, Image.Image]:
    """Read images of a split, no larger than the largest thumbnail, by file name, sorted.

    They are read from the task that stores the fewest copies of them, and one row group is in memory at a time.

    Raises:
        SARChatError: an image cannot be read or decoded.
    """
    pictures: dict[str, Image.Image] = {}
    with tqdm(total=len(names), desc="Images", unit=" images", delay=1, disable=None) as bar:
        for task in fewest_records_first():
            if data.has(task, split):
                missing = {name for name in names if name not in pictures}
                rows = data.rows(task, split, columns=("id", "file_name")) if missing else ()
                first = {row["file_name"]: row["id"] for row in rows if row["file_name"] in missing}
                for row in data.rows(task, split, set(first.values()), ("file_name", "image")) if first else ():
                    pictures[row["file_name"]] = _read(row["image"])
                    bar.update()
    return dict(sorted(pictures.items()))


def _read(image: EncodedImage) -> Image.Image:
    """Return an image, no larger than the largest thumbnail."""
    content = image.read()
    try:
        return read_view(io.BytesIO(content), _STEPS[0][0])[1]
    except ValueError as error:
        raise SARChatError(f"the image {image.name} cannot be decoded: {error}; build the data set again") from error


def _encode(picture: Image.Image, side: int, quality: int) -> str:
    small = picture.copy()
    small.thumbnail((side, side))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=quality, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
