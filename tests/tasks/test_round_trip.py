"""What the builders write, the metric reads back exactly: every wording, category, cell, size, shape and direction."""

import random
from itertools import product

import pytest
from oracle import NAMES

from builders.core.schema import IDENTIFICATIONS
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.description import records as describe
from builders.tasks.geometry import (
    area_share,
    cell,
    description_size,
    direction,
    identification_size,
    is_near,
    offset,
    shape,
)
from builders.tasks.phrases import box_text
from builders.tasks.registry import generate_records
from builders.tasks.templating import Chooser, templates_for
from sarchat_metric import TASKS, parse_boxes, read_answer, score

SIDE = 600


class Every:
    """In place of the keyed hash: goes through all options of each slot, one after the other."""

    info, identifications = known_corpus(DEFAULT), IDENTIFICATIONS

    def __init__(self):
        self.seen = {}

    def choose(self, record_id, slot, options, wording=0):
        number = self.seen[slot] = self.seen.get(slot, -1) + 1
        return options[number % len(options)]


def random_image(seed, most=5):
    rng = random.Random(seed)
    targets = []
    for _ in range(rng.randint(1, most)):
        width, height = (rng.choice([4, 30, 90, 200, 400, 590]) for _ in range(2))
        x, y = rng.uniform(0, SIDE - width), rng.uniform(0, SIDE - height)
        targets.append(Target(rng.randrange(6), (x, y, x + width, y + height), True))
    return AnnotatedImage(seed, f"{seed:07}.jpg", SIDE, SIDE, tuple(targets))


def pixels(target):
    return tuple(map(float, parse_boxes(box_text(target.box, SIDE, SIDE))[0]))


def lay(target):
    return NAMES[target.category], cell(target.box, SIDE, SIDE)


@pytest.fixture(scope="module")
def records():
    """Some 15,000 records in which every template of every task is used."""
    chooser = Every()
    return [
        (image, record)
        for image in map(random_image, range(300))
        for task in TASKS
        for record in generate_records(task, "train", image, chooser)
    ]


def of_task(records, task):
    return [(image, record) for image, record in records if record.id.startswith(f"{task}/")]


def test_classification_reads_the_categories(records):
    for _, record in of_task(records, "classification"):
        expected = {NAMES[target.category] for target in record.targets}
        assert set(read_answer(record.answer, "classification")["categories"]) == expected, record.answer


def test_description_reads_category_and_cell_of_every_target(records):
    for _, record in of_task(records, "description"):
        read = read_answer(record.answer, "description")["phrases"]
        assert sorted(read) == sorted(map(lay, record.targets)), record.answer


def test_counting_reads_number_and_boxes(records):
    for _, record in of_task(records, "counting"):
        read = read_answer(record.answer, "counting")
        assert (read["count"], read["boxes"]) == (len(record.targets), [*map(pixels, record.targets)]), record.answer


def test_grounding_reads_phrases_boxes_and_their_categories(records):
    for _, record in of_task(records, "grounding"):
        read = read_answer(record.answer, "grounding")
        assert sorted(read["phrases"]) == sorted(map(lay, record.targets)), record.answer
        labelled = [(NAMES[target.category], pixels(target)) for target in record.targets]
        assert [*zip(read["labels"], read["boxes"], strict=True)] == labelled, record.answer


def test_identification_reads_the_asked_target_first(records):
    for image, record in of_task(records, "identification"):
        asked, *others = record.targets
        read = read_answer(record.answer, "identification")
        expected = {
            "category": NAMES[asked.category],
            "size": identification_size(area_share(asked.box, SIDE, SIDE)),
        }
        if others:
            right, down = offset(asked.box, others[0].box)
            expected["direction"] = direction(right, down)
            expected["proximity"] = "near" if is_near(right, down, image.width, image.height) else "far"
        else:
            expected |= {"shape": shape(asked.box), "cell": lay(asked)[1]}
        assert {key: read[key] for key in expected} == expected, record.answer
        assert read["cell"] is None or not others, record.answer


def test_referring_reads_boxes_and_cells(records):
    for _, record in of_task(records, "referring"):
        read = read_answer(record.answer, "referring")
        assert read["boxes"] == [*map(pixels, record.targets)], record.answer
        assert read["cells"] == [lay(target)[1] for target in record.targets], record.answer


def test_gold_scores_100_against_itself_everywhere(records):
    references = [
        {
            "task": record.id.partition("/")[0],
            "scenario": "single" if len(image.targets) == 1 else "multi",
            "answer": record.answer,
        }
        for image, record in records
    ]
    result = score([reference["answer"] for reference in references], references)
    others = {key: value for key, value in result.items() if isinstance(value, float) and value != 100}
    assert others == {"presence/yes": 50}
    assert sum(result["unparsed"].values()) == 0


def test_concentric_targets_have_no_direction_and_are_near():
    box, around = (200.0, 200.0, 260.0, 260.0), (180.0, 180.0, 280.0, 280.0)
    image = AnnotatedImage(1, "0000001.jpg", SIDE, SIDE, (Target(0, box, True), Target(4, around, True)))
    for seed in range(50):
        *_, pair = generate_records("identification", "train", image, Chooser(seed, known_corpus(DEFAULT)))
        read = read_answer(pair.answer, "identification")
        assert (read["category"], read["direction"], read["proximity"]) == ("bridge", None, "near"), pair.answer


def test_every_phrase_of_description_reads_back_with_every_category_cell_and_size():
    sizes = {"small": 60, "medium": 180, "large": 400}
    phrases = templates_for("description", known_corpus(DEFAULT))["phrases"]
    for (size, side), category, phrase in product(sizes.items(), range(6), phrases):
        for x, y in product((0, (SIDE - side) / 2, SIDE - side), repeat=2):
            target = Target(category, (x, y, x + side, y + side), True)
            image = AnnotatedImage(1, "0000001.jpg", SIDE, SIDE, (target,))

            class Only:
                info = known_corpus(DEFAULT)
                next_id = staticmethod(lambda: "description/train/0000001/0")
                choose = staticmethod(lambda slot, options, phrase=phrase: phrase if "phrase" in slot else options[0])

            [record] = describe(image, Only())
            assert size == description_size(area_share(target.box, SIDE, SIDE)) and f" {size} " in record.answer
            assert read_answer(record.answer, "description")["phrases"] == [lay(target)], record.answer
