"""Boxes of eight numbers: IoU against Shapely's, invariance, the same scores as upright boxes, and what is counted."""

import json
import math
import random
import re

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sarchat_metric import best_ious, box_iou, match_boxes, parse_boxes, read_answer, score, score_record

BOX = re.compile(r"\{<(\d+)><(\d+)><(\d+)><(\d+)>\}")
# A square of 100 x 100 on one of its corners, and the lower right half of it.
DIAMOND = (50, 0, 100, 50, 50, 100, 0, 50)
HALF = (100, 50, 50, 100, 25, 75, 75, 25)
numbers = st.floats(-50, 50, allow_subnormal=False)
quads = st.one_of(st.tuples(*[numbers] * 8), st.tuples(*[st.integers(0, 6)] * 8))
uprights = st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(1, 9)] * 2).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def corners_of(box):
    x1, y1, x2, y2 = box
    return x1, y1, x2, y1, x2, y2, x1, y2


def four_corners(text):
    """A text with each box of four numbers written as corners."""
    return BOX.sub(lambda box: write(corners_of(box.groups())), text)


def write(box):
    return "{" + "".join(f"<{number}>" for number in box) + "}"


def iou(first, second):
    return box_iou([first], [second])[0, 0]


def test_iou_by_hand():
    assert iou(DIAMOND, DIAMOND) == 1
    assert iou(DIAMOND, HALF) == 0.5
    # The upright box around the diamond has twice its area; a triangle of the corners of a square has half.
    assert iou(DIAMOND, (0, 0, 100, 100)) == 0.5
    assert iou((0, 0, 10, 0, 10, 10, 10, 10), (0, 0, 10, 10)) == 0.5
    # A fourth corner inside the triangle changes nothing, nor do corners in crossing order.
    assert iou((0, 0, 10, 0, 8, 2, 10, 10), (0, 0, 10, 10)) == 0.5
    assert iou((0, 0, 10, 10, 10, 0, 0, 10), (0, 0, 10, 10)) == 1
    # Squares turned by 45 degrees about one centre: a regular octagon, 2 (sqrt 2 - 1) of a square.
    octagon = 2 * (math.sqrt(2) - 1)
    side = 50 * math.sqrt(0.5)
    square = (50 - side, 50 - side, 50 + side, 50 + side)
    assert iou(DIAMOND, square) == pytest.approx(octagon / (2 - octagon), abs=1e-9)


@pytest.mark.parametrize("flat", [(0,) * 8, (0, 0, 5, 5, 10, 10, 2, 2), (0.1, 0.3, 0.2, 0.6, 0.3, 0.9, 0.7, 2.1)])
def test_without_area_or_end_a_box_matches_nothing(flat):
    infinite = (0, 0, math.inf, 0, 10, 10, 0, 10)
    boxes = [flat, infinite, (0, 0, 1e200, 0, 10, 10, 0, 10), (10, 10, 0, 0), DIAMOND]
    table = box_iou(boxes, [*boxes, (0, 0, 20, 20)])
    assert not table[:4].any() and not table[:, :4].any()
    assert match_boxes([flat, infinite], [flat, infinite]) == []


@given(quads, quads)
def test_iou_depends_on_no_start_no_direction_no_order_and_no_place(first, second):
    points = np.reshape(first, (4, 2))
    expected = iou(first, second)
    assert 0 <= expected <= 1 and expected == pytest.approx(iou(second, first), abs=2e-9)
    for order in ([1, 2, 3, 0], [3, 2, 1, 0], [2, 0, 3, 1]):
        assert iou(tuple(points[order].ravel()), second) == pytest.approx(expected, abs=2e-9)
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    moved = [tuple((np.reshape(box, (4, 2)) @ turn + [1000, -200]).ravel()) for box in (first, second)]
    # Away from the smallest hulls, of which rounding moves a larger share.
    assume(min(hull_area(first), hull_area(second)) > 1e-3)
    assert iou(*moved) == pytest.approx(expected, abs=1e-6)


def hull_area(box):
    """The area of the hull of four points: that of the largest of the three quadrilaterals and four triangles."""
    a, b, c, d = (complex(*point) for point in np.reshape(box, (4, 2)))
    shoelace = [((q - p).conjugate() * (s - r)).imag / 2 for p, q, r, s in ((a, c, b, d), (a, b, c, d), (a, d, b, c))]
    return max(map(abs, shoelace))


@example(5.0, 1.0)
@given(st.floats(0, 60), st.floats(0, math.pi))
def test_more_overlap_is_a_higher_iou(distance, angle):
    along = complex(math.cos(angle), math.sin(angle))

    def bar(start):
        points = [start * along + way for way in (0, 50 * along, 50 * along + 10j * along, 10j * along)]
        return tuple(number for point in points for number in (point.real, point.imag))

    shared = max(50 - distance, 0)
    assert iou(bar(0), bar(distance)) == pytest.approx(shared / (100 - shared), abs=1e-9)


def test_edges_on_one_line_do_not_cross_anywhere():
    rng = random.Random(0)
    for number in range(400):
        along = complex(math.cos(number), math.sin(number))
        far, distance = (0, 1e4)[number % 2], 0.12 * number
        bars = [
            tuple(part for way in ways for part in ((far + way * along).real, (far + way * along).imag))
            for ways in ((0, 50, 50 + 10j, 10j), (distance, 50 + distance, 50 + distance + 10j, distance + 10j))
        ]
        assert iou(*bars) == pytest.approx((50 - distance) / (50 + distance), abs=1e-9)
        # Nor where they are off by about as much as rounding may be.
        bars[1] = tuple(edge + rng.uniform(-1, 1) * 10 ** rng.uniform(-14, -11) for edge in bars[1])
        assert iou(*bars) == pytest.approx((50 - distance) / (50 + distance), abs=1e-9)


@given(st.lists(uprights, max_size=25), st.lists(uprights, min_size=1, max_size=25))
def test_corners_of_upright_boxes_score_as_the_boxes(predicted, gold):
    as_corners = [[corners_of(box) for box in boxes] for boxes in (predicted, gold)]
    for first in (predicted, as_corners[0]):
        assert (box_iou(first, as_corners[1]) == box_iou(predicted, gold)).all()
        assert match_boxes(first, as_corners[1]) == match_boxes(predicted, gold)
        assert best_ious(first, as_corners[1]) == best_ious(predicted, gold)


@given(st.lists(quads, max_size=30), st.lists(quads, min_size=1, max_size=30))
def test_matching_of_quadrilaterals(predicted, gold):
    table = box_iou(predicted, gold)
    matches = match_boxes(predicted, gold, 0.25)
    assert all(value == table[i, j] >= 0.25 for i, j, value in matches)
    assert matches == sorted(matches)
    assert len({i for i, _, _ in matches}) == len(matches) == len({j for _, j, _ in matches})
    # No pair that is left over could be added.
    free = np.delete(np.delete(table, [i for i, _, _ in matches], 0), [j for _, j, _ in matches], 1)
    assert not (free >= 0.25).any()
    assert best_ious(predicted, gold) == table.max(axis=0, initial=0).tolist()


def test_reading():
    assert parse_boxes(f"{write(DIAMOND)}, {{<1><2><3><4>}}") == [DIAMOND, (1, 2, 3, 4)]
    assert parse_boxes("{<1><2><3><4><5><6><7>} {<1><2><3><4><5><6><7><8><9>} {<1><2><3><4>") == []
    assert parse_boxes("{ <1>\n<2><3><4> < 5 > <-6.5><7><8> }") == [(1, 2, 3, 4, 5, -6.5, 7, 8)]
    text = f"There are 2 ships: one in the top left {write(DIAMOND)} and another in the center {write(HALF)}."
    assert read_answer(text, "grounding") == {
        "phrases": [("ship", "top left"), ("ship", "middle center")],
        "boxes": [DIAMOND, HALF],
        "labels": ["ship", "ship"],
    }
    assert read_answer(f"{write(DIAMOND)}{write(HALF)} are 3", "counting")["count"] == 3


@pytest.mark.parametrize("task", ["counting", "grounding", "referring"])
def test_an_upright_answer_about_oriented_boxes_is_a_rectangle_and_counted(task):
    gold = f"There is 1 ship in the top left {write(DIAMOND)}"
    reference = {"task": task, "scenario": "single", "answer": gold}
    record = score_record(gold.replace(write(DIAMOND), "{<0><0><100><100>}"), reference)
    assert record.upright and record.matches["iou@0.5"] == [(0, 0, 0.5)]
    assert not score_record(gold, reference).upright
    assert not score_record("nothing", reference).upright
    answers = [gold, gold.replace(write(DIAMOND), "{<0><0><10><10>}")]
    result = score(answers, [reference] * 2)
    assert result["upright"] == {task: 1} and json.loads(json.dumps(result)) == result
    assert "upright" not in score([gold], [reference])
    with pytest.raises(ValueError, match=r"empty box \(0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0\)"):
        score_record(gold, reference | {"answer": gold.replace(write(DIAMOND), write((0, 0, 1, 1, 2, 2, 3, 3)))})


@pytest.mark.parametrize(
    ("text", "shape", "orientation"),
    [
        ("a wide ship. Its long axis is horizontal.", "wide", "horizontal"),
        ("an elongated ship; lengthwise, it is rising diagonally", "elongated", "rising"),
        ("elongated, falling diagonally", "elongated", "falling"),
        ("it stands vertically", None, "vertical"),
        ("an elongated, tall ship", "tall", None),
        ("diagonal", None, None),
    ],
)
def test_orientation_is_read(text, shape, orientation):
    read = read_answer(text, "identification")
    assert (read["shape"], read["orientation"]) == (shape, orientation)


def test_orientation_enters_no_average_and_needs_a_gold_one():
    gold = "This is a small ship in the top left, elongated in shape. Its long axis is rising diagonally."
    reference = {"task": "identification", "scenario": "single", "answer": gold}
    result = score([gold.replace("rising", "falling")], [reference])
    assert result["identification/single/orientation"] == 0 and result["overall"] == 100
    upright = reference | {"answer": "This is a small ship in the top left, wide in shape."}
    assert "identification/single/orientation" not in score([gold], [upright])


@pytest.mark.slow
def test_iou_is_that_of_shapely():
    shapely = pytest.importorskip("shapely", minversion="2")
    rng = np.random.default_rng(0)
    pairs = [rng.random((2, 50_000, 8)) * 60, rng.integers(0, 60, (2, 30_000, 8)), rng.integers(0, 7, (2, 20_000, 8))]
    for first, second in pairs:
        one, other = (
            shapely.convex_hull(shapely.multipoints(boxes.reshape(-1, 4, 2).astype(float))) for boxes in (first, second)
        )
        shared = shapely.area(shapely.intersection(one, other))
        both = shapely.area(one) + shapely.area(other) - shared
        expected = np.divide(shared, both, out=np.zeros_like(both), where=shared > 0)
        # Blocks of 100 x 100, of which the diagonals are compared.
        for start in range(0, len(first), 100):
            rows = slice(start, start + 100)
            found = box_iou(first[rows], second[rows]).diagonal()
            assert found == pytest.approx(expected[rows], abs=1e-9)
