"""Dialogues: their turns are records of the six tasks, and no turn gives away the boxes of another."""

from __future__ import annotations

import random
import runpy
from collections import Counter

import pytest
from support import ROOT, slow

from builders.core.schema import IN_ALL
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.registry import count_records, generate_records
from builders.tasks.templating import Chooser
from sarchat_metric import BOX

INFO = known_corpus(DEFAULT)
given_away = runpy.run_path(str(ROOT / "benchmarks" / "dialogue.py"))["given_away"]
TAGS = {"[count]": "counting", "[refer]": "referring", "[grounding]": "grounding", "[identify]": "identification"}


def image_of(seed: int, most: int = 9) -> AnnotatedImage:
    rng = random.Random(seed)
    targets = []
    for _ in range(rng.randint(1, most)):
        x, y, side = rng.uniform(0, 400), rng.uniform(0, 400), rng.uniform(8, 100)
        targets.append(Target(rng.randrange(rng.choice((1, 2, 6))), (x, y, x + side, y + side), True, None))
    return AnnotatedImage(seed, f"{seed:06}.png", 512, 512, tuple(targets))


def turns_of(image: AnnotatedImage, chooser: Chooser) -> list[tuple[str, str]]:
    (record,) = generate_records("dialogue", "train", image, chooser)
    assert record.id == f"dialogue/train/{image.image_id:06}/0" and record.targets == image.targets
    return [(record.question, record.answer), *record.further]


def task_of(question: str) -> str:
    return TAGS.get(question.partition(" ")[0], "untagged")


@pytest.mark.parametrize("seed", [0, *slow(1, 2, 3)])
def test_each_turn_is_a_record_of_a_task_word_for_word(seed):
    chooser = Chooser(seed, INFO)
    for number in range(150):
        image = image_of(1000 * seed + number)
        known = {
            (record.question, record.answer): record.id
            for task in IN_ALL
            for record in generate_records(task, "train", image, chooser)
        }
        turns = turns_of(image, chooser)
        # Two targets may be described in the same words; then their boxes are equal in whole pixels.
        assert [turn for turn in turns if turn not in known] == []
        assert known[turns[0]].partition("/")[0] in ("classification", "identification")


def test_no_box_is_in_two_turns():
    for number in range(400):
        image = image_of(number)
        # Boxes that are equal in whole pixels cannot be distinguished in the text.
        if len({tuple(map(round, target.box)) for target in image.targets}) < len(image.targets):
            continue
        boxes = Counter(
            box for question, answer in turns_of(image, Chooser(0, INFO)) for box in set(BOX.findall(question + answer))
        )
        assert set(boxes.values()) <= {1}


def test_each_kind_of_turn_has_an_equal_share_of_the_categories():
    shares: Counter[str] = Counter()
    for number in range(2000):
        image = image_of(number, most=3)
        kinds = Counter(task_of(question) for question, _ in turns_of(image, Chooser(0, INFO)))
        shares.update({kind: kinds[kind] for kind in ("counting", "referring")})
        for kind in ("grounding", "identification"):
            shares[kind] += len(image.by_category()) * bool(kinds[kind])
    total = sum(shares.values())
    assert total == sum(len(image_of(number, most=3).by_category()) for number in range(2000))
    assert all(abs(share / total - 1 / 4) < 0.03 for share in shares.values())


def test_a_reader_of_the_earlier_turns_alone_scores_little_more_than_one_of_the_question_alone():
    images = (image_of(number, most=3) for number in range(400))
    # As in most corpora, an image has targets of one category.
    images = (
        image._replace(targets=tuple(target._replace(category=number % 6) for target in image.targets))
        for number, image in enumerate(images)
    )
    scores = given_away(turns_of(image, Chooser(0, INFO)) for image in images)
    gained = {key: earlier - alone for key, _, earlier, alone in scores}
    # Two of three targets may be in one turn, and the third is of the same category.
    assert all(gained[f"identification/{scenario}/accuracy"] < 40 for scenario in ("single", "multi"))
    # A description may tell how many there are.
    assert gained["counting/count"] < 40
    assert {value for key, value in gained.items() if "iou" in key} == {0.0}


@pytest.mark.parametrize("most", [0, 1, 3, 8])
def test_identifications_are_as_many_as_asked_for(most):
    found = []
    for number in range(200):
        image = image_of(number, most=20)
        turns = turns_of(image, Chooser(0, INFO, most))
        found.append(sum(task_of(question) == "identification" for question, _ in turns))
    assert max(found) == most


def test_an_image_without_targets_has_none():
    image = AnnotatedImage(1, "a.png", 512, 512, ())
    assert count_records("dialogue", image) == 0
    assert list(generate_records("dialogue", "train", image, Chooser(0, INFO))) == []
