"""Oriented boxes in every notation: as families publish them, written apart from the project, and back again."""

from __future__ import annotations

import math
import re

import pytest
from family_writers import INPUT_SIZE, ORIENTED_WRITERS, RESIZED
from hypothesis import given
from hypothesis import strategies as st

from builders.core.errors import SARChatError
from builders.core.polygons import canonical, corners_of, to_points, turn
from builders.notation.formats import FORMAT_NAMES, InputSize, get_format
from builders.notation.render import render_text
from builders.notation.translate import translate

_NUMBER = re.compile(r"<(-?[0-9.]+)>")
_BOX = re.compile(r"\{((?:<-?[0-9.]+>)+)\}")
SIDE = 1000


def size_for(name):
    return InputSize(*INPUT_SIZE) if name in RESIZED else None


def spell(numbers):
    return "{" + "".join(f"<{round(number)}>" for number in numbers) + "}"


def boxes_in(text):
    return [tuple(map(float, _NUMBER.findall(box))) for box in _BOX.findall(text)]


def read(name, answer, width=SIDE, height=SIDE):
    return translate(answer, get_format(name), width, height, size_for(name))


def write(name, text, width=SIDE, height=SIDE):
    return render_text(text, get_format(name), width, height, size_for(name))


def farthest(one, other):
    """Return how far the corners of two boxes are apart, whichever is their first."""
    # An angle of 0 gives an upright box.
    both = (corners_of(box) if len(box) == 4 else tuple(box) for box in (one, other))
    first, second = (to_points(canonical(box)[0]) for box in both)
    return min(
        max(math.dist(a, b) for a, b in zip(first, second[start:] + second[:start], strict=True)) for start in range(4)
    )


FALLING = (100, 100, 200, 150, 180, 190, 80, 140)
RISING = (563.6, 422.2, 577.8, 436.4, 436.4, 577.8, 422.2, 563.6)
# What families publish, and the corners that it means in an image of 1000 x 1000, or of INPUT_SIZE, by hand.
PUBLISHED = [
    # A standing box of 1 x 8 hundredths that a quarter of a turn lays down; the second one is square.
    (
        "geochat",
        "<p>some buildings</p> {<56><57><60><65>|<90>}<delim>{<57><49><61><57>|<90>}",
        "some buildings",
        [(540, 590, 620, 590, 620, 630, 540, 630), (550, 510, 630, 510, 630, 550, 550, 550)],
    ),
    # Counter-clockwise: the right end of a lying box goes up.
    ("geochat", "{<40><49><60><51>|<45>}", "", [RISING]),
    ("earthdial", "[[40, 49, 60, 51, 45]]", "", [RISING]),
    (
        "internvl",
        "<ref>ship</ref><box>[[100, 100, 200, 150, 180, 190, 80, 140], [1, 1, 5, 1, 5, 5, 1, 5]]</box>",
        "ship",
        [FALLING, (1, 1, 5, 1, 5, 5, 1, 5)],
    ),
    (
        "rscovlm",
        '```json\n[{"quadrant bbox": [100, 100, 200, 150, 180, 190, 80, 140], "label": "ship"}]\n```',
        "ship",
        [(119.05, 162.34, 238.1, 243.51, 214.29, 308.44, 95.24, 227.27)],
    ),
    # Clockwise: the right end goes down.
    (
        "rscovlm-angle",
        '```json\n[{"oriented bbox": [420, 308, 200, 20, 45], "label": "ship"}]\n```',
        "ship",
        [(424.24, 373.72, 592.6, 603.3, 575.76, 626.28, 407.4, 396.7)],
    ),
    (
        "lmmrotate",
        "ship<loc_100><loc_100><loc_200><loc_150><loc_180><loc_190><loc_80><loc_140>",
        "ship",
        [tuple(value + 0.5 for value in FALLING)],
    ),
]


@pytest.mark.parametrize(("name", "answer", "label", "expected"), PUBLISHED)
def test_what_a_family_publishes_is_read(name, answer, label, expected):
    result = read(name, answer)
    found = boxes_in(result.text)
    assert result.boxes == len(found) == len(expected)
    assert result.text.partition("{")[0].strip() == label
    assert not (result.rotated or result.not_boxes or result.truncated or result.out_of_image)
    for box, corners in zip(found, expected, strict=True):
        assert farthest(box, corners) < 0.1


def test_every_format_that_writes_oriented_boxes_has_a_writer():
    can = {name for name in FORMAT_NAMES if get_format(name).has_oriented}
    assert set(ORIENTED_WRITERS) == can
    assert set(FORMAT_NAMES) - can == {"qwen-vl", "qwen2-vl", "paligemma", "florence-2"}
    for name in set(FORMAT_NAMES) - can:
        with pytest.raises(SARChatError, match=f"{name} has no notation for oriented boxes; choose from sarchat, "):
            write(name, spell(FALLING))


RECTANGLES = st.builds(
    lambda x, y, length, ratio, angle: canonical(turn(x, y, length, length / ratio, angle))[0],
    *(st.floats(350, 650), st.floats(350, 650), st.floats(150, 300), st.floats(1.3, 6), st.floats(-1.5, 1.5)),
)


@given(
    st.sampled_from([*ORIENTED_WRITERS]), st.lists(RECTANGLES, min_size=1, max_size=3), st.sampled_from(["ship", None])
)
def test_boxes_come_back_from_every_family_and_from_the_project(name, boxes, label):
    writer, step = ORIENTED_WRITERS[name]
    text = (label or "") + "".join(map(spell, boxes))
    fmt, size = get_format(name), size_for(name)
    ways = [(written, size) for written in (writer(boxes, label, SIDE, SIDE), write(name, text))]
    if fmt.rotated and name in RESIZED:
        # Where width and height are resized differently, a rectangle is none any more, and an angle cannot say so.
        size = InputSize(INPUT_SIZE[0], INPUT_SIZE[0])
        ways = [(render_text(text, fmt, SIDE, SIDE, size), size)]
    for written, size in ways:
        result = translate(written, fmt, SIDE, SIDE, size)
        found = boxes_in(result.text)
        assert result.boxes == len(found) == len(boxes), written
        assert not (result.truncated or result.rotated or result.not_boxes), written
        # Half a degree of a side of 300 pixels; and corners of whole pixels are not quite a rectangle's.
        most = math.sqrt(2) * (step * SIDE + 0.51) + 3 * bool(get_format(name).rotated)
        for box, expected in zip(found, boxes, strict=True):
            assert farthest(box, expected) <= most, written


@given(
    st.sampled_from([name for name in ORIENTED_WRITERS if get_format(name).corners]), st.integers(50, 3000), RECTANGLES
)
def test_corners_need_no_square_image(name, height, box):
    step = ORIENTED_WRITERS[name][1]
    rounded = [round(value * height / SIDE) if place % 2 else round(value) for place, value in enumerate(box)]
    (found,) = boxes_in(read(name, write(name, spell(rounded), SIDE, height), SIDE, height).text)
    assert len(found) == 8
    steps = [step * (max(SIDE, height) if get_format(name).padded else side) for side in (SIDE, height)]
    # Rounding may make another corner the first one.
    pairs = [found[at:] + found[:at] for at in (0, 2, 4, 6)]
    assert any(
        all(abs(a - b) <= steps[place % 2] + 0.0051 for place, (a, b) in enumerate(zip(way, rounded, strict=True)))
        for way in pairs
    )


@pytest.mark.parametrize("name", ["geochat", "earthdial"])
def test_an_angle_in_shares_of_two_lengths_is_neither_written_nor_read(name):
    text = spell(FALLING)
    assert write(name, text, 500, 500) != text
    with pytest.raises(SARChatError, match=f"{name} has an angle, which is unclear .* such as internvl"):
        write(name, text, 500, 400)
    writer, _ = ORIENTED_WRITERS[name]
    result = read(name, writer([turn(200, 200, 200, 20, 0.5)], None, 500, 500), 500, 400)
    assert (result.boxes, result.rotated) == (0, 1)
    # An upright one is not turned.
    assert read(name, writer([(100, 100, 200, 100, 200, 150, 100, 150)], None, 500, 500), 500, 400).boxes == 1


def test_the_sign_of_an_angle_is_that_of_the_family():
    # A wrong sign would leave an IoU of 0.09.
    text = spell(turn(500, 500, 240, 40, math.pi / 4))
    assert write("geochat", text) == "{<48><38><52><62>|<45>}"
    assert write("earthdial", text) == "[[48, 38, 52, 62, 45]]"
    written = render_text(text, get_format("rscovlm-angle"), SIDE, SIDE, InputSize(SIDE, SIDE))
    assert written == '[{"oriented bbox": [500, 500, 240, 40, 45]}]'


def test_two_upright_boxes_stay_two():
    assert read("qwen2-vl", "ships(10,10),(20,20),(30,30),(40,40)").boxes == 2
    assert read("florence-2", "ships" + "".join(f"<loc_{number}>" for number in range(8))).boxes == 2


def test_an_unfinished_box_of_corners_is_cut_off():
    for name, answer in (("sarchat", "A ship {<1><2><3><4><5"), ("minigpt-v2", "A ship {<1><2><3><4><5>")):
        result = read(name, answer)
        assert result.truncated and not result.boxes


def test_a_box_that_the_unit_would_make_empty_is_written_as_an_upright_one():
    (box,) = boxes_in(write("minigpt-v2", spell((10, 10, 13, 11, 12, 13, 9, 12))))
    assert len(box) == 8 and canonical(box)


@pytest.mark.parametrize("key", ["quadrant bbox", "oriented bbox", "polygon", "bbox_2d"])
def test_a_label_is_not_the_name_of_the_numbers(key):
    answer = f'[{{"{key}": [100, 100, 200, 150, 180, 190, 80, 140], "label": "ship"}}]'
    assert read("json-1000", answer).text.startswith("ship {<100>")


@pytest.mark.parametrize("name", ["geochat", "earthdial", "rscovlm-angle"])
def test_an_angle_without_end_is_no_rotation(name):
    endless = "9" * 400
    for turned in (f"{{<1><2><3><4>|<{endless}>}}", f"[[1, 2, 3, 4, {endless}]]"):
        assert read(name, turned).boxes == 0
