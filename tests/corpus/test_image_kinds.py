"""Images of every kind that the four formats store: the data set gives them back as they are, built and live."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zlib

import datasets
import numpy as np
import pytest
from corpora import Picture, write_corpus
from PIL import Image
from support import build, refusal

from builders.build.options import BuildOptions
from builders.core.errors import SARChatError
from sarchat_dataset import SARChat

WIDTH, HEIGHT = 48, 32
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16")
FORMATS = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP", "tiff": "TIFF"}


def picture(mode: str) -> Image.Image:
    values = np.arange(WIDTH * HEIGHT, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 40
    if mode == "I;16":
        return Image.fromarray(values)
    gray = Image.fromarray((values >> 8).astype(np.uint8))
    return gray.convert("RGB").convert("LAB") if mode == "LAB" else gray.convert(mode)


def encode(image: Image.Image, suffix: str, **options) -> bytes | None:
    """Return the file, or `None` if the format has no such mode, or Pillow cannot read back what it writes."""
    sink = io.BytesIO()
    try:
        image.save(sink, FORMATS[suffix], **options)
        with Image.open(sink) as opened:
            # Pillow 12 writes YCbCr as TIFF and then finds it truncated.
            opened.load()
    except OSError:
        return None
    return sink.getvalue()


KINDS = {
    f"{mode.replace(';', '-')}.{suffix}": content
    for mode in MODES
    for suffix in FORMATS
    if (content := encode(picture(mode), suffix)) is not None
}
KINDS["progressive.jpg"] = encode(picture("L"), "jpg", progressive=True)
KINDS["interlaced-palette.png"] = encode(picture("P").quantize(7), "png", bits=4)
KINDS["lzw.tiff"] = encode(picture("I;16"), "tiff", compression="tiff_lzw")
KINDS["two-pages.tiff"] = encode(picture("L"), "tiff", save_all=True, append_images=[picture("L")])


def corpus_of(folder, files: dict[str, bytes], width: int = WIDTH, height: int = HEIGHT):
    """Write a corpus whose image files have the given contents."""
    names = {f"{number:02d}-{name}": content for number, (name, content) in enumerate(files.items())}
    corpus = write_corpus(folder, {"test": [Picture(name, 9, 9, [("ship", 1, 2, 5, 4)], "RGB") for name in names]})
    annotations = corpus / "Annotations" / "test.json"
    coco = json.loads(annotations.read_text())
    for image in coco["images"]:
        image |= {"width": width, "height": height}
    annotations.write_text(json.dumps(coco))
    for name, content in names.items():
        (corpus / "JPEGImages" / "test" / name).write_bytes(content)
    return corpus


def pixels(image: Image.Image) -> tuple[str, bytes]:
    return image.mode, np.asarray(image).tobytes()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return corpus_of(tmp_path_factory.mktemp("kinds"), KINDS)


@pytest.mark.parametrize("way", ["built", "live"])
def test_every_kind_comes_back_as_it_is(corpus, tmp_path, way):
    assert len(KINDS) >= 24
    if way == "built":
        options = BuildOptions(tasks=("referring",), check_images=True)
        build(corpus, tmp_path / "out", options)
        data = datasets.load_dataset(str(tmp_path / "out"), "referring", split="test", cache_dir=str(tmp_path / "c"))
    else:
        builder = SARChat(config_name="referring", data_dir=str(corpus), cache_dir=str(tmp_path / "cache"))
        data = list(builder.as_streaming_dataset(split="test"))
    assert len(data) == len(KINDS)
    for row, content in zip(data, KINDS.values(), strict=True):
        with Image.open(io.BytesIO(content)) as expected:
            # `datasets` leaves the file of several pages open.
            with row["image"] as image:
                assert pixels(image) == pixels(expected), row["file_name"]


def test_every_kind_is_embedded_byte_for_byte(corpus, tmp_path):
    build(corpus, tmp_path / "out", BuildOptions(tasks=("referring",)))
    data = datasets.load_dataset(str(tmp_path / "out"), "referring", split="test", cache_dir=str(tmp_path / "c"))
    stored = data.cast_column("image", datasets.Image(decode=False))["image"]
    assert [image["bytes"] for image in stored] == list(KINDS.values())


# Images that harm


def png(width: int, height: int, *chunks: tuple[bytes, bytes], data: bytes = b"") -> bytes:
    """Write a PNG of 8-bit gray with any chunks before its pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), *chunks, (b"IDAT", data), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


ZEROS = zlib.compress(bytes(50_000_000), 1)
WHOLE = zlib.compress(bytes((WIDTH + 1) * HEIGHT))
HARMFUL = {
    # 50 MB of text in 220 kB.
    "text that inflates": (png(WIDTH, HEIGHT, (b"zTXt", b"Comment\0\0" + ZEROS), data=WHOLE), WIDTH, HEIGHT),
    "profile that inflates": (png(WIDTH, HEIGHT, (b"iCCP", b"icc\0\0" + ZEROS), data=WHOLE), WIDTH, HEIGHT),
    "size that is claimed": (png(60_000, 60_000, data=ZEROS), 60_000, 60_000),
    "EXIF that ends in itself": (png(WIDTH, HEIGHT, (b"eXIf", b"II*\0\x08\0\0\0\xff\xff"), data=WHOLE), WIDTH, HEIGHT),
}
CUT = {f"{mode}.{suffix}": encode(picture(mode), suffix) for suffix in FORMATS for mode in ("L", "RGB")}


# Pillow, of the one without an end.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize("harm", HARMFUL)
def test_a_bomb_is_refused_or_stored_and_never_inflated(tmp_path, harm):
    """Neither way may take the memory that the file promises."""
    content, width, height = HARMFUL[harm]
    corpus = corpus_of(tmp_path, {"bomb.png": content}, width, height)
    tracemalloc.start()
    try:
        outcomes = []
        for way in (build_it, live):
            try:
                outcomes.append(way(corpus, tmp_path))
            except SARChatError as error:
                outcomes.append(str(error))
            except datasets.exceptions.DatasetGenerationError as error:
                outcomes.append(str(error.__cause__))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert len(set(map(type, outcomes))) == 1
    if width > WIDTH:
        assert all("bomb.png" in outcome and "\n" not in outcome for outcome in outcomes), outcomes


def build_it(corpus, tmp_path) -> None:
    build(corpus, tmp_path / "out", BuildOptions(tasks=("referring",)))


def live(corpus, tmp_path) -> None:
    SARChat(config_name="referring", data_dir=str(corpus), cache_dir=str(tmp_path / "cache")).download_and_prepare()


@pytest.mark.parametrize("name", CUT)
def test_an_image_that_ends_early_is_found_by_decoding(tmp_path, capsys, name):
    """Its header is whole, so only `--check-images` finds it."""
    content = CUT[name]
    corpus = corpus_of(tmp_path, {name: content[: len(content) - len(content) // 4]})
    error = refusal(capsys, "build", corpus, "--out", tmp_path / "out", "--check-images", "--no-pictures")
    assert name in error
    assert not (tmp_path / "out").exists()
