"""Translating takes time linear in the text, whatever the text."""

import time

import pytest
from support import slow

from builders.box_formats.formats import get_format
from builders.box_formats.translate import translate

# A format of each way of reading.
FORMATS = ["qwen3-vl", "paligemma", "sarchat", *slow("qwen-vl", "glm-v", "minicpm-v", "minigpt-v2")]
LOCATIONS = "<loc0001><loc0001><loc0001><loc0001>"
REPEATED = {
    "pointed": "<",
    "brace": "{",
    "square": "[",
    "round": "(",
    "square and number": "[1,",
    "round and number": "(1",
    "round pairs": "(1,2),",
    "brackets and spaces": "[ ( { < ",
    "objects begin": '{"a":',
    "objects with lists begin": '{"a":[[1,',
    "objects in objects begin": '{"a":{"b":1},',
    "objects two levels deep": '{"a":{"a":{"a":1}},',
    "members with objects": '"a":{"b":{}},',
    "objects in strings": '{"a":"{",',
    "quotation marks": '{"',
    "both quotation marks": "{\"{'",
    "escapes": '{"\\',
    "members": '"a":1,',
    "digits": "1",
    "signs": "-.",
    "numbers": "1,2;",
    "spaces": " ",
    "line breaks": "\n",
    "letters": "a ",
    "three locations": "<loc0001>" * 3 + "x",
    "locations": LOCATIONS,
    "locations and words": LOCATIONS + " a ship",
    "half boxes": "<box>1 2 3 ",
    "tokens": "<ref>",
    "boxes": "{<1><2><3><4>}",
    "half braces": "{<1><2>",
    "pairs": "(1,2),(3,4)",
    "lists": "[1,2,3,4],",
    "objects": '{"bbox_2d":[1,2,3,4],"label":"a"},',
    "unfinished objects": '{"bbox_2d":[1,2,3,4],',
    "fences": "```json\n",
    "thoughts": "</think><think>",
}


def seconds(name, text):
    fmt = get_format(name)
    start = time.process_time()
    translate(text, fmt, 100, 100)
    return time.process_time() - start


def check_growth(name, opening, bit, size, times):
    """A text `times` as long may take three times that; a quadratic reader takes the square of it."""
    short, long = (opening + bit * (length // len(bit)) for length in (size, size * times))
    limit = 3 * times
    for _ in range(3):
        if seconds(name, long) < limit * seconds(name, short) + 0.05:
            return
    raise AssertionError(f"{name}: {seconds(name, short)} s, and {seconds(name, long)} s for {times} times the text")


@pytest.mark.parametrize("opening", ["", *slow('[{"a":"')])
@pytest.mark.parametrize("bit", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("name", FORMATS)
def test_time_grows_with_length_and_not_with_its_square(name, bit, opening):
    check_growth(name, opening, bit, size=1_500, times=8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bit"),
    [
        ("qwen3-vl", '{"a":"{",'),
        ("qwen3-vl", "[1,"),
        ("glm-v", "(1"),
        ("qwen-vl", "(1,2),"),
        ("paligemma", "<loc0001>x"),
    ],
)
def test_a_megabyte_takes_twice_the_time_of_half_of_it(name, bit):
    check_growth(name, "", bit, size=500_000, times=2)


def test_an_object_nested_deeply_ends():
    # Far deeper than Python recurses.
    assert translate('{"a":' * 20_000, get_format("qwen3-vl"), 9, 9).boxes == 0
    assert translate("[" * 20_000 + "1,2,3,4", get_format("qwen3-vl"), 9, 9).truncated
