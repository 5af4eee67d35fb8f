"""Wrong answers to score: records of crowded synthetic images, and answers that differ from the gold in most things."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from typing import Any

from builders.core.polygons import canonical, turn
from builders.core.schema import scenario
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.registry import generate_records
from builders.tasks.templating import Chooser
from sarchat_metric import AVERAGED

# Most images have few targets, some have twelve: 20 records per image, as in SARDet-100K.
_NUMBERS = range(1, 13)
_WEIGHTS = [number**-1.7 for number in _NUMBERS]
_SIDE = 512
CATEGORIES = known_corpus(DEFAULT).names
_BOX = re.compile(r"\{(?:<-?\d+>)+\}")
_NUMBER = re.compile(r"-?\d+")
_CATEGORY = re.compile(rf"\b({'|'.join(CATEGORIES)})")


def wrong_answers(images: int, *, oriented: bool = False) -> tuple[list[str], list[dict[str, Any]]]:
    """Return answers and references of the six tasks for so many images with 1 to 12 targets; always the same.

    Every box is moved by up to 24 pixels in each direction, and every second category is another one. If `oriented`,
    the same boxes are turned by any angle before.
    """
    rng, angles, chooser = random.Random(0), random.Random(1), Chooser(0, known_corpus(DEFAULT))
    predictions, references = [], []
    for number in range(images):
        image = _image(number, rng)
        if oriented:
            image = image._replace(targets=tuple(_turn(target, angles) for target in image.targets))
        for task in AVERAGED:
            for record in generate_records(task, "test", image, chooser):
                predictions.append(_spoil(record.answer, rng))
                references.append(
                    {"task": task, "scenario": scenario(len(image.targets)), "answer": record.answer},
                )
    return predictions, references


def _image(number: int, rng: random.Random) -> AnnotatedImage:
    # As in SARDet-100K, almost all images have targets of one category.
    categories: Sequence[int] = [rng.randrange(len(CATEGORIES))] if rng.random() < 0.95 else range(len(CATEGORIES))
    targets = []
    for _ in range(rng.choices(_NUMBERS, _WEIGHTS)[0]):
        width, height = rng.randint(10, 160), rng.randint(10, 160)
        x, y = rng.randint(0, _SIDE - width), rng.randint(0, _SIDE - height)
        targets.append(Target(rng.choice(categories), (x, y, x + width, y + height), True))
    return AnnotatedImage(number, f"{number:07d}.jpg", _SIDE, _SIDE, tuple(targets))


def _turn(target: Target, rng: random.Random) -> Target:
    x1, y1, x2, y2 = target.box
    found = canonical(turn((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, rng.uniform(0, math.pi)))
    return target._replace(corners=found and found[0])


def _spoil(answer: str, rng: random.Random) -> str:
    def move(match: re.Match[str]) -> str:
        moves = rng.randint(-24, 24), rng.randint(-24, 24)
        numbers = (int(number) + moves[place % 2] for place, number in enumerate(_NUMBER.findall(match[0])))
        return f"{{{''.join(f'<{number}>' for number in numbers)}}}"

    def rename(match: re.Match[str]) -> str:
        return rng.choice(CATEGORIES) if rng.random() < 0.5 else match[0]

    return _CATEGORY.sub(rename, _BOX.sub(move, answer))
