"""Where labels of boxes stand in a drawing: outside of every box, apart from each other, inside, and complete."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest
from built_fixture import sample_build
from hypothesis import example, given
from hypothesis import strategies as st

from builders.data.reader import open_build
from builders.drawing.answers import MOST_BOXES, MOST_LABELS, Marked, compose, mark_answers, to_svg, view_box
from builders.tasks.geometry import corners

WIDTH, HEIGHT = 512, 384
NAMES = ["ship", "aircraft (reference)", "container crane on a quay", "岸边"]


def overlap(first, second) -> float:
    """Return the area that two rectangles share, by hand."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    return max(across, 0.0) * max(down, 0.0)


def check(scene, marked) -> None:
    wanted = [item for item in marked if item.label]
    assert len(scene.labels) == len(wanted)
    assert [box for _, box in scene.boxes] == [item.box for item in marked]
    left, top, right, bottom = scene.canvas
    meanings = Counter((kind, mark, meaning) for kind, marks, meaning in scene.legend for mark in marks.split(", "))
    for number, (label, item) in enumerate(zip(scene.labels, wanted, strict=True)):
        x1, y1, x2, y2 = label.place
        assert left - 1e-3 <= x1 < x2 <= right + 1e-3 and top - 1e-3 <= y1 < y2 <= bottom + 1e-3
        if label.text == item.label:
            # The whole text, beside all boxes.
            is_free = item.label != item.mark
        else:
            assert label.text == item.mark
            meanings[label.kind, item.mark, item.label.removeprefix(f"{item.mark} ")] -= 1
            # At the end of a line, or inside its own box where there is no room anywhere.
            is_free = label.line is not None or overlap(label.place, item.box) == 0
        if is_free:
            assert all(overlap(label.place, other.box) < 1e-3 for other in marked), label
            assert all(overlap(label.place, other.place) < 1e-3 for other in scene.labels[:number]), label
    # Every mark has its meaning, and the legend nothing else.
    assert not any(meanings.values())


@st.composite
def boxes(draw) -> list[Marked]:
    side = draw(st.sampled_from([6, 30, 120, 500]))
    found = []
    for number in range(draw(st.integers(0, 24))):
        x1, y1 = draw(st.floats(0, WIDTH - 2)), draw(st.floats(0, HEIGHT - 2))
        x2 = min(x1 + 1 + draw(st.floats(0, side)), WIDTH)
        y2 = min(y1 + 1 + draw(st.floats(0, side)), HEIGHT)
        name = draw(st.sampled_from(NAMES))
        found.append(Marked(draw(st.sampled_from(["gold", "read"])), (x1, y1, x2, y2), f"{number} {name}", str(number)))
    return found


QUAY = [
    Marked(
        "gold",
        (150.0 + 14 * column, 100.0 + 22 * row, 162.0 + 14 * column, 120.0 + 22 * row),
        f"{place} ship",
        f"{place}",
    )
    for place, (row, column) in enumerate(((row, column) for row in range(3) for column in range(10)), 1)
]


@given(boxes())
@example([])
@example(QUAY)
@example([Marked("gold", (0.0, 0.0, 512.0, 384.0), "ship", "1")])
@example(
    [
        Marked("gold", (0.0, 0.0, 511.0, 383.0), "aircraft (target)", "1"),
        Marked("read", (1.0, 1.0, 512.0, 384.0), "IoU 0.99", "a"),
    ]
)
def test_labels_cover_no_box_stay_inside_and_are_complete(marked):
    check(compose(marked, WIDTH, HEIGHT, 14), marked)


@pytest.mark.parametrize("task", ["grounding", "referring", "counting", "identification"])
def test_labels_of_the_sample_cover_no_box(task):
    build = open_build(sample_build())
    for index in range(build.count(task, "test")):
        record = build.record(task, "test", index)
        gold = [corners(bbox) for bbox in record["objects"]["bbox"]]
        marked, notes = mark_answers(
            gold, ["aircraft"] * len(gold), gold, [(i, i, 1.0) for i in range(len(gold))], (1e3, 1e3)
        )
        scene = compose(marked, record["width"], record["height"], record["width"] / 32)
        check(scene, marked)
        assert not notes and len(scene.labels) == 2 * len(gold)


def test_a_cluster_has_numbers_and_no_label_on_a_neighbour():
    scene = compose(QUAY, WIDTH, HEIGHT, 14)
    assert all(overlap(label.place, item.box) == 0 for label in scene.labels for item in QUAY)
    assert [(kind, meaning) for kind, _, meaning in scene.legend] == [("gold", "ship")]


@pytest.mark.parametrize(("width", "height"), [(10, 2000), (2000, 10)])
def test_a_narrow_image_gets_room_for_labels(width, height):
    marked = [Marked("gold", (0.0, 0.0, float(width), float(height)), "aircraft", "1")]
    scene = compose(marked, width, height, max(width, height) / 32)
    check(scene, marked)
    assert overlap(scene.labels[0].place, marked[0].box) == 0
    assert [float(part) for part in view_box(scene).split()][2] >= width


def test_what_is_not_drawn_is_said():
    many = [(float(place), 0.0, place + 1.0, 5.0) for place in range(MOST_BOXES + 1)]
    marked, notes = mark_answers(
        many[:1], ["ship"], [*many, (5.0, 5.0, 1.0, 9.0), (0.0, 0.0, 1e300, 1.0)], [], (100, 100)
    )
    assert [item.label for item in marked] == ["ship"] + [""] * MOST_BOXES
    assert [note.split()[0] for note in notes] == ["Of", "The", "2", "101"]
    marked, notes = mark_answers(many[:1], [], [(-1e99, -1e99, 1e99, 1e99)], [], (100, 100))
    assert compose(marked, 100, 100, 4).boxes[1][1] == (-100.0, -100.0, 200.0, 200.0)
    assert len(mark_answers([], [], many[: MOST_LABELS + 1], [], (300, 300))[1]) == 1


def test_svg_is_sound_and_escapes_every_text():
    marked = [Marked("gold", (10.0, 10.0, 50.0, 50.0), "<b>&\x1b", "1"), *QUAY]
    text = to_svg(compose(marked, WIDTH, HEIGHT, 14))
    root = ElementTree.fromstring(f"<svg>{text}</svg>")
    assert len(root.findall("rect")) == 2 * len(marked) and len(root.findall("text")) == len(marked)
    assert root.find("text").text == "<b>&\N{REPLACEMENT CHARACTER}"


def test_corners_are_drawn_as_the_polygon_that_is_scored():
    turned, crossing = (50, 10, 90, 50, 50, 90, 10, 50), (10, 10, 30, 30, 30, 10, 10, 30)
    marked, notes = mark_answers(
        [turned], ["ship"], [crossing, (0, 0, 1, 1, 2, 2, 3, 3), (-9, 0, 9, 0, 9, 9, -9, 9)], [], (100, 100)
    )
    scene = compose(marked, 100, 100, 5)
    assert [shape for _, shape in scene.boxes][:2] == [turned, (10, 10, 30, 10, 30, 30, 10, 30)]
    svg = to_svg(scene)
    assert 'polygon points="50.0,10.0 90.0,50.0 50.0,90.0 10.0,50.0" class="box gold"' in svg
    assert svg.count("<polygon") == 6 and "<rect" not in svg
    assert [note.split(" of the answer")[0] for note in notes] == ["1 box", "1 box"]
