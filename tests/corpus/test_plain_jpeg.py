"""Whatever is read as a plain JPEG, Pillow opens: with the same size, and upright."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from builders.corpus.image_check import read_plain_size

SIZE = (48, 33)


def encode(mode: str = "L", **options: object) -> bytes:
    sink = io.BytesIO()
    Image.linear_gradient("L").resize(SIZE).convert(mode).save(sink, "JPEG", **options)
    return sink.getvalue()


PLAIN = [encode(), encode("RGB"), encode(progressive=True), encode(comment=b"a" * 9_000), encode(restart_marker_rows=1)]
EXIF = Image.Exif()
EXIF[ExifTags.Base.Orientation] = 6
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'


@pytest.mark.parametrize("content", PLAIN)
def test_a_plain_jpeg_is_read(content):
    assert read_plain_size(io.BytesIO(content)) == SIZE


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8", b"BM" + bytes(100), encode("CMYK"), encode(exif=EXIF), encode(xmp=XMP)],
)
def test_others_are_left_to_pillow(content):
    assert read_plain_size(io.BytesIO(content)) is None


@given(st.sampled_from(PLAIN), st.data())
def test_what_is_read_agrees_with_pillow(content, data):
    # Most changes are in the header.
    place = st.integers(0, 700) | st.integers(0, len(content) - 1)
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        start = min(data.draw(place), len(changed) - 1)
        changed[start : start + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    size = read_plain_size(io.BytesIO(changed))
    if size is not None:
        with Image.open(io.BytesIO(changed), formats=["JPEG"]) as opened:
            assert opened.size == size
            assert opened.getexif().get(ExifTags.Base.Orientation, 1) == 1
