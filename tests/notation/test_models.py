"""The families of models by their names, as hubs, servers and hosted APIs spell them."""

import re

import pytest

from builders.notation.formats import FORMAT_NAMES, get_format, read_resize_rule
from builders.notation.models import _FAMILIES, describe_unit, family_of, warn_of_unit

# Names as their publishers or servers spell them.
NAMES = {
    "Qwen/Qwen-VL-Chat": "qwen-vl",
    "Qwen/Qwen-VL": "qwen-vl",
    "Qwen/Qwen2-VL-7B-Instruct-AWQ": "qwen2-vl",
    "Qwen/Qwen2.5-VL-7B-Instruct": "qwen2.5-vl",
    "qwen2.5vl:7b": "qwen2.5-vl",
    "/models/qwen2_5_vl_72b/": "qwen2.5-vl",
    "XiaomiMiMo/MiMo-VL-7B-RL": "qwen2.5-vl",
    "Qwen/Qwen3-VL-30B-A3B-Instruct": "qwen3-vl",
    "Qwen/Qwen3.5-27B": "qwen3-vl",
    "OpenGVLab/InternVL3_5-8B": "internvl",
    "deepseek-ai/deepseek-vl2-tiny": "deepseek-vl2",
    "zai-org/GLM-4.5V": "glm-v",
    "zai-org/GLM-4.1V-9B-Thinking": "glm-v",
    "openbmb/MiniCPM-V-4_5": "minicpm-v",
    "moonshotai/Kimi-VL-A3B-Instruct": "kimi-vl",
    "google/gemini-2.5-pro": "gemini",
    "google/paligemma2-3b-mix-448": "paligemma",
    "microsoft/Florence-2-large-ft": "florence-2",
    "zai-org/cogvlm-grounding-generalist-hf": "cogvlm",
    "shikras/shikra-7b-delta-v1": "shikra",
    "llava-hf/llava-1.5-7b-hf": "llava-1.5",
    "liuhaotian/llava-v1.5-13b": "llava-1.5",
    "Vision-CAIR/MiniGPT-v2": "minigpt-v2",
    "MBZUAI/geochat-7B": "geochat",
    "akshaydudhane/EarthDial_4B_RGB": "earthdial",
    "Qingyun/RSCoVLM": "rscovlm",
    "jirvin16/TEOChat": "earthdial",
    "doubao-seed-1-6-vision": "seed",
    # Hosted names that changed their model, families that write no boxes, and text models.
    "qwen/qwen-vl-max": None,
    "gpt-4o": None,
    "allenai/Molmo-7B-D-0924": None,
    "Qwen/Qwen2.5-7B-Instruct": None,
    "llava-hf/llava-v1.6-mistral-7b-hf": None,
    "sarchat": None,
    "": None,
}


@pytest.mark.parametrize(("model", "expected"), NAMES.items())
def test_a_name_has_its_familys_format(model, expected):
    family = family_of(model)
    assert (family and family.format) == expected


def test_no_name_matches_two_families_and_each_family_has_a_name():
    found = [family_of(model) for model in NAMES]
    assert {family.name for family in found if family} == {family.name for family in _FAMILIES}
    for model in NAMES:
        squeezed = model.lower().translate(str.maketrans("", "", " ._-"))
        assert sum(bool(re.search(family.pattern, squeezed)) for family in _FAMILIES) <= 1


def test_each_family_has_a_format_and_a_rule_that_can_be_read():
    for family in _FAMILIES:
        assert family.format in FORMAT_NAMES and family.source.startswith("https://")
        for rule in filter(None, (family.resize, *family.harnesses.values())):
            assert read_resize_rule(rule)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sarchat", "pixels of the image"),
        ("qwen2.5-vl", "pixels of the image as resized by the model's processor"),
        ("qwen3-vl", "0 to 1000 of width and height"),
        ("gemini", "0 to 1000 of width and height, y first"),
        ("shikra", "0 to 1 of the square that the image is padded to"),
    ],
)
def test_the_unit_is_told_in_words(name, words):
    assert describe_unit(get_format(name)) == words


@pytest.mark.parametrize(
    ("model", "name", "expected"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "sarchat", "use --box-format qwen2.5-vl --resize 28,3136,12845056"),
        ("Qwen/Qwen3-VL-8B-Instruct", "sarchat", "not in pixels of the image. "),
        ("google/gemini-3-pro", "list-1000", "y first, not in 0 to 1000 of width and height. "),
        ("XiaomiMiMo/MiMo-VL-7B-RL", "json-px", "--resize FACTOR,MIN,MAX"),
    ],
)
def test_another_unit_than_the_familys_is_warned_of(model, name, expected):
    warning = warn_of_unit(model, get_format(name))
    assert expected in warning and "\n" not in warning


@pytest.mark.parametrize(
    ("model", "name"),
    [("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"), ("Qwen/Qwen3-VL-8B-Instruct", "json-1000"), ("gpt-4o", "sarchat")],
)
def test_the_familys_unit_and_an_unknown_model_are_not_warned_of(model, name):
    assert warn_of_unit(model, get_format(name)) == ""
