"""A corpus in which size, place and image tell something of the category, but not everything; its images are black."""

from __future__ import annotations

import random
from pathlib import Path

from corpora import Picture, write_corpus

# By category: the side's median in pixels, width / height, and the middle of its places (shares of the image).
LOOKS = {
    "ship": (30, 1.6, (0.5, 0.5)),
    "aircraft": (45, 1.0, (0.4, 0.6)),
    "car": (14, 1.3, (0.5, 0.7)),
    "tank": (24, 1.0, (0.6, 0.4)),
    "bridge": (90, 2.5, (0.5, 0.4)),
    "harbor": (150, 1.2, (0.3, 0.5)),
}


def structured_corpus(folder: Path, train: int, test: int, seed: int = 0) -> Path:
    """Write a corpus with so many images."""
    rng = random.Random(seed)
    pictures: dict[str, list[Picture]] = {"train": [], "val": [], "test": []}
    for number in range(train + test):
        main = rng.choices([*LOOKS], weights=[45, 20, 5, 12, 13, 5])[0]
        side = rng.choice([256, 512, 512] if main in ("ship", "bridge") else [512, 800])
        boxes = []
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 5])):
            name = main if rng.random() < 0.85 else rng.choice([*LOOKS])
            median, ratio, (x, y) = LOOKS[name]
            width = min(median * rng.lognormvariate(0, 0.4) * ratio**0.5, side - 2)
            height = min(median * rng.lognormvariate(0, 0.4) / ratio**0.5, side - 2)
            left = min(max(rng.gauss(x, 0.15) * side - width / 2, 0), side - width)
            top = min(max(rng.gauss(y, 0.15) * side - height / 2, 0), side - height)
            boxes.append((name, round(left, 1), round(top, 1), round(width, 1), round(height, 1)))
        split = "train" if number < train else "test"
        pictures[split].append(Picture(f"{number:07d}.png", side, side, boxes))
    return write_corpus(folder, pictures)
