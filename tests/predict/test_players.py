"""Blind players see the training split and one question at a time, and are as good as one can be without the image."""

from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pytest
from built_fixture import sample_build
from structured import structured_corpus

from builders.core.schema import is_scored
from builders.corpus.info import DEFAULT, known_corpus
from builders.data.open_data import open_data
from builders.predict import players
from builders.predict.baseline import answer_split, learn, score_players
from builders.predict.players import KINDS, Asked, Example, Player
from sarchat_metric import BOX, SUB_SCORES, parse_boxes, score, score_record

INFO = known_corpus(DEFAULT)
COLUMNS = ("id", "task", "scenario", "messages", "width", "height", "file_name", "image_id", "objects")


def asked(row: dict) -> Asked:
    return Asked(row["task"], row["messages"][0]["content"], row["width"], row["height"])


@pytest.fixture(scope="module")
def sample():
    return open_data(str(sample_build()))


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_depends_on_nothing_but_the_question(sample, kind):
    answers = dict(answer_split(sample, kind, "all", "test"))
    rows = [row for task in sample.tasks for row in sample.rows(task, "test", columns=COLUMNS) if row["id"] in answers]
    random.Random(0).shuffle(rows)
    (player,) = learn(sample, [kind]).values()
    assert {row["id"]: player.answer(asked(row)) for row in rows} == answers
    # And asked alone, by a player that has seen no other question.
    (fresh,) = learn(sample, [kind]).values()
    assert fresh.answer(asked(rows[0])) == answers[rows[0]["id"]]


def test_only_the_training_split_is_learned_from(sample):
    alone = open_data(str(sample_build(splits=("train",))))
    rows = [asked(row) for task in sample.tasks for row in sample.rows(task, "test", columns=COLUMNS)]
    for kind in KINDS:
        (player,), (other,) = learn(sample, [kind]).values(), learn(alone, [kind]).values()
        assert [player.answer(row) for row in rows] == [other.answer(row) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_can_be_read(sample, kind):
    rows = [row for task in sample.tasks for row in sample.rows(task, "test", columns=COLUMNS) if task in SUB_SCORES]
    (player,) = learn(sample, [kind]).values()
    assert all(score_record(player.answer(asked(row)), row).parsed for row in rows)


def test_majority_gives_one_answer_to_all_questions_of_a_task(sample):
    (player,) = learn(sample, ["majority"]).values()
    for task in set(sample.tasks) & {"classification", "description"}:
        assert len({player.answer(asked(row)) for row in sample.rows(task, "test", columns=COLUMNS)}) == 1


def test_question_knows_size_shape_and_place_of_a_box_in_the_question(sample):
    gold = list(sample.rows("identification", "test", columns=COLUMNS))
    answers = dict(answer_split(sample, "question", "identification", "test"))
    found = score([answers[row["id"]] for row in gold], gold)
    for name in ("single/size", "single/shape", "single/cell", "multi/size", "multi/direction", "multi/proximity"):
        assert found[f"identification/{name}"] >= 95


def example(question: str, boxes: list) -> Example:
    array = np.array(boxes)
    text = "".join("{{<{:.0f}><{:.0f}><{:.0f}><{:.0f}>}}".format(*(100 * edge for edge in box)) for box in boxes)
    labels = np.zeros(len(boxes), dtype=int)
    return Example(Asked("referring", question, 100, 100), "multi", text, array, labels)


def test_a_question_that_gives_the_number_away_is_used():
    one, two = [(0.1, 0.1, 0.5, 0.5)], [(0.6, 0.0, 1.0, 0.4), (0.5, 0.6, 0.9, 1.0)]
    plural = [example("Find the ship.", one), example("Find the ships.", two)] * 20
    stated = [example("Find 1 ship.", one), example("Find 2 ship.", two)] * 20
    for examples in (plural, stated):
        player, prior = Player("question", examples, INFO), Player("prior", examples, INFO)
        texts = [player.answer(own.asked) for own in examples[:2]]
        assert [len(parse_boxes(text)) for text in texts] == [1, 2]
        assert prior.answer(examples[0].asked) == prior.answer(examples[1].asked)
    told_nothing = [example("Find every ship.", boxes) for boxes in (one, two)] * 20
    player = Player("question", told_nothing, INFO)
    assert len({player.answer(own.asked) for own in told_nothing}) == 1


def test_a_task_without_a_guess_of_its_own_gets_the_training_answer_that_fits_the_others(monkeypatch):
    monkeypatch.delitem(players._GUESSES, "counting")
    answers = ["3 {<1><1><5><5>}"] * 7 + ["4 {<1><1><5><5>}"] * 3
    examples = [
        Example(Asked("counting", f"Ask {number}.", 9, 9), "single", answer, np.zeros((1, 4)), np.zeros(1, dtype=int))
        for number, answer in enumerate(answers)
    ]
    assert {Player(kind, examples, INFO).answer(examples[-1].asked) for kind in KINDS} == {answers[0]}


class Stronger:
    """Reads everything of a record but its pixels, one question at a time: also file name, number and wording.

    It gives the answers of the most similar training records: of those, the one that fits the others best. How many,
    and what counts as similar, is chosen by the score on the test split itself, which no honest player can do.
    """

    WEIGHTS = ((1.0, 1.0, 0.0, 0.0), (1.0, 1.0, 0.3, 0.3), (3.0, 1.0, 0.0, 0.0), (1.0, 3.0, 0.0, 0.3))
    COUNTS = (5, 15)

    def __init__(self, rows: list[dict]) -> None:
        self.rows = rows
        self.named = [self.names(row) for row in rows]
        self.words = sorted({word for row in rows for word in self.split(row)})
        self.parts = [np.array([part(row) for row in rows]) for part in self.features()]

    @staticmethod
    def split(row: dict) -> set[str]:
        return set(re.findall(r"[a-z]+|\d+", BOX.sub("", row["messages"][0]["content"]).lower()))

    def features(self):
        yield self.boxes
        yield lambda row: [np.log(row["width"]), np.log(row["height"])]
        yield lambda row: [word in self.split(row) for word in self.words]
        yield lambda row: [int(re.sub(r"\D", "", row["file_name"])[-7:]) / 1e3]

    @staticmethod
    def names(row: dict) -> frozenset[str]:
        return frozenset(name for name in INFO.names if re.search(rf"\b{name}", row["messages"][0]["content"]))

    @staticmethod
    def boxes(row: dict) -> list[float]:
        # Zeros where a question has fewer boxes.
        found = []
        for x1, y1, x2, y2 in parse_boxes(row["messages"][0]["content"])[:2]:
            w, h = max(x2 - x1, 0.5), max(y2 - y1, 0.5)
            found += [np.log(w), np.log(h), np.log(w / h), (x1 + x2) / row["width"], (y1 + y2) / row["height"]]
        return [len(found) * 10.0, *found, *[0.0] * (10 - len(found))]

    def answers(self, row: dict, weights: tuple, count: int) -> str:
        distance = sum(
            weight * np.abs(part - np.array(feature(row), dtype=float)).sum(axis=1)
            for weight, part, feature in zip(weights, self.parts, self.features(), strict=True)
        )
        named = self.names(row)
        alike = (index for index in np.argsort(distance, kind="stable") if self.named[index] == named)
        nearest = [self.rows[index] for index in itertools.islice(alike, count)]
        texts = {self.fitted(other, row): None for other in nearest}
        golds = [{**row, "answer": self.fitted(other, row), "scenario": other["scenario"]} for other in nearest]
        for gold in golds:
            del gold["messages"]
        return max(texts, key=lambda text: sum(sum(score_record(text, gold).accuracies.values()) for gold in golds))

    @staticmethod
    def fitted(other: dict, row: dict) -> str:
        x, y = row["width"] / other["width"], row["height"] / other["height"]
        scale = (x, y, x, y)
        return BOX.sub(
            lambda box: "{{<{:.1f}><{:.1f}><{:.1f}><{:.1f}>}}".format(
                *(float(edge) * by for edge, by in zip(box.groups()[:4], scale, strict=True))
            ),
            other["messages"][1]["content"],
        )


@pytest.mark.slow
def test_a_stronger_blind_player_is_at_most_three_points_better(tmp_path):
    check_stronger(open_data(str(structured_corpus(tmp_path, 500, 150))))


def check_stronger(data, most: int = 60) -> dict[str, tuple[float, float]]:
    """Compare the stronger player with the best kind, by task; return both scores."""
    found = {}
    for task in filter(is_scored, data.tasks):
        keep = data.subset((task,), "test", most)
        rows = list(data.rows(task, "test", keep, columns=COLUMNS))
        learned = list(data.rows(task, "train", data.subset((task,), "train", 800), columns=COLUMNS))
        stronger = Stronger(learned)
        best = max(
            score([stronger.answers(row, weights, count) for row in rows], rows)[task]
            for weights in Stronger.WEIGHTS
            for count in Stronger.COUNTS
        )
        own = max(score([player.answer(asked(row)) for row in rows], rows)[task] for player in learn(data).values())
        found[task] = own, best
    assert all(best <= own + 3 for own, best in found.values()), found
    return found


def test_all_kinds_are_scored_on_the_same_records(sample):
    found = score_players(sample, ["test"])["test"]
    assert set(found) == set(KINDS)
    assert len({tuple(averages["sample"].sizes.items()) for averages in found.values()}) == 1


def test_oriented_boxes_in_a_question_have_the_size_of_their_corners_and_an_orientation():
    questions = [f"What is in {box}?" for box in ("{<10><10><40><20>}", "{<30><10><36><15><16><39><10><34>}")]
    examples = [
        Example(Asked("identification", question, 99, 99), "single", "A ship.", np.zeros((1, 4)), np.zeros(1, int))
        for question in questions
    ]
    player = Player("question", examples, INFO)
    assert [player.answer(example.asked) for example in examples] == [
        "This is a small ship, wide in shape, in the top left.",
        "This is a very small ship, elongated in shape, in the top left. Its long axis is rising diagonally.",
    ]
