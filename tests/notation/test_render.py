"""SARChat's text in other notations, spelled out by hand for each format."""

import re

import pytest
from family_writers import RESIZED, UPRIGHT
from hypothesis import given
from hypothesis import strategies as st
from support import write_boxes

from builders.core.errors import SARChatError
from builders.notation.formats import InputSize, get_format
from builders.notation.render import render_text
from sarchat_metric import parse_boxes

TEXT = "A ship {<100><50><300><150>}{<0><0><20><10>} near 2 cars, one in the top left {<390><190><400><200>}."
SIZE = (400, 200)
# An image of 400 x 200: a share of x is 400 pixels, of y 200; padded to a square, y begins 100 pixels further down.
WRITTEN = {
    "sarchat": TEXT,
    "qwen-vl": "A <ref>ship</ref><box>(250,250),(749,749)</box><box>(0,0),(50,50)</box> near 2 cars, one in the top "
    "left <ref>car</ref><box>(974,949),(999,999)</box>.",
    "qwen2-vl": "A <|object_ref_start|>ship<|object_ref_end|><|box_start|>(250,250),(750,750)<|box_end|>"
    "<|box_start|>(0,0),(50,50)<|box_end|> near 2 cars, one in the top left "
    "<|object_ref_start|>car<|object_ref_end|><|box_start|>(975,950),(1000,1000)<|box_end|>.",
    "qwen2.5-vl": 'A ship [{"bbox_2d": [200, 100, 600, 300], "label": "ship"}, {"bbox_2d": [0, 0, 40, 20], "label": '
    '"ship"}] near 2 cars, one in the top left [{"bbox_2d": [780, 380, 800, 400], "label": "car"}].',
    "qwen3-vl": 'A ship [{"bbox_2d": [250, 250, 750, 750], "label": "ship"}, {"bbox_2d": [0, 0, 50, 50], "label": '
    '"ship"}] near 2 cars, one in the top left [{"bbox_2d": [975, 950, 1000, 1000], "label": "car"}].',
    "internvl": "A <ref>ship</ref><box>[[250, 250, 750, 750], [0, 0, 50, 50]]</box> near 2 cars, one in the top "
    "left <ref>car</ref><box>[[975, 950, 1000, 1000]]</box>.",
    "deepseek-vl2": "A <|ref|>ship<|/ref|><|det|>[[250, 250, 749, 749], [0, 0, 50, 50]]<|/det|> near 2 cars, one in "
    "the top left <|ref|>car<|/ref|><|det|>[[974, 949, 999, 999]]<|/det|>.",
    "glm-v": "A ship <|begin_of_box|>[[250, 250, 750, 750], [0, 0, 50, 50]]<|end_of_box|> near 2 cars, one in the top "
    "left <|begin_of_box|>[[975, 950, 1000, 1000]]<|end_of_box|>.",
    "minicpm-v": "A <ref>ship</ref><box>250 250 750 750</box><box>0 0 50 50</box> near 2 cars, one in the top left "
    "<ref>car</ref><box>975 950 1000 1000</box>.",
    "kimi-vl": 'A ship [{"bbox_2d": [0.250, 0.250, 0.750, 0.750], "label": "ship"}, {"bbox_2d": [0.000, 0.000, 0.050, '
    '0.050], "label": "ship"}] near 2 cars, one in the top left [{"bbox_2d": [0.975, 0.950, 1.000, 1.000], "label": '
    '"car"}].',
    "gemini": 'A ship [{"box_2d": [250, 250, 750, 750], "label": "ship"}, {"box_2d": [0, 0, 50, 50], "label": "ship"}] '
    'near 2 cars, one in the top left [{"box_2d": [950, 975, 1000, 1000], "label": "car"}].',
    "paligemma": "A ship <loc0256><loc0256><loc0768><loc0768><loc0000><loc0000><loc0051><loc0051> near 2 cars, one in "
    "the top left <loc0973><loc0998><loc1023><loc1023>.",
    "florence-2": "A ship <loc_250><loc_250><loc_750><loc_750><loc_0><loc_0><loc_50><loc_50> near 2 cars, one in the "
    "top left <loc_974><loc_950><loc_999><loc_999>.",
    "cogvlm": "A ship [[250,250,750,750;000,000,050,050]] near 2 cars, one in the top left [[975,950,999,999]].",
    "shikra": "A ship [0.250,0.375,0.750,0.625;0.000,0.250,0.050,0.275] near 2 cars, one in the top left "
    "[0.975,0.725,1.000,0.750].",
    "llava-1.5": "A ship [0.250, 0.375, 0.750, 0.625], [0.000, 0.250, 0.050, 0.275] near 2 cars, one in the top left "
    "[0.975, 0.725, 1.000, 0.750].",
    "minigpt-v2": "A ship {<25><25><75><75>}{<0><0><5><5>} near 2 cars, one in the top left {<98><95><100><100>}.",
    "earthdial": "A ship [[25, 25, 75, 75], [0, 0, 5, 5]] near 2 cars, one in the top left [[98, 95, 100, 100]].",
    "seed": "A ship <bbox>250 250 750 750</bbox><bbox>0 0 50 50</bbox> near 2 cars, one in the top left "
    "<bbox>975 950 1000 1000</bbox>.",
    "json-px": 'A ship [{"bbox_2d": [100, 50, 300, 150], "label": "ship"}, {"bbox_2d": [0, 0, 20, 10], "label": "ship"}'
    '] near 2 cars, one in the top left [{"bbox_2d": [390, 190, 400, 200], "label": "car"}].',
    "list-px": "A ship [100, 50, 300, 150], [0, 0, 20, 10] near 2 cars, one in the top left [390, 190, 400, 200].",
    "list-1": "A ship [0.2500, 0.2500, 0.7500, 0.7500], [0.0000, 0.0000, 0.0500, 0.0500] near 2 cars, one in the top "
    "left [0.9750, 0.9500, 1.0000, 1.0000].",
}
WRITTEN["geochat"] = WRITTEN["minigpt-v2"].replace("}{", "}<delim>{")
WRITTEN["json-1000"] = WRITTEN["qwen3-vl"]
WRITTEN["list-1000"] = WRITTEN["list-px"].replace(
    "[100, 50, 300, 150], [0, 0, 20, 10]", "[250, 250, 750, 750], [0, 0, 50, 50]"
)
WRITTEN["list-1000"] = WRITTEN["list-1000"].replace("[390, 190, 400, 200]", "[975, 950, 1000, 1000]")


def size_for(name):
    return InputSize(800, 400) if name in RESIZED else None


@pytest.mark.parametrize("name", UPRIGHT)
def test_a_text_is_written_as_the_family_writes_it(name):
    assert render_text(TEXT, get_format(name), *SIZE, size_for(name)) == WRITTEN[name]


@given(text=st.text(max_size=60).filter(lambda text: not parse_boxes(text)))
def test_a_text_without_a_box_stays_as_it_is(text):
    for name in UPRIGHT:
        assert render_text(text, get_format(name), 640, 480, size_for(name)) == text


@given(
    st.sampled_from(UPRIGHT),
    st.lists(st.tuples(*[st.integers(0, 99)] * 4)),
    st.sampled_from([" the ", "", ". ", " \n"]),
)
def test_every_box_is_rewritten_and_no_word_is_lost(name, boxes, between):
    fmt = get_format(name)
    corners = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in boxes]
    text = "<p>" + between.join(write_boxes([box]) for box in corners) + "!"
    written = render_text(text, fmt, 100, 100, size_for(name))
    assert written.startswith("<p>") and written.endswith("!")
    assert written.count("the") == text.count("the")
    numbers = re.findall(r"[0-9]+(?:\.[0-9]+)?", re.sub("bbox_2d|box_2d", "", written))
    assert len(numbers) == 4 * len(boxes)


@pytest.mark.parametrize("name", UPRIGHT)
def test_a_tiny_box_is_never_written_empty(name):
    fmt = get_format(name)
    for box in ((0, 0, 1, 1), (3999, 2999, 4000, 3000), (2000, 1000, 2001, 1001)):
        written = render_text(write_boxes([box]), fmt, 4000, 3000, size_for(name))
        numbers = [float(value) for value in re.findall(r"[0-9]+(?:\.[0-9]+)?", written.replace("box_2d", ""))]
        corner = dict(zip(fmt.order, numbers, strict=True))
        assert corner["x1"] < corner["x2"] and corner["y1"] < corner["y2"]


def test_the_size_that_the_model_saw_is_asked_for():
    with pytest.raises(SARChatError, match="--input-size"):
        render_text(TEXT, get_format("qwen2.5-vl"), *SIZE)
    with pytest.raises(SARChatError, match="remove --input-size"):
        render_text(TEXT, get_format("gemini"), *SIZE, InputSize(800, 400))
