"""An image that viewers rotate is refused: its boxes would not fit what `load_dataset` decodes."""

from __future__ import annotations

import datasets
import numpy as np
import pytest
from corpora import Picture, write_corpus
from PIL import Image, PngImagePlugin
from support import build, refusal

from builders.core.errors import SARChatError
from sarchat_dataset import SARChat

XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


# Dark above, bright below.
PIXELS = np.repeat(np.arange(100, dtype=np.uint8)[:, None] * 2, 100, axis=1)


def save(path, orientation: int, way: str) -> None:
    image = Image.fromarray(PIXELS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if way == "xmp":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP)
        image.save(path, pnginfo=info)
    elif way == "tag":
        image.save(path, tiffinfo={0x0112: orientation})
    else:
        image.save(path, exif=exif)


@pytest.fixture
def corpus(tmp_path):
    def make(name: str, orientation: int, way: str):
        corpus = write_corpus(tmp_path, {"test": [Picture(name, 100, 100, [("ship", 10, 20, 30, 40)])]})
        save(corpus / "JPEGImages" / "test" / name, orientation, way)
        return corpus

    return make


CASES = [("a.jpg", "exif"), ("a.png", "exif"), ("a.png", "xmp"), ("a.tiff", "tag")]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_datasets_would_rotate_it(corpus, name, way):
    """The reason for the refusal; a version that does not rotate would make it needless."""
    path = corpus(name, 6, way) / "JPEGImages" / "test" / name
    decoded = np.asarray(datasets.Image().decode_example({"path": str(path), "bytes": None}))
    assert np.abs(decoded.astype(int) - PIXELS).mean() > 50
    assert np.abs(np.rot90(decoded).astype(int) - PIXELS).mean() < 5


@pytest.mark.parametrize("options", [[], ["--no-embed"], ["--check-images"]])
@pytest.mark.parametrize(("name", "way"), CASES)
def test_build_refuses_a_rotated_image(corpus, tmp_path, capsys, name, way, options):
    error = refusal(capsys, "build", corpus(name, 6, way), "--out", tmp_path / "out", *options)
    assert name in error and "orientation 6" in error


@pytest.mark.parametrize(("name", "way"), CASES)
def test_live_builder_refuses_a_rotated_image(corpus, tmp_path, name, way):
    builder = SARChat(config_name="referring", data_dir=str(corpus(name, 6, way)), cache_dir=str(tmp_path / "cache"))
    with pytest.raises((SARChatError, datasets.exceptions.DatasetGenerationError)) as caught:
        builder.download_and_prepare()
    assert "orientation 6" in str(caught.value.__cause__ or caught.value)


@pytest.mark.parametrize(("name", "way"), [case for case in CASES if case[1] != "xmp"])
def test_upright_image_is_built(corpus, tmp_path, name, way):
    build(corpus(name, 1, way), tmp_path / "out")
