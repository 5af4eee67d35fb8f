"""What conversations say of oriented targets, against angles and corners that are known beforehand."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from builders.core.polygons import bounds, canonical, to_points
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.phrases import target_text
from builders.tasks.registry import generate_records
from builders.tasks.templating import Chooser

INFO = replace(known_corpus(DEFAULT), boxes="oriented")
SIDE = 400
CORNERS = re.compile(r"\{((?:<-?\d+>){8})\}")


def turned(cx, cy, w, h, degrees):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    around = [(-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)]
    return tuple(number for x, y in around for number in (cx + x * cos - y * sin, cy + x * sin + y * cos))


def target(*rectangle, category=0):
    corners = canonical(turned(*rectangle))[0]
    return Target(category, bounds(to_points(corners)), True, corners)


def records(task, *targets):
    image = AnnotatedImage(1, "1.png", SIDE, SIDE, targets)
    return list(generate_records(task, "test", image, Chooser(0, INFO)))


def numbers_in(text):
    return [tuple(map(int, re.findall(r"-?\d+", found))) for found in CORNERS.findall(text)]


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        *((0, "horizontal"), (22, "horizontal"), (-22, "horizontal"), (180, "horizontal")),
        *(
            (23, "falling diagonally"),
            (45, "falling diagonally"),
            (67, "falling diagonally"),
            (225, "falling diagonally"),
        ),
        *((68, "vertical"), (90, "vertical"), (112, "vertical"), (270, "vertical")),
        *((113, "rising diagonally"), (135, "rising diagonally"), (-45, "rising diagonally")),
    ],
)
@pytest.mark.parametrize("ratio", [1.2, 1.49, 1.51, 6])
def test_a_long_target_is_said_to_have_the_orientation_that_it_has(degrees, expected, ratio):
    (record,) = records("identification", target(200, 200, 20 * ratio, 20, degrees))
    words = re.findall(r"horizontal|vertical|(?:rising|falling) diagonally", record.answer)
    assert words == ([expected] if ratio > 1.5 else [])
    shape = {"horizontal": "wide", "vertical": "tall"}.get(expected, "elongated") if ratio > 1.5 else "square"
    assert re.findall(r"wide|tall|elongated|square", record.answer) == [shape]


@given(st.floats(30, 60), st.floats(20, 29), st.floats(-90, 90))
def test_size_is_that_of_the_corners_and_not_of_the_upright_box(length, breadth, degrees):
    share = length * breadth / 16000
    assume(min(abs(share - limit) for limit in (0.03, 0.10)) > 1e-6)
    image = AnnotatedImage(1, "1.png", 160, 100, (target(80, 50, length, breadth, degrees),))
    (record,) = generate_records("identification", "test", image, Chooser(0, INFO))
    size = "very small" if share < 0.03 else "small" if share < 0.1 else "medium"
    assert re.findall(r"very small|small|medium|large", record.answer) == [size]


def test_every_task_with_boxes_writes_the_same_eight_numbers():
    targets = [target(100, 120, 90, 20, 30), target(280, 90, 60, 30, -70), target(200, 300, 80, 24, 0, category=3)]
    expected = [tuple(map(round, one.corners)) for one in targets]
    for task in ("grounding", "referring", "counting"):
        answers = "".join(record.answer for record in records(task, *targets))
        assert sorted(numbers_in(answers)) == sorted(expected) and answers.count("{") == 3
    questions = [numbers_in(record.question) for record in records("identification", *targets)]
    pairs = [[one, other] for one in expected for other in expected if one != other]
    assert questions == [[one] for one in expected] + pairs


@given(st.tuples(*[st.floats(-20, 120)] * 8))
def test_the_text_has_an_area_and_starts_at_the_top(corners):
    found = canonical(corners)
    assume(found)
    box = bounds([(min(max(x, 0), 100), min(max(y, 0), 100)) for x, y in to_points(found[0])])
    assume(box[0] < box[2] and box[1] < box[3])
    (numbers,) = numbers_in(target_text(Target(0, box, True, found[0]), 100, 100))
    again = canonical(tuple(map(float, numbers)))
    assert again and numbers[1] == min(numbers[1::2])
    assert numbers[0] == min(x for x, y in zip(numbers[::2], numbers[1::2], strict=True) if y == numbers[1])
    # What encloses nothing in whole pixels is written as its upright box.
    if canonical(tuple(map(float, map(round, found[0])))):
        assert max(map(abs, (a - b for a, b in zip(sorted(numbers), sorted(found[0]), strict=True)))) <= 0.5
