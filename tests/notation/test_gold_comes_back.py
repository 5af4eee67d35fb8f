"""Gold answers in every notation, written by `family_writers`, come back and score 100 within the unit's rounding."""

import pytest
from built_fixture import sample_build
from family_writers import INPUT_SIZE, RESIZED, UPRIGHT, WRITERS, rewrite
from hypothesis import given
from hypothesis import strategies as st
from support import slow

from builders.data.reader import open_build
from builders.notation.formats import InputSize, get_format
from builders.notation.render import render_text
from builders.notation.translate import translate
from sarchat_metric import parse_boxes, read_answer, score

CASES = [(name, writer) for name, (writers, _) in WRITERS.items() for writer in writers]
# Formats of whole percents: 20 pixels in an image of 800 are 2.5 of them, so that a few small boxes are lost.
COARSE = ("minigpt-v2", "geochat", "earthdial")
COLUMNS = ["id", "task", "scenario", "messages", "width", "height", "objects"]


def size_for(name):
    return InputSize(*INPUT_SIZE) if name in RESIZED else None


@pytest.fixture(scope="module", params=["test", *slow("train")])
def records(request):
    batches = open_build(sample_build()).batches("all", request.param, COLUMNS)
    return [row for batch in batches for row in batch.to_pylist()]


def test_every_format_has_a_writer():
    assert set(WRITERS) == set(UPRIGHT) - {"sarchat"}


def read_back(name, text, row):
    return translate(text, get_format(name), row["width"], row["height"], size_for(name))


@pytest.mark.parametrize(("name", "writer"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_gold_answers_come_back(name, writer, records):
    answers = []
    for row in records:
        gold = row["messages"][-1]["content"]
        result = read_back(name, rewrite(gold, writer, row["width"], row["height"]), row)
        expected, found = parse_boxes(gold), parse_boxes(result.text)
        assert result.boxes == len(found) == len(expected)
        assert not (result.truncated or result.rotated or result.not_boxes or result.out_of_image)
        tolerance = WRITERS[name][1] * max(row["width"], row["height"]) + 0.0051
        for box, gold_box in zip(found, expected, strict=True):
            assert box == pytest.approx(gold_box, abs=tolerance)
        for entry, value in read_answer(gold, row["task"]).items():
            assert entry == "boxes" or read_answer(result.text, row["task"])[entry] == value
        answers.append(result.text)
    result = score(answers, records)
    if name in COARSE:
        assert all(value == 100 for key, value in result.items() if key.count("/") and "iou" not in key)
        assert result["overall"] > 99.5
    else:
        assert result["overall"] == 100


@pytest.mark.parametrize("name", UPRIGHT)
def test_what_the_project_writes_it_reads(name, records):
    answers = []
    for row in records:
        question, gold = (message["content"] for message in row["messages"])
        fmt = get_format(name)
        written = render_text(gold, fmt, row["width"], row["height"], size_for(name))
        answers.append(read_back(name, written, row).text)
        asked = read_back(name, render_text(question, fmt, row["width"], row["height"], size_for(name)), row)
        assert asked.boxes == len(parse_boxes(question))
    result = score(answers, records)
    assert all(value == 100 for key, value in result.items() if key.count("/") and "iou" not in key)
    assert result["overall"] == 100 or name in COARSE


SIDES = st.integers(28, 2000)


@st.composite
def images_with_boxes(draw):
    width, height = draw(SIDES), draw(SIDES)
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        x1, y1 = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
        boxes.append((x1, y1, draw(st.integers(x1 + 1, width)), draw(st.integers(y1 + 1, height))))
    return width, height, boxes


@given(
    st.sampled_from(CASES),
    images_with_boxes(),
    st.sampled_from(["ship", "aircraft", None]),
    st.sampled_from(["", "Here it is: ", "There are some.\n"]),
)
def test_random_boxes_come_back_with_their_label(case, image, label, before):
    name, writer = case
    width, height, boxes = image
    result = read_back(name, before + writer(boxes, label, width, height), {"width": width, "height": height})
    found = parse_boxes(result.text)
    assert len(found) == len(boxes)
    tolerance = [WRITERS[name][1] * side + 0.0051 for side in (width, height, width, height)]
    if get_format(name).padded:
        tolerance = [max(tolerance)] * 4
    for box, expected in zip(found, boxes, strict=True):
        assert all(abs(a - b) <= most for a, b, most in zip(box, expected, tolerance, strict=True))
    assert read_answer(result.text, "grounding")["labels"] == [label] * len(boxes)
