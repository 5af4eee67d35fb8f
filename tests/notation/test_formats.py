"""The table of box formats, and the sizes that some of them need."""

from string import Template

import pytest
from family_writers import RESIZED, UPRIGHT
from hypothesis import given
from hypothesis import strategies as st

from builders.core.errors import SARChatError
from builders.notation.coordinates import scale_of
from builders.notation.formats import (
    FORMAT_NAMES,
    InputSize,
    ResizeRule,
    get_format,
    read_input_size,
    read_notation,
    read_resize_rule,
)

# What the issue of formats lists: family, denominator or unit, order.
EXPECTED = {
    "sarchat": ("pixels", "xyxy"),
    "qwen-vl": (999, "xyxy"),
    "qwen2-vl": (1000, "xyxy"),
    "qwen2.5-vl": ("input-pixels", "xyxy"),
    "qwen3-vl": (1000, "xyxy"),
    "internvl": (1000, "xyxy"),
    "deepseek-vl2": (999, "xyxy"),
    "glm-v": (1000, "xyxy"),
    "minicpm-v": (1000, "xyxy"),
    "kimi-vl": (1, "xyxy"),
    "gemini": (1000, "yxyx"),
    "paligemma": (1024, "yxyx"),
    "florence-2": (1000, "xyxy"),
    "cogvlm": (1000, "xyxy"),
    "shikra": (1, "xyxy"),
    "llava-1.5": (1, "xyxy"),
    "minigpt-v2": (100, "xyxy"),
    "geochat": (100, "xyxy"),
    "earthdial": (100, "xyxy"),
    "rscovlm": ("input-pixels", "xyxyxyxy"),
    "rscovlm-angle": ("input-pixels", "xywh"),
    "lmmrotate": (1000, "xyxyxyxy"),
    "seed": (1000, "xyxy"),
    "json-px": ("pixels", "xyxy"),
    "json-1000": (1000, "xyxy"),
    "list-px": ("pixels", "xyxy"),
    "list-1000": (1000, "xyxy"),
    "list-1": (1, "xyxy"),
}


def test_every_format_has_its_unit_and_order():
    found = {}
    for name in FORMAT_NAMES:
        fmt = get_format(name)
        unit = fmt.divisor if fmt.unit == "share" else fmt.unit
        found[name] = (unit, "".join(corner[0] for corner in fmt.order))
    assert found == EXPECTED


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_entries_are_consistent(name):
    fmt = get_format(name)
    assert fmt.models
    assert fmt.syntax in ("template", "list", "brackets")
    assert fmt.label in ("before", "after", "key")
    fields = set(fmt.order) | ({"angle"} if fmt.angle else set())
    fields |= {"label"} if fmt.label == "key" else set()
    assert set(placeholders(fmt.box)) == fields
    assert placeholders(fmt.mark) == (["label"] if fmt.mark else [])
    assert len(fmt.boxes) == 3


def placeholders(template):
    return [match["named"] for match in Template.pattern.finditer(template)]


def test_an_unknown_format_is_refused_with_all_names():
    with pytest.raises(SARChatError) as error:
        get_format("qwen")
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(
        "unknown box format 'qwen' (did you mean 'qwen-vl'?); choose from sarchat, qwen-vl, "
    )
    assert all(name in str(error.value) for name in FORMAT_NAMES)


def test_a_format_in_input_pixels_needs_their_number_and_no_other_takes_it():
    with pytest.raises(SARChatError, match="give --input-size WxH or --resize"):
        read_notation("qwen2.5-vl")
    assert read_notation("qwen2.5-vl", input_size="640x480").input_size == InputSize(640, 480)
    assert read_notation("qwen2.5-vl", resize="28,3136,1003520").input_size == ResizeRule(28, 3136, 1003520)
    with pytest.raises(SARChatError, match="not both"):
        read_notation("qwen2.5-vl", input_size="640x480", resize="28,3136,1003520")
    with pytest.raises(SARChatError, match="does not depend on the model's input size"):
        read_notation("qwen3-vl", input_size="640x480")


@pytest.mark.parametrize("text", ["", "640", "640x", "x480", "-1x5", "0x5", "6e2x4", "640x480x3", "9" * 30 + "x1"])
def test_an_input_size_is_two_numbers(text):
    with pytest.raises(SARChatError) as error:
        read_input_size(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "28", "28,3136", "28,9,1", "0,1,2", "28,1,100", "1,2,3,4", "28,-1,9", "a,b,c"])
def test_a_resize_rule_is_three_numbers_that_some_size_meets(text):
    with pytest.raises(SARChatError) as error:
        read_resize_rule(text)
    assert "\n" not in str(error.value)


def test_one_image_has_different_sizes_under_different_settings():
    # 504 x 504 by the defaults of transformers, 1008 x 1008 by VLMEvalKit's settings.
    assert ResizeRule(28, 3136, 12845056).of(512, 512) == (504, 504)
    assert ResizeRule(28, 1280 * 28 * 28, 16384 * 28 * 28).of(512, 512) == (1008, 1008)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 64), st.integers(1, 10**6), st.integers(0, 10**7))
def test_a_resized_image_keeps_to_the_rule(width, height, factor, smallest, more):
    rule = ResizeRule(factor, smallest, max(smallest, factor**2) + more)
    if max(width, height) > 200 * min(width, height):
        with pytest.raises(SARChatError, match="200 times"):
            rule.of(width, height)
        return
    seen = rule.of(width, height)
    assert all(side > 0 and side % factor == 0 for side in seen)
    assert rule.of(height, width) == seen[::-1]
    # A narrow image may stay outside the area, since a side is never below the factor.
    if factor not in seen:
        assert seen[0] * seen[1] <= rule.max_pixels or seen[0] * seen[1] <= smallest * 4


@given(st.sampled_from([name for name in UPRIGHT if name not in RESIZED]), st.integers(1, 4000), st.integers(1, 4000))
def test_pixels_come_back_within_a_step_and_a_half_of_the_unit(name, width, height):
    fmt = get_format(name)
    scale = scale_of(fmt, width, height)
    box = (width * 0.25, height * 0.5, width * 0.8, height)
    written = scale.from_pixels(box)
    back = scale.to_pixels([written[corner] for corner in fmt.order])
    for index in range(4):
        step = scale.steps[index % 2] * 10.0**-fmt.decimals
        # Half a step of rounding, and a whole one between sides that would otherwise coincide.
        assert abs(back[index] - box[index]) <= 1.5001 * step
