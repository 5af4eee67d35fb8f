"""What is sent of an image: its own bytes where any server reads them as they are meant, else a PNG of its pixels."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from builders.core.errors import SARChatError
from builders.data.encoded_image import EncodedImage
from builders.predict.images import encode_image

RNG = np.random.default_rng(0)
GRAY = Image.fromarray(RNG.integers(0, 256, (20, 30), dtype=np.uint8))
COLOR = Image.fromarray(RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8))


def write(image, kind, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def send(content: bytes) -> tuple[str, bytes]:
    url = encode_image(EncodedImage("0000001.img", lambda: content))
    head, _, body = url.partition(",")
    assert head.startswith("data:image/") and head.endswith(";base64")
    return head[len("data:image/") : -len(";base64")], base64.b64decode(body, validate=True)


@pytest.mark.parametrize("image", [GRAY, COLOR], ids=["L", "RGB"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_png_and_jpeg_go_byte_for_byte(image, kind):
    content = write(image, kind)
    assert send(content) == (kind.lower(), content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (write(GRAY, "BMP"), GRAY),
        (write(COLOR, "BMP"), COLOR),
        (write(GRAY, "TIFF"), GRAY),
        (write(COLOR.quantize(16), "PNG"), COLOR.quantize(16).convert("RGB")),
        (write(COLOR.convert("RGBA"), "PNG"), COLOR),
        (write(GRAY.convert("LA"), "PNG"), GRAY),
        (write(GRAY.convert("1"), "PNG"), GRAY.convert("1").convert("L")),
    ],
    ids=["BMP L", "BMP RGB", "TIFF", "palette", "RGBA", "LA", "1"],
)
def test_anything_else_goes_as_a_png_with_the_same_pixels(content, expected):
    kind, sent = send(content)
    with Image.open(io.BytesIO(sent)) as image:
        assert (kind, image.format, image.mode) == ("png", "PNG", expected.mode)
        assert image.tobytes() == expected.tobytes()


def test_a_cmyk_jpeg_goes_as_rgb():
    kind, sent = send(write(COLOR.convert("CMYK"), "JPEG"))
    with Image.open(io.BytesIO(sent)) as image:
        assert (kind, image.mode, image.size) == ("png", "RGB", COLOR.size)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_cut(kind):
    # Amplitudes far above 255, a few of them very bright, as in a product of a space agency.
    pixels = RNG.rayleigh(800, (100, 100)).astype(np.uint16)
    pixels[:2, :2] = 65535
    kind, sent = send(write(Image.fromarray(pixels), kind))
    with Image.open(io.BytesIO(sent)) as image:
        scaled = np.asarray(image)
    assert (kind, scaled.dtype) == ("png", np.uint8)
    assert 50 < np.median(scaled) < 150 and scaled.std() > 20
    order = np.argsort(pixels, axis=None)
    assert (np.diff(scaled.ravel()[order].astype(int)) >= 0).all(), "a brighter pixel became darker"


@pytest.mark.parametrize("value", [0.0, 7.5, np.nan])
def test_a_constant_float_image_can_be_sent(value):
    _, sent = send(write(Image.fromarray(np.full((10, 10), value, np.float32)), "TIFF"))
    with Image.open(io.BytesIO(sent)) as image:
        assert len(set(image.tobytes())) == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_no_server_rotates_an_image_by_its_exif_entry(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = write(GRAY, kind, exif=exif)
    with Image.open(io.BytesIO(content)) as image:
        stored = image.tobytes()
    sent_kind, sent = send(content)
    with Image.open(io.BytesIO(sent)) as image:
        assert sent_kind == "png" and image.size == GRAY.size
        assert image.getexif().get(0x0112, 1) == 1
        assert image.tobytes() == stored
    upright = write(GRAY, kind, exif=b"Exif\0\0" + Image.Exif().tobytes())
    assert send(upright)[1] == upright


@pytest.mark.parametrize("content", [b"", b"no image", write(GRAY, "BMP")[:-100], write(GRAY, "GIF")])
def test_what_is_no_image_of_the_data_is_named(content):
    with pytest.raises(
        SARChatError, match=r"the image 0000001\.img (cannot be decoded|is not a readable image of BMP)"
    ):
        send(content)
