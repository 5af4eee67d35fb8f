"""Answers in the families' notations, as the families document them, read as SARChat's text."""

import json

import pytest
from family_writers import RESIZED, UPRIGHT
from hypothesis import given
from hypothesis import strategies as st

from builders.core.errors import SARChatError
from builders.notation.formats import FORMAT_NAMES, InputSize, ResizeRule, get_format
from builders.notation.translate import Translation, translate
from sarchat_metric import final_answer, parse_boxes, read_answer, score_record

WIDTH, HEIGHT = 1000, 500
SHIP = '{"bbox_2d": [0, 0, 10, 10], "label": "ship"}'


def read(name, answer, width=WIDTH, height=HEIGHT, input_size=None):
    return translate(answer, get_format(name), width, height, input_size)


# The example that each family publishes, what stands before its boxes, and the pixels that they mean in an image of
# 1000 x 500, worked out by hand.
PUBLISHED = [
    (
        "qwen-vl",
        "<ref>apples</ref><box>(302,257),(582,671)</box><box>(603,252),(878,642)</box>",
        "apples",
        [(302.3, 128.63, 582.58, 335.84), (603.6, 126.13, 878.88, 321.32)],
    ),
    (
        "qwen2-vl",
        "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(221,423),(569,886)<|box_end|>",
        "a dog",
        [(221, 211.5, 569, 443)],
    ),
    ("qwen2-vl", "a dog(221,423),(569,886)", "a dog", [(221, 211.5, 569, 443)]),
    (
        "qwen3-vl",
        '```json\n[\n\t{"bbox_2d": [74, 361, 324, 808], "label": "plate/dish"}\n]\n```',
        "plate/dish",
        [(74, 180.5, 324, 404)],
    ),
    ("internvl", "<ref>XXX</ref><box>[[253, 231, 733, 787]]</box>", "XXX", [(253, 115.5, 733, 393.5)]),
    (
        "deepseek-vl2",
        "<|ref|>The giraffe.<|/ref|><|det|>[[580, 270, 999, 900]]<|/det|>",
        "The giraffe.",
        [(580.58, 135.14, 1000, 450.45)],
    ),
    ("glm-v", "<|begin_of_box|>[[12, 40, 500, 1000]]<|end_of_box|>", "", [(12, 20, 500, 500)]),
    ("glm-v", "<|begin_of_box|>[12, 40, 500, 1000]<|end_of_box|>", "", [(12, 20, 500, 500)]),
    ("glm-v", "<|begin_of_box|>(12, 40, 500, 1000)<|end_of_box|>", "", [(12, 20, 500, 500)]),
    ("glm-v", "<|begin_of_box|><12, 40, 500, 1000><|end_of_box|>", "", [(12, 20, 500, 500)]),
    ("minicpm-v", "<ref>a ship</ref><box>12 40 500 1000</box>", "a ship", [(12, 20, 500, 500)]),
    ("kimi-vl", '{"bbox_2d": [0.280, 0.500, 0.520, 0.700]}', "", [(280, 250, 520, 350)]),
    ("gemini", '{"box_2d": [393, 67, 574, 206], "label": "a ship"}', "a ship", [(67, 196.5, 206, 287)]),
    (
        "paligemma",
        "<loc0256><loc0100><loc0512><loc0300> cat ; <loc0000><loc0512><loc1024><loc0768> dog",
        "cat",
        [(97.66, 125, 292.97, 250), (500, 0, 750, 500)],
    ),
    ("florence-2", "car<loc_52><loc_332><loc_932><loc_774>", "car", [(52.5, 166.25, 932.5, 387.25)]),
    ("cogvlm", "[[086,540,400,760]]", "", [(86, 270, 400, 380)]),
    ("cogvlm", "[[086,540,400,760;000,000,999,999]]", "", [(86, 270, 400, 380), (0, 0, 999, 499.5)]),
    # The image lies in the middle of a square of 1000 x 1000: 250 pixels of border above and below.
    ("shikra", "[0.610,0.360,0.920,0.730;0.000,0.250,1.000,0.750]", "", [(610, 110, 920, 480), (0, 0, 1000, 500)]),
    ("llava-1.5", "[0.61, 0.36, 0.92, 0.83]", "", [(610, 110, 920, 580)]),
    ("minigpt-v2", "<p>a ship</p> {<4><50><30><65>}", "a ship", [(40, 250, 300, 325)]),
    ("minigpt-v2", "{<4><50><30><65>|<0>}", "", [(40, 250, 300, 325)]),
    ("geochat", "<p>a ship</p> {<4><50><30><65>|<0>}", "a ship", [(40, 250, 300, 325)]),
    ("earthdial", "[[78, 83, 88, 99, 0]]", "", [(780, 415, 880, 495)]),
    ("earthdial", "[78, 83, 88, 99]", "", [(780, 415, 880, 495)]),
    ("seed", "<bbox>175 98 791 476</bbox>", "", [(175, 49, 791, 238)]),
    ("json-px", '[{"bbox_2d": [1, 2, 3, 4], "label": "ship"}]', "ship", [(1, 2, 3, 4)]),
    ("json-1000", '[{"bbox_2d": [100, 200, 300, 400], "label": "ship"}]', "ship", [(100, 100, 300, 200)]),
    ("list-px", "[1, 2, 3, 4]", "", [(1, 2, 3, 4)]),
    ("list-1000", "[100, 200, 300, 400]", "", [(100, 100, 300, 200)]),
    ("list-1", "[0.1, 0.2, .3, 0.4]", "", [(100, 100, 300, 200)]),
    ("sarchat", "a ship {<1><2><3><4>}", "a ship", [(1, 2, 3, 4)]),
]


@pytest.mark.parametrize(("name", "answer", "label", "boxes"), PUBLISHED, ids=lambda value: str(value)[:40])
def test_what_a_family_publishes_is_read(name, answer, label, boxes):
    result = read(name, answer)
    found = parse_boxes(result.text)
    assert result.boxes == len(found) == len(boxes)
    for box, expected in zip(found, boxes, strict=True):
        assert box == pytest.approx(expected, abs=0.01)
    assert result.text.partition("{")[0].strip() == label
    assert not result.truncated and not result.rotated and not result.not_boxes


def test_every_format_has_a_published_example():
    assert {name for name, *_ in PUBLISHED} == set(UPRIGHT) - {"qwen2.5-vl"}


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (InputSize(504, 504), (100, 50, 300, 150)),
        (ResizeRule(28, 3136, 12845056), (100, 50, 300, 150)),
        (ResizeRule(28, 1280 * 28 * 28, 16384 * 28 * 28), (50, 25, 150, 75)),
    ],
)
def test_pixels_of_the_resized_image_become_pixels_of_the_image(size, expected):
    written = [round(value * 504 / 512) for value in (100, 50, 300, 150)]
    answer = f'```json\n[{{"bbox_2d":{written},"label":"ship"}}]\n```'
    (box,) = parse_boxes(read("qwen2.5-vl", answer, 512, 512, size).text)
    assert box == pytest.approx(expected, abs=0.6)
    with pytest.raises(SARChatError, match="--resize factor,min_pixels,max_pixels"):
        read("qwen2.5-vl", answer, 512, 512)


@pytest.mark.parametrize(
    ("name", "answer", "text"),
    [
        # words around boxes stay, lists around them go
        (
            "qwen3-vl",
            'There are 2 instances. [{"bbox_2d": [0, 0, 10, 10]}, {"bbox_2d": [20, 20, 30, 30]}] Both are small.',
            "There are 2 instances. {<0><0><10><5>}{<20><10><30><15>} Both are small.",
        ),
        ("list-px", "[1,2,3,4] (top left), [5,6,7,8] (center)", "{<1><2><3><4>} (top left), {<5><6><7><8>} (center)"),
        ("internvl", "<box>[[0, 0, 10, 10]]</box> (top left)", "{<0><0><10><5>} (top left)"),
        # labels before the box, after it, as a key
        ("qwen3-vl", '{"label": "ship", "bbox_2d": [0, 0, 10, 10]}', "ship {<0><0><10><5>}"),
        ("qwen3-vl", '{"bbox_2d": [0, 0, 10, 10], "label": "ship"}', "ship {<0><0><10><5>}"),
        ("qwen3-vl", '{"ship": [0, 0, 10, 10]}', "ship {<0><0><10><5>}"),
        (
            "qwen3-vl",
            '{"ship": [[0, 0, 10, 10], [20, 20, 30, 30]], "car": [[0, 0, 30, 30]]}',
            "ship {<0><0><10><5>}{<20><10><30><15>}\ncar {<0><0><30><15>}",
        ),
        (
            "json-px",
            "{'bboxes': [[0, 0, 9, 9], [1, 1, 5, 5]], 'labels': ['ship', 'car']}",
            "ship {<0><0><9><9>}\ncar {<1><1><5><5>}",
        ),
        ("json-px", '{"bbox_2d": [1, 2, 3, 4], "label": "ship", "cell": "top left"}', "ship top left {<1><2><3><4>}"),
        ("paligemma", "<loc0000><loc0000><loc0512><loc0512> ship", "ship {<0><0><500><250>}"),
        # what is no label is left where it is
        ("paligemma", "<loc0000><loc0000><loc0512><loc0512> (top left)", "{<0><0><500><250>} (top left)"),
        ("paligemma", "A ship <loc0000><loc0000><loc0512><loc0512>. A car.", "A ship {<0><0><500><250>}. A car."),
        # numbers beside a box say nothing, but for a count
        ("json-px", '{"id": 7, "bbox_2d": [1, 2, 3, 4], "score": 0.9}', "{<1><2><3><4>}"),
        ("json-px", '{"count": 2, "boxes": [[1, 2, 3, 4], [5, 6, 7, 8]]}', "count 2 {<1><2><3><4>}{<5><6><7><8>}"),
        # objects in objects
        ("json-px", '{"ship": {"bbox_2d": [1, 2, 3, 4]}}', '{"ship": {<1><2><3><4>}}'),
        ("json-px", '{"bbox": [1, 2, 3, 4], "label": "ship", "more": {"size": "big"}}', "ship {<1><2><3><4>}"),
        ("json-px", '{"more": {"at": {"x": "y"}}, "label": "ship", "bbox": [1, 2, 3, 4]}', "ship {<1><2><3><4>}"),
        ("json-px", '[{"bbox": [1, 2, 3, 4], "x": {}}, {"label": "car", "x": {"y": {}}, "bbox": [5, 6, 7, 8]}]',
         "{<1><2><3><4>}\ncar {<5><6><7><8>}"),
        ("json-px", '{"a": {"b": {"c": {}}}, "bbox": [1, 2, 3, 4]}', '{"a": {"b": {"c": {}}}, "bbox": {<1><2><3><4>}}'),
        ("json-px", '{"label": "ship", "bbox": {"x1": 1, "y1": 2}}', '{"label": "ship", "bbox": {"x1": 1, "y1": 2}}'),
        # no box at all
        ("qwen3-vl", '{"bbox_2d": null, "label": "ship"}', "ship"),
        ("qwen3-vl", '{"bbox_2d": [], "label": "ship"}', "ship"),
        ("qwen3-vl", "null", "null"),
        ("glm-v", "<|begin_of_box|>3<|end_of_box|>", "3"),
        ("glm-v", "There are<|begin_of_box|>3<|end_of_box|>ships.", "There are 3 ships."),
        ("list-px", "[3]", "[3]"),
        ("qwen-vl", "a <ref>ship</ref>by<ref>a car</ref>", "a ship by a car"),
        # numbers of another kind in brackets are no list
        ("list-px", "[1, 2, x, 4] [a] [1-2, 3, 4, 5]", "[1, 2, x, 4] [a] [1-2, 3, 4, 5]"),
        # a box is read whole or not at all
        ("qwen2-vl", "(1,2),(3,x)", ",(3,x)"),
        ("minigpt-v2", "{<1><2><3>} is none", "{<1><2><3>} is none"),
        ("minicpm-v", "<box>1 2 3</box>", "<box>1 2 3</box>"),
        # repeated boxes stay
        ("list-px", "[1,2,3,4] [1,2,3,4]", "{<1><2><3><4>}{<1><2><3><4>}"),
        # inverted ones too: they match nothing
        ("list-px", "[30,40,10,20]", "{<30><40><10><20>}"),
        ("list-px", "[-5, -2.25, 3, 4.126]", "{<-5><-2.25><3><4.13>}"),
    ],
)  # fmt: skip
def test_reading(name, answer, text):
    assert read(name, answer).text == text


@pytest.mark.parametrize(
    ("name", "answer", "text"),
    [
        ("qwen3-vl", f'[{SHIP}, {{"bbox_2d": [0, 0, 10', "ship {<0><0><10><5>}"),
        ("qwen3-vl", f'[{SHIP}, {{"bbox_2d": [0, 0, 10, 20], "la', "ship {<0><0><10><5>}"),
        ("qwen3-vl", f'[{SHIP}, {{"bbox_2d": [0, 0, 10, 20], "label":', "ship {<0><0><10><5>}"),
        ("qwen3-vl", f'[{SHIP}, {{"bbox_2d": [0, 0, 10, 20], "label": "', "ship {<0><0><10><5>}"),
        ("qwen3-vl", f'[{SHIP}, {{"bbox_2d": [0, 0, 10, 20], "more": {{"size": ', "ship {<0><0><10><5>}"),
        ("qwen3-vl", f"[{SHIP}, {{", "ship {<0><0><10><5>}"),
        ("qwen3-vl", f"[{SHIP},", "ship {<0><0><10><5>}"),
        ("qwen3-vl", f"[{SHIP}", "ship {<0><0><10><5>}"),
        ("qwen3-vl", f"```json\n[\n  {SHIP}", "ship {<0><0><10><5>}"),
        ("qwen3-vl", '{"ship": [[0, 0, 10, 10], [20, 20', "ship {<0><0><10><5>}"),
        ("internvl", "<box>[[0, 0, 10, 10], [20, 20, 3", "{<0><0><10><5>}"),
        ("internvl", "<box>[[0, 0, 10, 10]", "{<0><0><10><5>}"),
        ("qwen2-vl", "(0,0),(10,10)(20,20),(3", "{<0><0><10><5>}"),
        ("qwen-vl", "<box>(0,0),(999,999)</box><box>(20", "{<0><0><1000><500>}"),
        ("paligemma", "<loc0000><loc0000><loc0512><loc0512> ; <loc0000><loc00", "{<0><0><500><250>} ; "),
        ("minigpt-v2", "{<0><0><10><10>}{<20><2", "{<0><0><100><50>}"),
        ("list-px", "There is 1: [12, 34, 5", "There is 1:"),
        ("list-px", "<think>There is [1,2,3,4]", ""),
        ("sarchat", "{<1><2><3><4>}{<5>", "{<1><2><3><4>}{<5>"),
    ],
)  # fmt: skip
def test_an_answer_that_was_cut_off_keeps_its_whole_boxes_and_is_counted(name, answer, text):
    result = read(name, answer)
    assert result.text == text
    assert result.truncated


@pytest.mark.parametrize("name", FORMAT_NAMES)
@pytest.mark.parametrize("text", ["", "A ship (see below).", "3 ships", "a [b] {c} <d> (e)", "[]", "{}", "2 (two)"])
def test_whole_answers_without_a_box_are_not_truncated_and_stay(name, text):
    size = InputSize(8, 8) if name in RESIZED else None
    assert read(name, text, input_size=size) == Translation(text)


def test_reasoning_is_left_out_before_boxes_are_counted():
    thought = "<think>Maybe [1,2,3,4] or [5,6,7,8]?</think>"
    assert read("list-px", thought + "[9,9,20,20]") == Translation("{<9><9><20><20>}", boxes=1)


def test_rotated_boxes_are_reported_and_are_no_boxes_to_the_metric():
    result = read("minigpt-v2", "{<4><50><30><65>|<30>} {<4><50><30><65>|<0>}")
    assert (result.boxes, result.rotated) == (1, 1)
    assert result.text == "{<40><250><300><325>|<30>} {<40><250><300><325>}"
    assert len(parse_boxes(result.text)) == 1
    result = read("earthdial", "[[78, 83, 88, 99, 12.5]]")
    assert (result.boxes, result.rotated, read_answer(result.text, "counting")["count"]) == (0, 1, None)


def test_points_polygons_and_foreign_boxes_are_taken_out_and_counted():
    for name, answer, count in [
        ("qwen3-vl", '[{"point_2d": [30, 40], "label": "ship"}]', 1),
        ("list-px", "[30, 40] [1, 2, 3, 4, 5, 6, 7]", 2),
        ("qwen2-vl", "(30,40)", 1),
        ("list-1000", "{<1><2><3><4>}", 1),
        ("list-1000", "[1, 2, 3, 4, 0.99]", 1),
    ]:
        result = read(name, answer)
        assert (result.not_boxes, result.boxes) == (count, 0), answer
        # Left in the text, their numbers would be taken for a count.
        assert read_answer(result.text, "counting") == {"count": None, "hedged": False, "boxes": []}


def test_boxes_outside_of_the_image_are_counted_once_they_are_pixels():
    assert read("list-1000", "[0,0,1000,1000] [990,0,1000,1000]").out_of_image == 0
    assert read("list-px", "[0,0,1001,501]").out_of_image == 0  # one pixel is rounding
    result = read("list-px", "[0,0,1002,500] [-2,0,5,5] [0,0,10,10]")
    assert (result.boxes, result.out_of_image) == (3, 2)
    assert parse_boxes(result.text)[0] == (0, 0, 1002, 500)  # and not clipped
    assert read("list-1", "[100, 50, 300, 150]").out_of_image == 1
    assert read("list-px", f"[0,0,{'9' * 400},1]").out_of_image == 1


def test_what_the_wrong_unit_does():
    # Pixels read as thousandths: another box, and no error, which is why a format is always named.
    (box,) = parse_boxes(read("list-1000", "[100, 100, 200, 200]").text)
    assert box == (100, 50, 200, 100)


NUMBERS = st.one_of(st.integers(-9, 1200), st.floats(-2, 1200, allow_nan=False).map(lambda value: round(value, 4)))
BITS = st.sampled_from(
    [
        *"[](){}<>,;:\"'\\ \n\t-.|`1é\x00\ud800٣\u2028",
        *("```json", "bbox_2d", '"bbox_2d": ', '"label": "ship"', "null", "ship", "top left", "0.5", "12, 3"),
        *("<box>", "</box>", "<ref>", "<loc_", "<loc0", "<|begin_of_box|>", "<|det|>", "<think>", "</think>"),
    ]
)


@given(
    st.sampled_from(FORMAT_NAMES), st.lists(BITS, max_size=40).map("".join), st.integers(1, 900), st.integers(1, 900)
)
def test_any_text_gives_a_result_that_the_metric_reads(name, text, width, height):
    size = InputSize(28, 28) if name in RESIZED else None
    result = read(name, text, width, height, size)
    assert len(parse_boxes(result.text)) == result.boxes
    assert 0 <= result.out_of_image <= result.boxes
    reference = {"task": "referring", "scenario": "single", "answer": "{<1><1><9><9>}"}
    assert all(0 <= value <= 100 for value in score_record(result.text, reference).accuracies.values())
    if name == "sarchat":
        assert result.text == final_answer(text)


@given(st.sampled_from(FORMAT_NAMES), st.text(), st.integers(1, 900), st.integers(1, 900))
def test_any_unicode_gives_a_result(name, text, width, height):
    size = InputSize(28, 28) if name in RESIZED else None
    result = read(name, text, width, height, size)
    assert result.boxes == len(parse_boxes(result.text))


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=5),
    st.sampled_from(["ship", "a car", 'the "tank"']),
)
def test_what_json_writes_is_read(boxes, label):
    for text in (
        json.dumps([{"bbox_2d": box, "label": label} for box in boxes]),
        json.dumps({label: boxes}),
        json.dumps({"boxes": boxes, "labels": [label] * len(boxes)}, indent=2),
        "```json\n" + json.dumps([{"label": label, "bbox_2d": box} for box in boxes], indent=4) + "\n```",
    ):
        result = read("json-px", text)
        assert result.boxes == len(boxes) and not result.truncated
        for box, expected in zip(parse_boxes(result.text), boxes, strict=True):
            assert box == pytest.approx(expected, abs=0.0051)
        if boxes:
            assert label in result.text.partition("{")[0]
