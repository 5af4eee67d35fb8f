"""What is read from an answer: boxes, categories, cells, counts, phrases, attributes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarchat_metric import CATEGORIES, final_answer, parse_boxes, read_answer

CELLS = [f"{row} {column}" for row in ("top", "middle", "bottom") for column in ("left", "center", "right")]
DIRECTIONS = {
    "left": "to the left of",
    "right": "to the right of",
    "above": "above",
    "below": "below",
    "upper left": "to the upper left of",
    "upper right": "to the upper right of",
    "lower left": "to the lower left of",
    "lower right": "to the lower right of",
}


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("{<1><2><3><4>}", [(1, 2, 3, 4)]),
        ("a{<1><2><3><4>}{<5><6><7><8>}b", [(1, 2, 3, 4), (5, 6, 7, 8)]),
        ("{ < 1 > <-2.5>\t<+3.> <.5>\n}", [(1, -2.5, 3, 0.5)]),
        ("{<9><9><1><1>} {<0><0><0><0>}", [(9, 9, 1, 1), (0, 0, 0, 0)]),  # inverted or empty, yet boxes
        ("{<007><00><1e2><4>}", []),
        ("{<1><2><3>} {<1><2><3><4><5>} {<1,2,3,4>} [1, 2, 3, 4] <1><2><3><4> {<1><2><3><4>", []),
        ("{{<1><2><3><4>}}", [(1, 2, 3, 4)]),
        ("{<1><2><{<1><2><3><4>}", [(1, 2, 3, 4)]),
        ("{<٣><٤><٥><٦>} {<１><２><３><４>}", []),  # digits of other scripts  # noqa: RUF001
        ("{<1><- 2><3><4>} {<1><--2><3><4>} {<1><2.5.1><3><4>} {<.><2><3><4>}", []),
    ],
)
def test_boxes_are_read_whole_or_not_at_all(text, boxes):
    assert parse_boxes(text) == boxes


@given(st.lists(st.tuples(*[st.integers(-9999, 9999)] * 4)), st.sampled_from(["", " ", "\n", " and "]))
def test_written_boxes_are_read_back(boxes, between):
    assert parse_boxes(between.join("{" + "".join(f"<{corner}>" for corner in box) + "}" for box in boxes)) == boxes


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("Two kinds of target appear here: ship and aircraft.", ["ship", "aircraft"]),
        ("SHIP, Ships, ship.", ["ship"]),
        ("a vessel, a boat, an airplane, planes, vehicles, an automobile", ["ship", "aircraft", "car"]),
        ("storage tanks by the harbour; a port; harbors; bridges", ["tank", "harbor", "bridge"]),
        ("**ship**, car-like, the tank's", ["ship", "car", "tank"]),
        ("tanker, cargo, spaceship, report, ship7, bridged, carship", []),
        ("图中有ship。", ["ship"]),
    ],
)
def test_categories_are_whole_words(text, categories):
    assert read_answer(text, "classification") == {"categories": categories}


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        *((cell, [cell]) for cell in CELLS),
        ("Upper-Left, lower right, center middle, centre left", ["top left", "bottom right", *CELLS[4:2:-1]]),
        ("center; central; middle", ["middle center"] * 3),
        ("left. right. top. bottom.", ["middle left", "middle right", "top center", "bottom center"]),
        ("top, left", ["top center", "middle left"]),
        ("topmost, lefts, stopped, upper, lower", []),
        *((f"it is {phrase} the ship", []) for phrase in DIRECTIONS.values()),
        ("to the upper left of the top right ship", ["top right"]),
        ("to the left of the image", ["middle left"]),
        ("close to the center", ["middle center"]),
    ],
)
def test_cells_are_two_words_or_one_and_no_direction(text, cells):
    assert read_answer(text, "referring")["cells"] == cells


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There are 3 instances. {<1><2><3><4>}", 3),
        ("There is 1 instance.", 1),
        ("{<1><2><3><4>}{<1><2><3><4>} I count 12.", 12),
        ("{<1><2><3><4>}{<5><6><7><8>}", 2),
        ("007 of them", 7),
        ("Twenty-one ships", 21),
        ("forty two", 42),
        ("a hundred and five, not 3", 105),
        ("nine hundred ninety-nine", 999),
        ("seventeen", 17),
        ("no ships", 0),
        ("Zero.", 0),
        ("No, there are 4", 4),
        ("3.5 km, 6 ships", 6),
        ("Sentinel-1 shows two", 2),
        ("broken {<10><20>} five", 5),
        ("-4", None),
        ("2nd look", None),
        ("someone often attends", None),
        ("", None),
        ("三艘船", None),
        ("9" * 5000, 10**18),
    ],
)
def test_count_is_the_first_whole_number_outside_boxes(text, count):
    assert read_answer(text, "counting")["count"] == count


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        # as many cells as categories: in order
        ("In the top left a ship and in the center a car.", [("ship", "top left"), ("car", "middle center")]),
        ("Ship, car: top left, bottom right", [("ship", "top left"), ("car", "bottom right")]),
        # otherwise: the category closest before
        ("2 tanks: one in the bottom left, one at the top", [("tank", "bottom left"), ("tank", "top center")]),
        ("ship, tank, car: left, top", [("ship", None), ("tank", None), ("car", "middle left"), ("car", "top center")]),
        # otherwise: the first after
        ("In the top left and the center are ships", [("ship", "top left"), ("ship", "middle center")]),
        # a category without a cell
        ("A ship and a car in the top left", [("ship", None), ("car", "top left")]),
        # sentences stand alone
        ("A ship. In the top left! a car;top right\nbridge", [("ship", None), ("car", None), ("bridge", None)]),
        ("A ship 0.5 km off in the top left", [("ship", "top left")]),
        ("The ship is far from the aircraft, to the upper right of it.", [("ship", None), ("aircraft", None)]),
    ],
)  # fmt: skip
def test_phrases(text, phrases):
    assert read_answer(text, "description") == {"phrases": phrases}


def test_grounding_reads_phrases_with_a_cell_and_boxes_with_the_category_before():
    text = (
        "{<0><0><1><1>} There is a ship in the top right {<1><2><3><4>}. There are 2 aircraft: one in the bottom left "
        "{<5><6><7><8>} and another in the middle left {<5.5><6><7><8>}. It is here too: {<9><9><9><9>}. "
        "The ship is far from the aircraft, to the upper right of it."
    )
    assert read_answer(text, "grounding") == {
        "phrases": [("ship", "top right"), ("aircraft", "bottom left"), ("aircraft", "middle left")],
        "boxes": [(0, 0, 1, 1), (1, 2, 3, 4), (5, 6, 7, 8), (5.5, 6, 7, 8), (9, 9, 9, 9)],
        "labels": [None, "ship", "aircraft", "aircraft", "aircraft"],
    }


@given(
    st.sampled_from(["very small", "small", "medium", "large", "very large"]),
    st.sampled_from(CATEGORIES),
    st.sampled_from(["wide", "tall", "square"]),
    st.sampled_from(CELLS),
    st.sampled_from(sorted(DIRECTIONS)),
    st.sampled_from([("near", "near"), ("close to", "near"), ("far from", "far"), ("away from", "far")]),
)
def test_identification_reads_the_first_of_each_attribute(size, category, shape, cell, direction, proximity):
    words, meant = proximity
    text = (
        f"The first target is a {size} {category}, {shape} in shape, in the {cell}; it lies {DIRECTIONS[direction]} a "
        f"very large bridge and {words} it, which is wide, in the center and below."
    )
    attributes = {"category": category, "size": size, "shape": shape, "cell": cell}
    attributes |= {"direction": direction, "proximity": meant, "orientation": None, "hedged": False}
    assert read_answer(text, "identification") == attributes
    assert read_answer(text.upper(), "identification") == attributes


def test_identification_reads_medium_sized_and_nothing():
    assert read_answer("a medium-sized one", "identification")["size"] == "medium"
    assert set(read_answer("I cannot tell.", "identification").values()) == {None, False}


def test_unknown_task():
    with pytest.raises(ValueError, match="unknown task 'detection'"):
        read_answer("a ship", "detection")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("2 ships", "2 ships"),
        ("<think>3 or 4</think>2 ships", "2 ships"),
        ("3 or 4</think>\n2 ships", "\n2 ships"),  # the prompt held the opening tag
        ("<think>a</think>b<think>c</think>d", "d"),
        ("<think>a<think>b</think>c", "c"),
        ("a</think>b</think>", ""),
        ("<think>2 ships", ""),
        ("<think>a</think>2 ships <think>or 3", ""),
        ("2 ships <think>or 3", ""),
        ("</think><think>", ""),
        ("<Think>2 ships, < think>, </ think>", "<Think>2 ships, < think>, </ think>"),
        ("", ""),
    ],
)
def test_what_follows_the_last_closing_tag_is_the_answer(text, answer):
    assert final_answer(text) == answer


@given(st.text(), st.text())
def test_an_answer_holds_no_tag_and_ends_the_text(reasoning, answer):
    found = final_answer(f"<think>{reasoning}</think>{answer}")
    assert "</think>" not in found and "<think>" not in found
    assert found == answer or "think>" in answer
    assert final_answer(found) == found
