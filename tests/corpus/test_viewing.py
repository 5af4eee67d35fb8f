"""Images for people to look at: any depth is visible, and no file makes the reader start a program or fill memory."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import EpsImagePlugin, Image

from builders.core.errors import SARChatError
from builders.corpus import viewing
from builders.corpus.viewing import read_view, to_eight_bits
from builders.data.encoded_image import EncodedImage

SPECKLE = np.random.default_rng(0).gamma(1.0, 900, (200, 300))
DEPTHS = {
    "uint16 TIFF": ("TIFF", SPECKLE.clip(0, 65535).astype(np.uint16)),
    "uint16 PNG": ("PNG", SPECKLE.clip(0, 65535).astype(np.uint16)),
    "int32 TIFF": ("TIFF", (SPECKLE * 1000).astype(np.int32)),
    "float TIFF": ("TIFF", (SPECKLE / 1e4).astype(np.float32)),
}
EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
showpage
%%EOF
"""


def encode(kind: str, pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_view_shows_the_whole_range(depth):
    content = encode(*DEPTHS[depth])
    size, view = read_view(io.BytesIO(content), 1000)
    shown = np.asarray(view)
    assert (size, view.size, view.mode) == ((300, 200), (300, 200), "L")
    # Exponential speckle: two thirds are darker than the mean, a fifth of the 99.5th percentile; few are white.
    assert 40 < shown.mean() < 60 and shown.std() > 30
    assert (shown == 255).mean() < 0.02
    assert np.corrcoef(shown.ravel(), SPECKLE.ravel())[0, 1] > 0.95


def draw(content: bytes):
    """Return a figure of an image without boxes."""
    matplotlib = pytest.importorskip("matplotlib")
    from builders.drawing.figures.record import draw_scene, place_boxes

    record = {"id": "a", "width": 300, "height": 200, "image": EncodedImage("a", lambda: content)}
    figure = matplotlib.figure.Figure()
    draw_scene(figure, record, place_boxes(record, [], 4, 9), {}, 9, (0, 0))
    return figure


@pytest.mark.parametrize("depth", DEPTHS)
def test_figures_show_the_whole_range(depth):
    shown = np.asarray(draw(encode(*DEPTHS[depth])).axes[0].images[0].get_array())[..., 0]
    assert 40 < shown.mean() < 60 and (shown == 255).mean() < 0.02


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=12)), st.integers(1, 50))
def test_brighter_is_never_shown_darker_and_blocks_change_nothing(pixels, at_once):
    shown = np.asarray(to_eight_bits(Image.fromarray(pixels)))
    order = np.argsort(pixels, axis=None)
    assert (np.diff(shown.ravel()[order].astype(int)) >= 0).all()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viewing, "_VALUES_AT_ONCE", at_once)
        assert (np.asarray(to_eight_bits(Image.fromarray(pixels))) == shown).all()


def test_eight_bits_stay_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 60, (40, 50), np.uint8)
    assert (np.asarray(read_view(io.BytesIO(encode("PNG", pixels)), 1000)[1]) == pixels).all()


def test_a_large_image_is_reduced():
    pixels = np.random.default_rng(0).integers(0, 256, (600, 900), np.uint8)
    for kind in ("JPEG", "PNG"):
        size, view = read_view(io.BytesIO(encode(kind, pixels)), 300)
        assert (size, view.size) == ((900, 600), (300, 200))


def bomb(width: int, height: int) -> bytes:
    """Return a PNG whose header promises more than it has."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (EPS, "not an image of BMP, JPEG, PNG, TIFF"),
        (b"", "not an image of"),
        (bomb(60_000, 60_000), "3600000000 pixels"),
        (bomb(2_000, 2_000), "4,000,000|4000000|2000 x 2000"),
        (encode("PNG", SPECKLE.astype(np.uint16))[:5000], "truncated"),
    ],
    ids=["EPS", "empty", "bomb", "limit", "truncated"],
)
def test_hostile_images_give_one_error(monkeypatch, content, message):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was started"))
    with pytest.raises(ValueError, match=message):
        read_view(io.BytesIO(content), 1000, 1_000_000)
    if message != "4,000,000|4000000|2000 x 2000":
        with pytest.raises(SARChatError, match=r"^a: its image cannot be drawn: "):
            draw(content)
