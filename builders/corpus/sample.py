"""Synthetic corpora in SARDet-100K's layout, always the same bytes: the sample with its edge cases, and any number.

Public names: `write_sample(root)`, `write_synthetic(root, number, size, seed)`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from builders.core.resources import read_yaml
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.speckle import GROUNDS, TARGETS, Echo, Ground, bounding_box, detect


def coco_annotation(**fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return an annotation with all keys of SARDet-100K's, in their order.

    `fields` are those that are neither 0 nor empty; `area` is that of the outline in square pixels.
    """
    annotation = {"area": 0.0, "iscrowd": 0, "image_id": 0, "bbox": [], "category_id": 0, "id": 0, "ignore": 0}
    return annotation | {"segmentation": []} | fields


def coco_document(
    images: Iterable[dict[str, Any]],
    annotations: Iterable[dict[str, Any]],
    category_ids: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Return a file's content; `category_ids` are the ids of SARDet-100K's categories, if not 0 to 5."""
    names = known_corpus(DEFAULT).names
    ids = range(len(names)) if category_ids is None else category_ids
    categories = [{"id": number, "name": name} for number, name in zip(ids, names, strict=True)]
    return {"images": list(images), "type": "instances", "annotations": list(annotations), "categories": categories}


@dataclass(frozen=True)
class SampleImage:
    """The specification of one image.

    Attributes:
        split: train, val or test.
        ground: a key of `builders.corpus.speckle.GROUNDS`.
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


# Shares of the free room in which the middle of an image's ground is looked for, one after the other.
_REACHES = (1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0)

SAMPLE_IMAGES = tuple(
    SampleImage(**entry | {"targets": tuple(map(tuple, entry["targets"]))})
    for entry in read_yaml("corpus/sample.yaml")["images"]
)


def write_sample(root: Path) -> None:
    """Write the sample to `root/SARDet_100K`: `Annotations/{train,val,test}.json` and `JPEGImages/{split}/`."""
    _write(Path(root) / "SARDet_100K", SAMPLE_IMAGES, "sample")


def write_synthetic(root: Path, number: int, size: int, seed: int = 0) -> dict[str, int]:
    """Write a corpus of square synthetic images, more than half of them with one target; a tenth each is val and test.

    Args:
        root: the folder, which exists; it gets `Annotations/` and `JPEGImages/`.
        number: of images.
        size: of their sides in pixels.
        seed: another one gives other images.

    Returns:
        The numbers of targets by category.
    """
    key = f"synthetic/{seed}/{size}"
    held_out = max(number // 10, min(1, number // 3))
    splits = ["train"] * (number - 2 * held_out) + ["val"] * held_out + ["test"] * held_out
    return _write(root, [_invent(split, size, f"{key}/{index}") for index, split in enumerate(splits)], key)


def _invent(split: str, size: int, key: str) -> SampleImage:
    """Return the specification of a synthetic image."""
    rng = np.random.default_rng(_digest(key))
    scenes = read_yaml("corpus/sample.yaml")["scenes"]
    scene = scenes[rng.integers(len(scenes))]
    is_plain = rng.random() < 0.5
    parts = [scene["first"], *(part for part in scene["others"] if not is_plain and rng.random() < 0.5)]
    is_single = len(parts) == 1 and rng.random() < 0.8
    targets = tuple(
        (category, 1 if is_single else int(rng.integers(1, most + 1)), float(rng.uniform(shortest, longest)))
        for category, most, shortest, longest in parts
    )
    return SampleImage(split, scene["ground"], (size, size), targets)


def _write(corpus: Path, specified: Sequence[SampleImage], key: str) -> dict[str, int]:
    """Write images and annotations; return the numbers of targets by category."""
    (corpus / "Annotations").mkdir(parents=True, exist_ok=True)
    ids = _shuffled(f"{key}/ids", len(specified))
    files: dict[str, list[dict]] = {"train": [], "val": [], "test": []}
    targets: dict[str, list[dict]] = {split: [] for split in files}
    order = _shuffled(f"{key}/numbers", len(specified))
    for number, index in enumerate(tqdm(order, desc="Drawing", unit=" images", delay=1, disable=None), start=1):
        image = specified[index]
        pixels, annotations = _make(image, f"{key}/picture/{index}")
        name = f"{number:07d}{image.suffix}"
        _save(pixels, image, corpus / "JPEGImages" / image.split / name)
        # Differs from the file's number, as in SARDet-100K.
        identifier = 1_000 + ids[index]
        height, width = pixels.shape
        files[image.split].append({"file_name": name, "height": height, "width": width, "id": identifier})
        targets[image.split] += [{**annotation, "image_id": identifier} for annotation in annotations]
    for split, images in files.items():
        annotations = [coco_annotation(id=index, **target) for index, target in enumerate(targets[split])]
        coco = coco_document(images, annotations)
        (corpus / "Annotations" / f"{split}.json").write_text(json.dumps(coco) + "\n", encoding="utf-8")
    names = known_corpus(DEFAULT).names
    return dict(sorted(Counter(names[target["category_id"]] for part in targets.values() for target in part).items()))


def _digest(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def _shuffled(key: str, count: int) -> list[int]:
    return sorted(range(count), key=lambda index: _digest(f"{key}/{index}"))


def _save(pixels: np.ndarray, image: SampleImage, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"quality": 85} if image.suffix == ".jpg" else {}
    Image.fromarray(pixels).convert(image.mode).save(path, **options)


def _make(image: SampleImage, key: str) -> tuple[np.ndarray, list[dict]]:
    """Return pixels and annotations of one image, which depend only on it and its key."""
    rng = np.random.default_rng(_digest(key))
    lengths = {category: share * min(image.size) for category, _, share in image.targets}
    ground, echoes = _lay_out(image, lengths, rng)
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


def _lay_out(
    image: SampleImage, lengths: dict[str, float], rng: np.random.Generator
) -> tuple[Ground, list[tuple[str, Echo]]]:
    """Return a ground whose middle is anywhere in the image, with its targets.

    The middle is where the targets of most grounds are. Where they do not fit, it is tried nearer to the image's, at
    last in it.
    """
    width, height = image.size
    room = [max(0.0, side - 1.2 * max(lengths.values())) for side in image.size]
    for reach in _REACHES:
        x, y = reach * rng.uniform(-0.5, 0.5, 2) * room
        ground = GROUNDS[image.ground]((height, width), (width / 2 + x, height / 2 + y), lengths, rng)
        echoes = _place(image, ground, lengths, rng)
        if len(echoes) == sum(count for _, count, _ in image.targets):
            break
    return ground, echoes


def _place(
    image: SampleImage, ground: Ground, lengths: dict[str, float], rng: np.random.Generator
) -> list[tuple[str, Echo]]:
    """Put each target on the first free place of its category, clear of the others and of the edge, if there is one."""
    shape = ground.power.shape
    taken = np.ones(shape, dtype=bool)
    taken[2:-2, 2:-2] = False
    placed = []
    for category, count, _ in image.targets:
        places = iter(ground.places[category])
        for _ in range(count):
            length = lengths[category] * rng.uniform(0.94, 1.06)
            tries = (TARGETS[category](shape, place, length, rng) for place in places)
            echo = next((echo for echo in tries if echo.mask.any() and not (echo.mask & taken).any()), None)
            if echo is None:
                break
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
