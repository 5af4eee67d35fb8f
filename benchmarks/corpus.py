"""A synthetic SARDet-100K of full size, to measure speed and size without the real one.

It has the real numbers of images and of boxes per category, and the published distribution of boxes over images. Its
images are valid JPEGs of the usual dimensions, but contain noise in 2 to 6 kB, larger ones up to 10 kB.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.optimize import least_squares
from tqdm import tqdm

from builders.core.errors import SARChatError
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.sample import coco_annotation, coco_document

VERSION = 2
MARKER = "corpus.json"
MOST_BOXES = 80
FEWEST_IMAGES = 100
MOST_IMAGES = 9_999_999  # A file name has seven digits.
# Width, height and weight. Nine in ten images have one of the two common sizes.
SIZES = (
    (512, 512, 45),
    (256, 256, 45),
    (800, 800, 2),
    (416, 323, 2),
    (501, 355, 2),
    (640, 480, 1),
    (850, 700, 1),
    (300, 450, 1),
    (190, 230, 1),
)
PART_IMAGES = 10_000  # Images of a part of annotations.
# Bytes of an image: small, so that a corpus of the true size fits on any disk, and as in SARDet-100K.
SMALL, REAL = (2_000, 6_000), (40_000, 80_000)
_LONGEST_COMMENT = 60_000
DESCRIBED_SHARE, DESCRIBED_SIDE = 0.01, 224


@dataclass(frozen=True)
class Split:
    """The contents of one split.

    Attributes:
        images: number of images, each with at least one box.
        boxes: number of boxes of each category.
        squares: sum over the images of the squared number of boxes, matched approximately.
        mixed: number of images with two categories, matched within one.
        described: number of images that are large enough to be described and have a target that is, too.
    """

    images: int
    boxes: tuple[int, ...]
    squares: int
    mixed: int
    described: int


# The last three follow from the published numbers of records (identification; counting minus grounding; description).
# For the validation split, none are published: it has the shares of the other two.
SPLITS = {
    "train": Split(94_493, (93_373, 40_705, 9_561, 24_187, 27_615, 3_306), 1_423_548, 1_037, 46_141),
    "val": Split(10_492, (10_530, 5_194, 1_222, 2_035, 3_318, 404), 158_300, 108, 5_170),
    "test": Split(11_613, (10_741, 6_779, 1_230, 1_773, 3_281, 399), 175_565, 96, 6_032),
}
ALL_IMAGES = sum(split.images for split in SPLITS.values())


@dataclass(frozen=True)
class Layout:
    """The images and boxes of one split as columns, with boxes sorted by image."""

    widths: np.ndarray
    heights: np.ndarray
    owners: np.ndarray
    categories: np.ndarray
    boxes: np.ndarray


def write_corpus(root: Path, images: int = ALL_IMAGES, image_bytes: tuple[int, int] = SMALL) -> Path:
    """Write the corpus to `root/SARDet_100K`, unless it already exists there.

    Args:
        root: folder to create; a folder with anything but such a corpus is refused.
        images: number of images over all splits; all counts are scaled to it.
        image_bytes: the minimum and maximum size of an image in bytes; large images may exceed the maximum.

    Returns:
        The folder `root/SARDet_100K`.

    Raises:
        SARChatError: if the size is out of range or `root` contains something else.
    """
    root = Path(root).resolve()
    if not FEWEST_IMAGES <= images <= MOST_IMAGES:
        raise SARChatError(f"a corpus has {FEWEST_IMAGES:,} to {MOST_IMAGES:,} images, but {images:,} were requested")
    splits = _scaled(images)
    wanted = _fingerprint(splits, image_bytes)
    if _is_complete(root, wanted):
        return root / "SARDet_100K"
    partial = root.with_name(f".{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write_splits(partial / "SARDet_100K", splits, image_bytes)
    (partial / MARKER).write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(root, ignore_errors=True)
    partial.replace(root)
    return root / "SARDet_100K"


def write_labels(root: Path, images: int) -> Path:
    """Write images with two boxes each, and their labels in the folders `voc`, `yolo` and `dota`, unless they exist."""
    if root.exists():
        return root
    rng = np.random.default_rng(VERSION)
    partial = root.with_name(f".{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for folder in ("images", "voc", "yolo", "dota"):
        (partial / folder).mkdir(parents=True)
    stream = io.BytesIO()
    Image.new("L", (512, 512)).save(stream, "JPEG")
    names = known_corpus(DEFAULT).names
    boxes = rng.integers(1, 200, (images, 2, 4)).tolist()
    categories = rng.integers(0, len(names), (images, 2)).tolist()
    for number in range(images):
        rows: dict[str, list[str]] = {"voc": [], "yolo": [], "dota": []}
        for category, (x, y, w, h) in zip(categories[number], boxes[number], strict=True):
            sides = f"<xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
            more = "<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
            rows["voc"].append(f"<object><name>{names[category]}</name>{more}<bndbox>{sides}</bndbox></object>")
            shares = " ".join(f"{value / 512:.6f}" for value in (x + w / 2, y + h / 2, w, h))
            rows["yolo"].append(f"{category} {shares}\n")
            rows["dota"].append(f"{x} {y} {x + w} {y} {x + w} {y + h} {x} {y + h} {names[category]} 0\n")
        size = "<size><width>512</width><height>512</height><depth>1</depth></size>"
        rows["voc"] = ["<annotation>", f"<filename>{number:07d}.jpg</filename>", size, *rows["voc"], "</annotation>"]
        for folder, ending in (("voc", "xml"), ("yolo", "txt"), ("dota", "txt")):
            (partial / folder / f"{number:07d}.{ending}").write_text("".join(rows[folder]), encoding="ascii")
        (partial / "images" / f"{number:07d}.jpg").write_bytes(stream.getvalue())
    partial.rename(root)
    return root


def write_annotations(root: Path, images: int, kind: str) -> Path:
    """Write the annotations alone of a corpus with a training split, unless they already exist.

    Args:
        root: folder to create.
        images: number of images, a multiple of `PART_IMAGES`.
        kind: `json` or `parquet` for parts of `PART_IMAGES` images each, `one` for a COCO file.

    Returns:
        The folder `root/SARDet_100K`.
    """
    corpus = root / "SARDet_100K"
    if corpus.exists():
        return corpus
    rng = np.random.default_rng(VERSION)
    numbers = rng.permutation(images) + 1
    partial = root.with_name(f".{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    folder = partial / "SARDet_100K" / "Annotations" / "train"
    folder.mkdir(parents=True)
    # An empty folder of images.
    (partial / "SARDet_100K" / "JPEGImages" / "train").mkdir(parents=True)
    split = _scaled(round(PART_IMAGES * ALL_IMAGES / SPLITS["train"].images))["train"]
    split = Split(**{**asdict(split), "images": PART_IMAGES})
    for part in range(images // PART_IMAGES):
        mine = numbers[part * PART_IMAGES : (part + 1) * PART_IMAGES]
        coco = _coco(_layout(split, rng), mine, rng)
        _write_part(folder / f"{part:05d}.{'parquet' if kind == 'parquet' else 'json'}", coco)
    if kind == "one":
        _join_parts(sorted(folder.iterdir()), folder.with_suffix(".json"))
        shutil.rmtree(folder)
    shutil.rmtree(root, ignore_errors=True)
    partial.replace(root)
    return corpus


def _write_part(path: Path, coco: dict[str, Any]) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(coco), encoding="utf-8")
        return
    objects: dict[int, dict[str, list]] = {image["id"]: {"bbox": [], "category": []} for image in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    for annotation in coco["annotations"]:
        of_image = objects[annotation["image_id"]]
        of_image["bbox"].append(annotation["bbox"])
        of_image["category"].append(names[annotation["category_id"]])
    rows = [
        {"image_id": image["id"], **{key: image[key] for key in ("file_name", "width", "height")}}
        | {"objects": objects[image["id"]]}
        for image in coco["images"]
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def _join_parts(parts: list[Path], path: Path) -> None:
    """Join parts to one file, with ids that are unique in it; only one part is in memory at a time."""
    with path.open("w", encoding="utf-8") as stream:
        opened = "{"
        for key, ids in (("images", ("id",)), ("annotations", ("id", "image_id"))):
            stream.write(f'{opened}"{key}": [')
            separator = ""
            for number, part in enumerate(parts):
                for entry in json.loads(part.read_text(encoding="utf-8"))[key]:
                    entry |= {name: entry[name] + 10 * PART_IMAGES * number for name in ids}
                    stream.write(separator + json.dumps(entry))
                    separator = ", "
            opened = "], "
        stream.write(f'], "categories": {json.dumps(json.loads(parts[0].read_text())["categories"])}}}')


def _scaled(total: int) -> dict[str, Split]:
    def scale(count: int) -> int:
        return round(count * total / ALL_IMAGES)

    splits = {
        name: Split(
            scale(full.images),
            tuple(map(scale, full.boxes)),
            scale(full.squares),
            scale(full.mixed),
            scale(full.described),
        )
        for name, full in SPLITS.items()
    }
    # The rounding difference goes to the largest split.
    train, spare = splits["train"], total - sum(split.images for split in splits.values())
    return {**splits, "train": Split(**{**asdict(train), "images": train.images + spare})}


def _fingerprint(splits: dict[str, Split], image_bytes: tuple[int, int]) -> dict[str, object]:
    spec = {name: asdict(split) for name, split in splits.items()}
    digest = hashlib.sha256(json.dumps([VERSION, SIZES, image_bytes, spec]).encode()).hexdigest()
    return {"version": VERSION, "images": sum(split.images for split in splits.values()), "spec": digest}


def _is_complete(root: Path, wanted: dict[str, object]) -> bool:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = json.loads((root / MARKER).read_text(encoding="utf-8"))
        known = found.keys() == wanted.keys()
    except (OSError, ValueError, AttributeError):
        known = False
    if not known:
        raise SARChatError(
            f"{root} contains something else than a synthetic corpus: choose another folder, or remove it"
        )
    return found == wanted


def _write_splits(corpus: Path, splits: dict[str, Split], image_bytes: tuple[int, int]) -> None:
    rng = np.random.default_rng(VERSION)
    total = sum(split.images for split in splits.values())
    numbers = rng.permutation(total) + 1
    (corpus / "Annotations").mkdir(parents=True)
    with tqdm(total=total, unit=" images", desc="synthetic corpus") as progress:
        for name, split in splits.items():
            mine, numbers = numbers[: split.images], numbers[split.images :]
            layout = _layout(split, rng)
            coco = _coco(layout, mine, rng)
            (corpus / "Annotations" / f"{name}.json").write_text(json.dumps(coco), encoding="utf-8")
            _write_images(corpus / "JPEGImages" / name, coco["images"], image_bytes, rng, progress.update)


def _layout(split: Split, rng: np.random.Generator) -> Layout:
    counts = rng.permutation(_box_counts(split))
    owners = np.repeat(np.arange(split.images), counts)
    weights = np.array([weight for _, _, weight in SIZES])
    sizes = np.array(SIZES)[rng.choice(len(SIZES), split.images, p=weights / weights.sum()), :2]
    large = _large_targets(split, counts, sizes, rng)
    categories = _categories(split, counts, rng)
    return Layout(sizes[:, 0], sizes[:, 1], owners, categories, _boxes(sizes[owners], large, owners, rng))


def _box_counts(split: Split) -> np.ndarray:
    """Return the numbers of boxes, ascending: quantiles of the distribution, corrected to match the total."""
    total = sum(split.boxes)
    law = np.cumsum(_law(total / split.images, split.squares / split.images))
    counts = 1 + np.searchsorted(law, (np.arange(split.images) + 0.5) / split.images)
    spare, ones = total - int(counts.sum()), int(np.searchsorted(counts, 2))
    # Changing a one to a two, or the reverse, changes the sum of squares least.
    counts[ones - max(spare, 0) : ones] += 1
    counts[ones : ones + max(-spare, 0)] -= 1
    return counts


@functools.cache
def _law(mean: float, mean_square: float) -> np.ndarray:
    """Return the probabilities of 1, 2, ... boxes: a power law (Zipf-Mandelbrot) of this mean and mean square."""
    values = np.arange(1, MOST_BOXES + 1)

    def probabilities(parameters: np.ndarray) -> np.ndarray:
        exponent, shift = parameters
        powers = (values + shift) ** -exponent
        return powers / powers.sum()

    def misses(parameters: np.ndarray) -> np.ndarray:
        law = probabilities(parameters)
        return np.array([law @ values / mean - 1, law @ values**2 / mean_square - 1])

    return probabilities(least_squares(misses, (2.5, 0.0), bounds=((1.0, -0.9), (8.0, 50.0))).x)


def _categories(split: Split, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the category of each box: one per image, except for pairs of images that exchange two targets."""
    categories = np.repeat(np.arange(len(known_corpus(DEFAULT).names)), split.boxes)
    ends = np.cumsum(counts) - 1
    first, last = categories[ends - counts + 1], categories[ends]
    whole = (first == last) & (counts > 1)
    ships, others = np.flatnonzero(whole & (last == 0)), np.flatnonzero(whole & (last != 0))
    pairs = min(max(split.mixed - int((first != last).sum()), 0) // 2, len(ships), len(others))
    one, two = (ends[rng.choice(images, pairs, replace=False)] for images in (ships, others))
    categories[one], categories[two] = categories[two], categories[one]
    return categories


def _large_targets(split: Split, counts: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mark the boxes that pass the description filter: at least one per image to describe, none in others."""
    candidates = np.flatnonzero(sizes.min(axis=1) >= DESCRIBED_SIDE)
    described = np.zeros(split.images, dtype=bool)
    described[rng.choice(candidates, min(split.described, len(candidates)), replace=False)] = True
    large = np.repeat(described, counts)
    large &= rng.random(len(large)) < 0.25
    starts = np.cumsum(counts) - counts
    large[starts[described]] = True
    return large


def _boxes(sizes: np.ndarray, large: np.ndarray, owners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return whole-pixel boxes inside their images, without duplicates, as rows of x, y, width, height."""
    # Areas keep a distance from the threshold and are rounded away from it, so that no box crosses it.
    low = np.where(large, DESCRIBED_SHARE * 1.1, 0.0003)
    high = np.where(large, 0.45, DESCRIBED_SHARE * 0.85)
    share = low * (high / low) ** rng.random(len(large))
    aspect = np.exp(rng.uniform(-1.1, 1.1, len(large)))
    area = share * sizes.prod(axis=1)
    sides = np.sqrt(np.stack([area * aspect, area / aspect], axis=1))
    sides = np.clip(np.where(large[:, None], np.ceil(sides), np.floor(sides)), 3, sizes)
    corners = np.floor(rng.random(sides.shape) * (sizes - sides + 1))
    while len(again := _repeated(owners, corners, sides)):
        corners[again] = np.floor(rng.random((len(again), 2)) * (sizes[again] - sides[again] + 1))
    return np.hstack([corners, sides])


def _repeated(owners: np.ndarray, corners: np.ndarray, sides: np.ndarray) -> np.ndarray:
    _, first = np.unique(np.column_stack([owners, corners, sides]), axis=0, return_index=True)
    return np.setdiff1d(np.arange(len(owners)), first)


def _coco(layout: Layout, numbers: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Return a COCO document with images sorted by name and annotations sorted by image id."""
    ids = rng.permutation(len(numbers))
    columns = (layout.widths.tolist(), layout.heights.tolist(), ids.tolist(), numbers.tolist())
    images = [
        {"file_name": f"{number:07d}.jpg", "height": height, "width": width, "id": identifier}
        for width, height, identifier, number in zip(*columns, strict=True)
    ]
    order = np.argsort(ids[layout.owners], kind="stable")
    boxes = layout.boxes[order]
    # In the real data, `area` is the area of the outline, not of the box.
    areas = np.floor(boxes[:, 2] * boxes[:, 3] * 0.7)
    rows = (ids[layout.owners][order].tolist(), layout.categories[order].tolist(), boxes.tolist(), areas.tolist())
    annotations = [
        coco_annotation(id=identifier, image_id=image, category_id=category, bbox=box, area=area)
        for identifier, (image, category, box, area) in enumerate(zip(*rows, strict=True))
    ]
    return coco_document(sorted(images, key=lambda image: image["file_name"]), annotations)


def _write_images(
    folder: Path,
    images: list[dict],
    image_bytes: tuple[int, int],
    rng: np.random.Generator,
    progress: Callable[[int], object],
) -> None:
    folder.mkdir(parents=True)
    for image in images:
        with open(folder / image["file_name"], "wb", buffering=0) as file:
            file.write(_jpeg(image["file_name"], image["width"], image["height"], image_bytes, rng))
        progress(1)


def _jpeg(name: str, width: int, height: int, image_bytes: tuple[int, int], rng: np.random.Generator) -> bytes:
    """Return a grey JPEG of noise: the name and random filling in comments, then one random byte per 8 x 8 block.

    With the Huffman tables of `_jpeg_tables`, a block is the bit 0 (a step of the mean follows, six bits), those six
    bits, and the bit 0 (end of block). So no byte is 0xFF, nothing needs encoding, and any choice is a valid image.
    """
    rows, columns = -(-height // 8), -(-width // 8)
    scan = rng.integers(0, 256, (rows, columns + 2), dtype=np.uint8) & 0b0111_1110
    # Each row ends with a restart marker, so that the mean starts again and cannot run out of range.
    scan[:, -2] = 0xFF
    scan[:, -1] = 0xD0 + np.arange(rows) % 8
    scan[-1, -1] = 0xD9
    filling = name.encode() + rng.bytes(max(0, int(rng.integers(*image_bytes)) - scan.size - 200))
    comments = (filling[start : start + _LONGEST_COMMENT] for start in range(0, len(filling), _LONGEST_COMMENT))
    return (
        b"\xff\xd8" + b"".join(_segment(0xFE, part) for part in comments) + _jpeg_tables(width, height) + scan.tobytes()
    )


@functools.cache
def _jpeg_tables(width: int, height: int) -> bytes:
    one_code_of_one_bit = bytes([1] + [0] * 15)
    shape = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"".join(
        [
            _segment(0xDB, b"\0" + b"\1" * 64),
            _segment(0xC0, b"\x08" + shape + b"\x01\x01\x11\x00"),
            _segment(0xC4, b"\x00" + one_code_of_one_bit + b"\x06"),
            _segment(0xC4, b"\x10" + one_code_of_one_bit + b"\x00"),
            _segment(0xDD, (-(-width // 8)).to_bytes(2, "big")),
            _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
        ]
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a synthetic SARDet-100K of full size.")
    parser.add_argument("out", type=Path, help="folder to create")
    parser.add_argument(
        "--images", type=int, default=ALL_IMAGES, help=f"images over all splits (default: all {ALL_IMAGES:,})"
    )
    arguments = parser.parse_args()
    try:
        print(write_corpus(arguments.out, images=arguments.images))
    except (SARChatError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
