"""The sample: a small synthetic corpus in SARDet-100K's layout, with its edge cases; always the same bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.sample.coco_writer import coco_annotation, coco_document
from builders.corpus.sample.speckle import GROUNDS, TARGETS, Echo, Ground, bounding_box, detect


@dataclass(frozen=True)
class SampleImage:
    """The specification of one image.

    Attributes:
        split: train, val or test.
        ground: a key of `builders.corpus.sample.speckle.GROUNDS`.
        size: width and height in pixels.
        targets: categories with their number and their length as a share of the shorter side, in drawing order.
        suffix: file format.
        mode: Pillow's mode, `L` or `RGB` (also grey).
        cut: whether to crop the image in the middle of its rightmost target, so that its box crosses the edge.
        awkward: the cases of `_awkward` to add as further annotations.
    """

    split: str
    ground: str
    size: tuple[int, int]
    targets: tuple[tuple[str, int, float], ...]
    suffix: str = ".jpg"
    mode: str = "L"
    cut: bool = False
    awkward: tuple[str, ...] = ()


SAMPLE_IMAGES = (
    SampleImage("train", "sea", (512, 512), (("ship", 1, 0.12),)),
    SampleImage("train", "sea", (512, 512), (("ship", 4, 0.11),), awkward=("no width", "no height")),
    SampleImage("train", "sea", (256, 256), (("ship", 2, 0.3),), awkward=("duplicate",)),
    SampleImage("train", "sea", (416, 323), (("ship", 3, 0.16),), suffix=".png"),
    SampleImage("train", "sea", (210, 200), (("ship", 1, 0.3),)),
    SampleImage("train", "sea", (400, 300), (("ship", 5, 0.2),), cut=True, awkward=("outside",)),
    SampleImage("train", "airport", (512, 512), (("aircraft", 5, 0.15), ("car", 6, 0.025))),
    SampleImage("train", "airport", (512, 512), (("aircraft", 1, 0.36),), mode="RGB"),
    SampleImage("train", "airport", (300, 300), (("aircraft", 2, 0.24),), suffix=".bmp", awkward=("ignore",)),
    SampleImage("train", "airport", (256, 256), (("aircraft", 1, 0.66),)),
    SampleImage("train", "river", (512, 512), (("bridge", 1, 0.4),)),
    SampleImage("train", "river", (256, 256), (("bridge", 1, 0.9),)),
    SampleImage("train", "river", (400, 320), (("bridge", 2, 0.3), ("ship", 2, 0.09))),
    SampleImage("train", "port", (512, 512), (("harbor", 1, 0.42), ("ship", 5, 0.1))),
    SampleImage("train", "port", (256, 256), (("harbor", 1, 0.84),)),
    SampleImage("train", "port", (512, 512), (("harbor", 2, 0.36), ("ship", 2, 0.13), ("tank", 5, 0.07))),
    SampleImage("train", "depot", (320, 320), (("car", 14, 0.06),), awkward=("crowd",)),
    SampleImage("train", "depot", (256, 256), (("car", 1, 0.25),)),
    SampleImage("train", "depot", (512, 512), (("tank", 9, 0.13),)),
    SampleImage("train", "depot", (256, 256), (("tank", 2, 0.2), ("car", 3, 0.09))),
    SampleImage("val", "sea", (512, 512), (("ship", 2, 0.16),)),
    SampleImage("val", "sea", (256, 256), (("ship", 1, 0.22),), mode="RGB"),
    SampleImage("val", "airport", (512, 512), (("aircraft", 3, 0.2), ("car", 4, 0.03))),
    SampleImage("val", "river", (256, 256), (("bridge", 1, 0.55),)),
    SampleImage("val", "port", (400, 400), (("harbor", 1, 0.5), ("ship", 3, 0.13), ("tank", 3, 0.08))),
    SampleImage("val", "depot", (220, 200), (("tank", 1, 0.4),), suffix=".png"),
    SampleImage("val", "depot", (256, 256), (("car", 5, 0.08),), awkward=("duplicate",)),
    SampleImage("test", "sea", (512, 512), (("ship", 3, 0.14),), awkward=("no width",)),
    SampleImage("test", "sea", (256, 256), (("ship", 1, 0.3),)),
    SampleImage("test", "airport", (320, 320), (("aircraft", 4, 0.17), ("car", 3, 0.035)), suffix=".png"),
    SampleImage("test", "river", (512, 512), (("bridge", 2, 0.3), ("ship", 1, 0.06))),
    SampleImage("test", "port", (256, 256), (("harbor", 1, 0.75), ("ship", 1, 0.16))),
    SampleImage("test", "depot", (256, 256), (("tank", 4, 0.17),)),
    SampleImage("test", "depot", (216, 216), (("car", 1, 0.2),), suffix=".bmp"),
)


def write_sample(root: Path) -> None:
    """Write the sample to `root/SARDet_100K`: `Annotations/{train,val,test}.json` and `JPEGImages/{split}/`."""
    corpus = Path(root) / "SARDet_100K"
    (corpus / "Annotations").mkdir(parents=True, exist_ok=True)
    ids = _shuffled("ids", len(SAMPLE_IMAGES))
    files: dict[str, list[dict]] = {"train": [], "val": [], "test": []}
    targets: dict[str, list[dict]] = {split: [] for split in files}
    for number, index in enumerate(_shuffled("numbers", len(SAMPLE_IMAGES)), start=1):
        image = SAMPLE_IMAGES[index]
        pixels, annotations = _make(image, index)
        name = f"{number:07d}{image.suffix}"
        _save(pixels, image, corpus / "JPEGImages" / image.split / name)
        # Differs from the file's number, as in SARDet-100K.
        identifier = 1_000 + ids[index]
        height, width = pixels.shape
        files[image.split].append({"file_name": name, "height": height, "width": width, "id": identifier})
        targets[image.split] += [{**annotation, "image_id": identifier} for annotation in annotations]
    for split, images in files.items():
        annotations = [coco_annotation(index, **target) for index, target in enumerate(targets[split])]
        coco = coco_document(images, annotations)
        (corpus / "Annotations" / f"{split}.json").write_text(json.dumps(coco) + "\n", encoding="utf-8")


def _digest(*key: object) -> int:
    return int.from_bytes(hashlib.sha256("/".join(map(str, ("sample", *key))).encode()).digest()[:8], "big")


def _shuffled(key: str, count: int) -> list[int]:
    return sorted(range(count), key=lambda index: _digest(key, index))


def _save(pixels: np.ndarray, image: SampleImage, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"quality": 85} if image.suffix == ".jpg" else {}
    Image.fromarray(pixels).convert(image.mode).save(path, **options)


def _make(image: SampleImage, index: int) -> tuple[np.ndarray, list[dict]]:
    """Return pixels and annotations of one image, which depend only on it and its index."""
    rng = np.random.default_rng(_digest("picture", index))
    width, height = image.size
    lengths = {category: share * min(image.size) for category, _, share in image.targets}
    ground = GROUNDS[image.ground]((height, width), lengths, rng)
    echoes = _place(image, ground, lengths, rng)
    pixels = detect(ground, [echo for _, echo in echoes], rng)
    annotations: list[dict[str, Any]] = [
        {
            "category_id": known_corpus(DEFAULT).names.index(category),
            "bbox": _box(echo.mask),
            "area": float(echo.mask.sum()),
        }
        for category, echo in echoes
    ]
    if image.cut:
        x, _, breadth, _ = max((annotation["bbox"] for annotation in annotations), key=lambda box: box[0] + box[2])
        pixels = pixels[:, : round(x + breadth / 2)]
    for case in image.awkward:
        annotations += _awkward(case, annotations, pixels.shape[1])
    return pixels, annotations


def _place(
    image: SampleImage, ground: Ground, lengths: dict[str, float], rng: np.random.Generator
) -> list[tuple[str, Echo]]:
    """Put each target on the first free place of its category, clear of the others and of the edge."""
    shape = ground.power.shape
    taken = np.ones(shape, dtype=bool)
    taken[2:-2, 2:-2] = False
    placed = []
    for category, count, _ in image.targets:
        places = iter(ground.places[category])
        for _ in range(count):
            length = lengths[category] * rng.uniform(0.94, 1.06)
            tries = (TARGETS[category](shape, place, length, rng) for place in places)
            echo = next(echo for echo in tries if not (echo.mask & taken).any())
            around = tuple(slice(max(part.start - 3, 0), part.stop + 3) for part in bounding_box(echo.mask))
            taken[around] |= ndimage.binary_dilation(echo.mask[around], iterations=3)
            placed.append((category, echo))
    return placed


def _box(mask: np.ndarray) -> list[float]:
    rows, columns = bounding_box(mask)
    return [float(value) for value in (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)]


def _awkward(case: str, annotations: list[dict], width: int) -> list[dict]:
    """Return a further annotation, derived from the first one, that is not an ordinary target."""
    first = annotations[0]
    x, y, breadth, height = first["bbox"]
    changes: dict[str, dict[str, Any]] = {
        "no width": {"bbox": [x + breadth, y, 0.0, height], "area": 0.0},
        "no height": {"bbox": [x, y + height, breadth, 0.0], "area": 0.0},
        "duplicate": {},
        "outside": {"bbox": [width + 8.0, y, breadth, height]},
        "crowd": {"bbox": [x - 12, y - 12, breadth + 24, height + 24], "iscrowd": 1},
        "ignore": {"bbox": [x + 3, y + 2, breadth, height], "ignore": 1},
    }
    return [{**first, **changes[case]}]
