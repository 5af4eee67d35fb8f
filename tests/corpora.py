"""Corpora in SARDet-100K's layout, made in a folder of a test: small, plain ones and random, awkward ones."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oracle import TASKS
from PIL import Image

from builders.corpus.corpus import Location, find_corpus
from builders.corpus.sample import coco_annotation, coco_document
from builders.data.live import generate_tables, plan_shards

NAMES = ("ship", "aircraft", "car", "tank", "bridge", "harbor")
SPLITS = ("train", "val", "test")
# The number of images of `slow_corpus`, and their width and height.
SLOW_IMAGES, SLOW_TRAIN_IMAGES, SLOW_SIDE = 120, 100, 224
LAYOUTS = ("JPEGImages/{split}", "JPEGImages", "Images/{split}")


@dataclass
class Picture:
    """An image to write, and its annotations: `(category, x, y, w, h)` and any further fields."""

    name: str
    width: int = 256
    height: int = 256
    boxes: list[tuple] = field(default_factory=list)
    mode: str = "L"
    noise: bool = False

    def draw(self, rng: random.Random) -> Image.Image:
        if self.noise:
            size = self.width * self.height * len(self.mode)
            return Image.frombytes(self.mode, (self.width, self.height), rng.randbytes(size))
        return Image.new(self.mode, (self.width, self.height), rng.randrange(256))


def write_corpus(
    folder: Path,
    pictures: dict[str, list[Picture]],
    *,
    layout: str = LAYOUTS[0],
    seed: int = 0,
    shuffled: bool = False,
) -> Path:
    """Write `folder/SARDet_100K`. If `shuffled`, ids and the order of entries in the JSON carry no information."""
    rng = random.Random(seed)
    corpus = folder / "SARDet_100K"
    (corpus / "Annotations").mkdir(parents=True)
    for split in SPLITS:
        (corpus / layout.format(split=split)).mkdir(parents=True, exist_ok=True)
    for split, of_split in pictures.items():
        category_ids = dict(zip(NAMES, rng.sample(range(1, 90), 6) if shuffled else range(6), strict=True))
        image_ids = rng.sample(range(10_000), len(of_split)) if shuffled else list(range(len(of_split)))
        images, annotations = [], []
        for picture, image_id in zip(of_split, image_ids, strict=True):
            path = corpus / layout.format(split=split) / picture.name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.draw(rng).save(path, compress_level=1)
            shape = {"width": picture.width, "height": picture.height}
            images.append({"id": image_id, "file_name": picture.name, **shape})
            for category, x, y, w, h, *more in picture.boxes:
                annotation = coco_annotation(
                    image_id=image_id, category_id=category_ids[category], bbox=[x, y, w, h], area=1.0
                )
                annotations.append(annotation | {key: value for fields in more for key, value in fields.items()})
        ids = rng.sample(range(10 * len(annotations)), len(annotations)) if shuffled else range(len(annotations))
        for annotation, annotation_id in zip(annotations, ids, strict=True):
            annotation["id"] = annotation_id
        coco = coco_document(images, annotations, [category_ids[name] for name in NAMES])
        if shuffled:
            for listed in (coco["images"], coco["annotations"], coco["categories"]):
                rng.shuffle(listed)
        (corpus / "Annotations" / f"{split}.json").write_text(json.dumps(coco))
    return corpus


def plain_pictures() -> dict[str, list[Picture]]:
    """A few whole-number boxes in each split: one target, two of a category, two categories, a small image."""
    return {
        "train": [
            Picture("0000001.jpg", 256, 256, [("ship", 20, 30, 60, 40)]),
            Picture("0000002.png", 300, 240, [("aircraft", 10, 10, 50, 50), ("aircraft", 200, 150, 60, 60)], "RGB"),
            Picture("0000003.bmp", 256, 256, [("bridge", 100, 120, 120, 30), ("ship", 20, 20, 40, 80)]),
        ],
        "val": [
            Picture("0000004.jpg", 200, 200, [("car", 50, 60, 20, 20)]),
            Picture("0000005.jpg", 256, 256, [("tank", 50, 60, 40, 40), ("harbor", 0, 0, 200, 200)]),
        ],
        "test": [
            Picture("0000006.jpg", 512, 512, [("ship", 251, 265, 72, 77), ("ship", 185, 276, 71, 79)]),
            Picture("0000007.png", 256, 256, [("car", 60, 60, 80, 60)]),
        ],
    }


def plain_corpus(folder: Path, **options) -> Path:
    return write_corpus(folder, plain_pictures(), **options)


def slow_corpus(folder: Path) -> Path:
    """Write a corpus whose build takes a while: images to read, and many records.

    One split is larger: when the first file of the other appears, two processes are still in the midst of a build.
    """
    pictures = {}
    for split, number in (("train", SLOW_TRAIN_IMAGES), ("test", SLOW_IMAGES - SLOW_TRAIN_IMAGES)):
        pictures |= noisy_pictures(number, side=SLOW_SIDE, boxes=6, split=split)
    return write_corpus(folder, pictures)


def noisy_pictures(number: int, *, side: int = 256, boxes: int = 2, split: str = "train") -> dict[str, list[Picture]]:
    """Pictures that do not compress, each with a few boxes."""
    rng = random.Random(number)
    places = [(rng.choice(NAMES), rng.randrange(side // 2), rng.randrange(side // 2)) for _ in range(number * boxes)]
    return {
        split: [
            Picture(
                f"{index:07d}.png",
                side,
                side,
                [(name, x, y, 40, 30) for name, x, y in places[index * boxes : (index + 1) * boxes]],
                noise=True,
            )
            for index in range(number)
        ]
    }


def random_pictures(seed: int, number: int = 12) -> dict[str, list[Picture]]:
    """Pictures with every awkward case that annotations can hold."""
    rng = random.Random(seed)
    pictures: dict[str, list[Picture]] = {}
    serial = 0
    for split in SPLITS:
        pictures[split] = []
        for _ in range(number):
            serial += rng.randint(1, 50)
            width, height = (rng.choice([256, 512, rng.randint(33, 223), rng.randint(224, 900)]) for _ in range(2))
            kind = rng.choice([".jpg", ".jpg", ".png", ".bmp"])
            pictures[split].append(
                Picture(
                    f"{serial:07d}{kind}", width, height, _random_boxes(rng, width, height), rng.choice(["L", "RGB"])
                )
            )
    return pictures


def random_corpus(folder: Path, seed: int, number: int = 12) -> Path:
    layout = LAYOUTS[seed % len(LAYOUTS)]
    return write_corpus(folder, random_pictures(seed, number), layout=layout, seed=seed, shuffled=True)


def _random_boxes(rng: random.Random, width: int, height: int) -> list[tuple]:
    names = rng.sample(NAMES, rng.choice([1, 1, 2, 3, 6]))
    boxes: list[tuple] = []
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 9])):
        boxes += rng.choice(_KINDS)(rng, rng.choice(names), width, height, boxes)
    return boxes


def _whole(rng, name, width, height, _):
    w, h = rng.randint(1, width), rng.randint(1, height)
    return [(name, float(rng.randint(0, width - w)), float(rng.randint(0, height - h)), float(w), float(h))]


def _fractional(rng, name, width, height, _):
    w, h = rng.uniform(0.01, width / 3), rng.uniform(0.01, height / 3)
    return [(name, round(rng.uniform(0, width - w), 2), round(rng.uniform(0, height - h), 2), round(w, 2), round(h, 2))]


def _narrow(rng, name, width, height, _):
    w, h = rng.choice([(width * 0.9, height * 0.03), (width * 0.02, height * 0.8), (width, 3), (2, height)])
    return [(name, 0, 0, w, h)]


def _empty(rng, name, width, height, _):
    w, h = rng.choice([(0, 10), (10, 0), (0.0, 0.0), (-5, 10), (10, -5.5), (-3, -3)])
    return [(name, width / 2, height / 2, w, h)]


def _over_an_edge(rng, name, width, height, _):
    w, h = rng.randint(2, width), rng.randint(2, height)
    x, y = rng.choice([(-w / 2, 1), (1, -h / 3), (width - w / 3, 0), (0, height - h / 2.5), (-1, -1)])
    return [(name, x, y, w + rng.choice([0, 0.25]), h)]


def _over_all_edges(_, name, width, height, __):
    return [(name, -7, -3.5, width + 20, height + 10)]


def _outside(rng, name, width, height, _):
    x, y = rng.choice([(width, 5), (5, height), (-20, 5), (5, -20.0), (width + 3.5, height + 9), (-9, -9)])
    return [(name, x, y, 9, 9)]


def _again(rng, name, _, __, boxes):
    if not boxes:
        return []
    _, *rest = rng.choice(boxes)
    return [(rng.choice([name, *(box[0] for box in boxes)]), *rest[:4])]


def _left_out(rng, name, width, height, boxes):
    (box,) = _whole(rng, name, width, height, boxes)
    marked = (*box, rng.choice([{"iscrowd": 1}, {"ignore": 1}, {"iscrowd": 1, "ignore": 1}]))
    return rng.choice([[marked], [marked, box], [box, marked]])


def _concentric(rng, name, width, height, _):
    w, h = 2 * rng.randint(1, max(1, width // 8)), 2 * rng.randint(1, max(1, height // 8))
    x, y = float(width // 3), float(height // 3)
    return [(name, x, y, w, h), (rng.choice(NAMES), x - w / 2, y - h / 2, w * 2, h * 2)]


def _sub_pixel(rng, name, width, height, _):
    side = rng.choice([0.05, 0.2, 0.5])
    x, y = rng.choice([(width - side, height - side), (width - side, 3.3), (3.6, height - side), (7.5, 9.5), (0, 0)])
    return [(name, x, y, side, side)]


def _on_a_border(_, name, width, height, __):
    """Centre on the border of two cells, size on the border of two sizes, shape on that of two shapes."""
    w, h = 2 * (width // 6), 2 * (height // 6)
    return [(name, width // 3 - w // 2, height // 3 - h // 2, w, h), (name, 0, 0, width / 2, height / 10)]


def _diagonal(rng, name, _, __, ___):
    step = rng.choice([5, 9])
    return [(name, 2, 2, 4, 4), (rng.choice(NAMES), 2 + step, 2 + step, 4, 4)]


_KINDS = (
    *(_whole, _whole, _whole, _fractional, _fractional, _narrow, _empty, _over_an_edge, _over_all_edges, _outside),
    *(_again, _left_out, _concentric, _sub_pixel, _on_a_border, _diagonal),
)


def zip_corpus(corpus: Path, archive: Path, *, top: bool = True, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Pack a corpus, with its folder's name as the archive's top folder or without."""
    with zipfile.ZipFile(archive, "w", method) as file:
        for path in sorted(corpus.rglob("*")):
            file.write(path, path.relative_to(corpus.parent if top else corpus))
    return archive


def live_records(corpus: Path | Location, split: str, tasks: Sequence[str] = TASKS, seed: int = 0) -> list[dict]:
    """Return the records that the live builder generates, without loading `datasets`."""
    location = corpus if isinstance(corpus, Location) else str(corpus)
    tables = generate_tables(location, find_corpus(location).stamp(), split, seed, plan_shards(tasks))
    return [row for table in tables for row in table.to_pylist()]
