"""Translating takes time linear in the text, whatever the text."""

import time
from itertools import product

import pytest

from builders.notation.formats import get_format
from builders.notation.translate import translate

# Lists, templates, and SARChat's own notation; the others open and close their boxes in other ways.
FORMATS = ["qwen3-vl", "paligemma", "sarchat", "qwen-vl", "glm-v", "minicpm-v", "minigpt-v2"]
OPENINGS = ["", '[{"a":"']
LOCATIONS = "<loc0001><loc0001><loc0001><loc0001>"
REPEATED = [
    "<",
    "{",
    "[",
    "(",
    "[1,",
    "(1",
    "(1,2),",
    "[ ( { < ",
    '{"a":',
    '{"a":[[1,',
    '{"a":{"b":1},',
    '{"a":{"a":{"a":1}},',
    '"a":{"b":{}},',
    '{"a":"{",',
    '{"',
    "{\"{'",
    '{"\\',
    '"a":1,',
    "1",
    "-.",
    "1,2;",
    " ",
    "\n",
    "a ",
    "<loc0001>" * 3 + "x",
    LOCATIONS,
    LOCATIONS + " a ship",
    "<box>1 2 3 ",
    "<ref>",
    "{<1><2><3><4>}",
    "{<1><2>",
    "(1,2),(3,4)",
    "[1,2,3,4],",
    '{"bbox_2d":[1,2,3,4],"label":"a"},',
    '{"bbox_2d":[1,2,3,4],',
    "```json\n",
    "</think><think>",
]


def seconds(name, text):
    fmt = get_format(name)
    start = time.process_time()
    translate(text, fmt, 100, 100)
    return time.process_time() - start


def check_growth(name, text, size, times):
    """A text `times` as long may take three times that; a quadratic reader takes the square of it."""
    opening, bit = text
    short, long = (opening + bit * (length // len(bit)) for length in (size, size * times))
    limit = 3 * times
    for _ in range(3):
        if seconds(name, long) < limit * seconds(name, short) + 0.05:
            return
    raise AssertionError(f"{text}: {seconds(name, short)} s, and {seconds(name, long)} s for {times} times the text")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_time_grows_with_length_and_not_with_its_square(name):
    for text in product(OPENINGS, REPEATED):
        check_growth(name, text, size=1_500, times=8)


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
    check_growth(name, ("", bit), size=500_000, times=2)


def test_an_object_nested_deeply_ends():
    # Far deeper than Python recurses.
    assert translate('{"a":' * 20_000, get_format("qwen3-vl"), 9, 9).boxes == 0
    assert translate("[" * 20_000 + "1,2,3,4", get_format("qwen3-vl"), 9, 9).truncated
