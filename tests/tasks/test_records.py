"""Every record agrees with an independent reading of the COCO files, on random and awkward annotations."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from corpora import Picture, live_records, plain_pictures, random_corpus, write_corpus
from oracle import TASKS, check_record, directions, expected_keys, key_of, nouns, read_split
from support import slow

from builders.core.schema import SPLITS
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.registry import generate_records
from builders.tasks.templating import Chooser, load_templates

PLACES = ((0.0, 0.0), (100.0, 0.0), (0.0, 100.0), (150.0, 150.0))
CHOOSER = Chooser(0, known_corpus(DEFAULT))


def check_corpus(corpus: Path, seed: int = 0) -> list[dict]:
    """Check each record, that none is missing, and that none is there twice; return them all."""
    found = []
    for split, file in SPLITS.items():
        views = read_split(corpus, file)
        for task in TASKS:
            of_task = live_records(corpus, split, [task], seed)
            for record in of_task:
                assert record["task"] == task
                check_record(record, views[record["image_id"]], split)
            assert Counter(map(key_of, of_task)) == expected_keys(views, task)
            found += of_task
    ids = Counter(record["id"] for record in found)
    assert not [record_id for record_id, times in ids.items() if times > 1]
    return found


@pytest.mark.parametrize("seed", [0, *slow(*range(1, 20))])
def test_records_agree_with_the_annotations(tmp_path, seed):
    assert check_corpus(random_corpus(tmp_path, seed), seed)


def test_records_agree_with_the_true_annotations(real_corpus):
    found = Counter((record["task"], record["id"].split("/")[1]) for record in check_corpus(real_corpus))
    counts = {task: tuple(found[task, split] for split in SPLITS) for task in TASKS}
    by_image = dict.fromkeys(("classification", "grounding", "counting", "referring"), (30, 10, 9))
    assert counts == {**by_image, "identification": (146, 38, 56), "description": (19, 5, 7), "presence": (56, 18, 18)}


def one_image(folder: Path, boxes: list[tuple], width: int = 300, height: int = 300) -> list[dict]:
    corpus = write_corpus(folder, {"train": [Picture("0000001.png", width, height, boxes)]})
    views = read_split(corpus, "train")
    found = live_records(corpus, "train")
    for record in found:
        check_record(record, views[record["image_id"]], "train")
    return found


def answers(found: list[dict], task: str) -> list[str]:
    return [record["messages"][1]["content"] for record in found if record["task"] == task]


def test_counting_answer_reads_exactly_so(tmp_path):
    found = one_image(tmp_path, [("ship", 1, 2, 3, 4), ("ship", 10.4, 10.6, 20, 20), ("car", 5, 6, 7, 8)])
    assert sorted(answers(found, "counting")) == [
        "There are 2 instances. {<1><2><4><6>}{<10><11><30><31>}",
        "There is 1 instance. {<5><6><12><14>}",
    ]


def test_referring_answer_reads_exactly_so(tmp_path):
    found = one_image(tmp_path, [("ship", 10, 10, 30, 40), ("ship", 140, 130, 20, 20)])
    assert answers(found, "referring") == ["{<10><10><40><50>} (top left){<140><130><160><150>} (middle center)"]


@pytest.mark.parametrize(
    ("across", "down", "direction"),
    [
        (-90, 0, "to the left of"),
        (-90, -90, "to the upper left of"),
        (0, -90, "above"),
        (90, -90, "to the upper right of"),
        (90, 0, "to the right of"),
        (90, 90, "to the lower right of"),
        (0, 90, "below"),
        (-90, 90, "to the lower left of"),
        (-90, -36, "to the left of"),
        (-90, -38, "to the upper left of"),
        (36, 90, "below"),
        (38, 90, "to the lower right of"),
    ],
)
def test_direction_is_that_of_the_asked_target_from_the_other(tmp_path, across, down, direction):
    found = one_image(tmp_path, [("bridge", 140, 140, 20, 20), ("ship", 140 + across, 140 + down, 20, 20)])
    (answer,) = (text for text in answers(found, "identification") if nouns(text) == ["ship", "bridge"])
    assert f"{direction} the bridge" in answer or (f"{direction} it" in answer and "the bridge" in answer)


def test_targets_in_one_place_have_no_direction(tmp_path):
    boxes = [(name, 202.32, 219.56, 51.03, 17.72) for name in ("ship", "harbor")]
    found = one_image(tmp_path, [*boxes, ("car", 40, 40, 80, 20), ("tank", 50, 30, 60, 40)])
    pairs = (["ship", "harbor"], ["car", "tank"])
    together = [text for text in answers(found, "identification") if nouns(text) in pairs]
    assert len(together) == 2
    assert not any(directions(text) for text in together)


@pytest.mark.parametrize(("step", "proximity"), [((30, 40), "far from"), ((30, 39), "near"), ((0, 50), "far from")])
def test_near_ends_below_an_eighth_of_width_plus_height(tmp_path, step, proximity):
    boxes = [("bridge", 100, 100, 20, 20), ("ship", 100 + step[0], 100 + step[1], 20, 20)]
    found = one_image(tmp_path, boxes, width=150, height=250)
    pairs = [text for text in answers(found, "identification") if len(nouns(text)) == 2]
    assert len(pairs) == 2
    assert all((f" {proximity} " in text) and (" near " in text) != (" far from " in text) for text in pairs)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((10, 10, 20, 14.9), "very small"),
        ((10, 10, 20, 15), "small"),
        ((10, 10, 20, 49.9), "small"),
        ((10, 10, 20, 50), "medium"),
        ((0, 0, 50, 49.9), "medium"),
        ((0, 0, 50, 50), "large"),
        ((0, 0, 50, 79.9), "large"),
        ((0, 0, 50, 80), "very large"),
    ],
)
def test_identified_size_changes_at_its_thresholds(tmp_path, box, size):
    (answer,) = answers(one_image(tmp_path, [("car", *box)], width=100, height=100), "identification")
    assert f" {size} car" in answer


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((0, 0, 80, 99.9), "small"),
        ((0, 0, 80, 100), "medium"),
        ((0, 0, 200, 240), "medium"),
        ((0, 0, 200, 240.1), "large"),
    ],
)
def test_described_size_changes_at_its_thresholds(tmp_path, box, size):
    (answer,) = answers(one_image(tmp_path, [("car", *box)], width=400, height=400), "description")
    assert f" {size} car" in answer


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ((0, 0, 60, 40), "approximately square"),
        ((0, 0, 61, 40), "wide"),
        ((0, 0, 67, 100), "approximately square"),
        ((0, 0, 66.9, 100), "tall"),
        ((-60, 0, 100, 100), "tall"),
    ],
)
def test_shape_changes_at_its_thresholds_and_is_that_of_the_clipped_box(tmp_path, box, shape):
    (answer,) = answers(one_image(tmp_path, [("car", *box)]), "identification")
    assert [word for word in ("wide", "approximately square", "tall") if word in answer] == [shape]


@pytest.mark.parametrize(
    ("box", "described"),
    [
        ((10, 10, 30, 30), True),
        ((10, 10, 30, 29.9), False),
        ((0, 0, 300, 300), True),
        ((0, 100, 300, 30), True),
        ((0, 100, 300, 29), False),
        ((100, 0, 29, 300), False),
        ((-0.01, 10, 90, 90), False),
        ((10, 10, 290.01, 90), False),
        ((10, 250, 90, 50), True),
        ((10, 250, 90, 51), False),
    ],
)
def test_description_mentions_what_is_large_not_long_and_entirely_inside(tmp_path, box, described):
    assert bool(answers(one_image(tmp_path, [("car", *box)]), "description")) == described


@pytest.mark.parametrize(("size", "described"), [((224, 224), True), ((223, 400), False), ((400, 223), False)])
def test_description_is_for_images_of_224_pixels_each_way(tmp_path, size, described):
    found = one_image(tmp_path, [("car", 10, 10, 100, 100)], *size)
    assert bool(answers(found, "description")) == described


def test_box_that_lies_inside_is_kept_as_it_is_written(tmp_path):
    boxes = [(0.1, 0.7, 0.7, 12.3), (10.3, 20.7, 30.1, 40.2), (3.3, 4.4, 5.5, 6.6)]
    found = one_image(tmp_path, [("car", *box) for box in boxes])
    (record,) = (record for record in found if record["task"] == "classification")
    assert record["objects"]["bbox"] == [pytest.approx(box, abs=1e-9) for box in boxes]


def test_copy_of_a_box_that_is_left_out_stays(tmp_path):
    found = one_image(tmp_path, [("car", 10, 10, 20, 20, {"iscrowd": 1}), ("car", 10, 10, 20, 20)])
    assert answers(found, "counting") == ["There is 1 instance. {<10><10><30><30>}"]


def test_targets_come_in_the_order_of_annotation_ids(tmp_path):
    boxes = [("car", 10 * i, 10, 8, 8) for i in range(4)]
    corpus = write_corpus(tmp_path, {"train": [Picture("0000001.png", 64, 64, boxes)]})
    file = corpus / "Annotations" / "train.json"
    coco = json.loads(file.read_text())
    for annotation, annotation_id in zip(coco["annotations"], [10, 9, 2, 30], strict=True):
        annotation["id"] = annotation_id
    file.write_text(json.dumps(coco))
    (record,) = live_records(corpus, "train", ["referring"])
    assert [box[0] for box in record["objects"]["bbox"]] == [20, 10, 0, 30]


def test_image_without_a_target_gives_no_record(tmp_path):
    boxes = [("car", 10, 10, 0, 20), ("ship", 300, 10, 5, 5), ("car", 1, 1, 9, 9, {"ignore": 1})]
    assert one_image(tmp_path, boxes) == []


def test_ids_tell_images_of_the_same_name_in_two_folders_apart(tmp_path):
    names = ["0000001.jpg", "a/0000001.png", "b/0000001.png", "b/0000001/1.png", "v1.0/noext.png"]
    pictures = [Picture(name, 64, 64, [("car", 10, 10, 20, 20), ("ship", 30, 30, 9, 9)]) for name in names]
    check_corpus(write_corpus(tmp_path, dict.fromkeys(("train", "val", "test"), pictures)))


def test_annotations_without_crowd_and_ignore_are_targets(tmp_path):
    corpus = write_corpus(tmp_path, plain_pictures())
    before = live_records(corpus, "train")
    file = corpus / "Annotations" / "train.json"
    file.write_text(file.read_text().replace('"iscrowd": 0, ', "").replace('"ignore": 0, ', ""))
    assert "iscrowd" not in file.read_text() and "ignore" not in file.read_text()
    assert live_records(corpus, "train") == before


@pytest.mark.parametrize(("ships", "bridges"), [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_grounding_speaks_of_the_closest_pair_only_where_there_are_several(tmp_path, ships, bridges):
    boxes = [("ship", 20 + 40 * i, 20, 30, 30) for i in range(ships)]
    boxes += [("bridge", 20 + 40 * i, 200, 30, 20) for i in range(bridges)]
    images = [Picture(f"{i:07d}.png", 300, 300, boxes) for i in range(40)]
    corpus = write_corpus(tmp_path, {"train": images})
    found = [record["messages"][1]["content"] for record in live_records(corpus, "train", ["grounding"])]
    assert len(found) == len(images)
    assert {"closest" in answer for answer in found} == {(ships, bridges) != (1, 1)}


def test_wording_depends_on_the_record_alone(tmp_path):
    """Neither the other images nor the other splits of a corpus reach a record."""
    pictures = plain_pictures()
    whole = write_corpus(tmp_path / "whole", pictures)
    alone = write_corpus(tmp_path / "alone", {"train": pictures["train"][1:2]})
    expected = {record["id"]: record["messages"] for record in live_records(whole, "train")}
    found = live_records(alone, "train")
    assert found and all(record["messages"] == expected[record["id"]] for record in found)


@pytest.fixture(scope="module")
def many_images(tmp_path_factory):
    boxes = [("ship", 30, 30, 100, 100), ("car", 150, 150, 100, 90)]
    pictures = [Picture(f"{i:07d}.bmp", 256, 256, boxes) for i in range(200)]
    return write_corpus(tmp_path_factory.mktemp("many"), {"train": pictures})


@pytest.mark.parametrize("task", TASKS)
def test_wordings_vary_and_all_are_used(many_images, task):
    questions = {record["messages"][0]["content"] for record in live_records(many_images, "train", [task])}
    templates = load_templates(task)
    wordings = templates.get("questions") or templates["target"]["questions"] + templates["pair"]["questions"]
    assert len(questions) >= len(wordings)


@pytest.mark.parametrize("task", [task for task in TASKS if task not in ("identification", "presence")])
def test_a_question_does_not_depend_on_the_number_of_targets(task):
    targets = [Target(category, (x, y, x + 90.0, y + 80.0), True) for category in (2, 4) for x, y in PLACES]
    for name in map("{}.png".format, range(100)):
        asked = set()
        for count in range(1, len(PLACES) + 1):
            kept = tuple(target for target in targets if PLACES.index(target.box[:2]) < count)
            image = AnnotatedImage(1, name, 300, 300, kept)
            asked.add(tuple(record.question for record in generate_records(task, "test", image, CHOOSER)))
        assert len(asked) == 1
