"""No model is paired with boxes of another unit, or with images of another size, unless an option says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from built_fixture import sample_build
from support import refusal, slow

from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.export.formats import FORMATS
from builders.export.pipeline import ExportOptions, _choose
from builders.export.recipe import settings
from builders.notation.formats import FORMAT_NAMES, INPUT_PIXELS, get_format
from builders.notation.models import FAMILY_NAMES, choose, describe_unit, family_of

# A model of each family.
MODELS = {
    "Qwen-VL": "Qwen/Qwen-VL-Chat",
    "Qwen2-VL": "Qwen/Qwen2-VL-7B-Instruct",
    "Qwen2.5-VL": "Qwen/Qwen2.5-VL-7B-Instruct",
    "MiMo-VL": "XiaomiMiMo/MiMo-VL-7B-RL",
    "Qwen3-VL": "Qwen/Qwen3-VL-8B-Instruct",
    "Qwen3.5": "Qwen/Qwen3.5-27B",
    "InternVL": "OpenGVLab/InternVL3-8B-hf",
    "DeepSeek-VL2": "deepseek-ai/deepseek-vl2-small",
    "GLM-V": "zai-org/GLM-4.5V",
    "MiniCPM-V": "openbmb/MiniCPM-V-4_5",
    "Kimi-VL": "moonshotai/Kimi-VL-A3B-Instruct",
    "Gemini": "google/gemini-2.5-pro",
    "PaliGemma": "google/paligemma2-3b-mix-448",
    "Florence-2": "microsoft/Florence-2-large",
    "CogVLM": "zai-org/cogvlm-grounding-generalist-hf",
    "Shikra": "shikras/shikra-7b",
    "LLaVA-1.5": "llava-hf/llava-1.5-7b-hf",
    "MiniGPT-v2": "Vision-CAIR/MiniGPT-v2",
    "GeoChat": "MBZUAI/geochat-7B",
    "EarthDial": "akshaydudhane/EarthDial_4B_RGB",
    "TEOChat": "jirvin16/TEOChat",
    "RSCoVLM": "Qingyun/RSCoVLM",
    "Seed": "doubao-seed-1-6-vision",
}
TRAINERS = [name for name, fmt in FORMATS.items() if not fmt.evaluates]
# Where a script or configuration names its model.
NAMED = re.compile(r"MODEL:-([^}]+)\}|^model_name_or_path: (.+)$", re.MULTILINE)


def unit_of(box_format: str) -> str:
    return describe_unit(get_format(box_format))


@pytest.mark.parametrize("to", FORMATS)
def test_every_model_gets_its_own_unit_and_size_or_is_refused(to):
    assert {*MODELS} == {*FAMILY_NAMES}
    for name, model in MODELS.items():
        family = family_of(model)
        assert family is not None and family.name == name
        marks, choice = _choose(FORMATS[to], ExportOptions(to, model=model))
        if marks:  # ms-swift rescales boxes for the model itself
            assert to == "ms-swift"
            continue
        assert unit_of(choice.box_format) == unit_of(family.format), (to, name)
        if get_format(choice.box_format).unit != INPUT_PIXELS:
            assert choice.notation.input_size is None
        elif family.resize:
            assert choice.resize == family.resize and choice.notation
        else:
            with pytest.raises(SARChatError, match="--resize"):
                assert choice.notation


@pytest.mark.parametrize("to", TRAINERS)
@pytest.mark.parametrize("box_format", [None, *FORMAT_NAMES])
def test_without_a_model_scripts_name_one_that_fits_unless_another_format_is_asked_for(to, box_format):
    marks, choice = _choose(FORMATS[to], ExportOptions(to, box_format=box_format))
    assert choice.family is not None
    own = unit_of(choice.family.format)
    if box_format is None:
        assert marks or unit_of(choice.box_format) == own
    elif unit_of(box_format) != own:
        # No checkpoint is known for this one; `export` warns of it.
        assert "do not write" in choice.describe()


@pytest.mark.parametrize("model", [MODELS["Qwen2.5-VL"], *slow(MODELS["Qwen3-VL"], MODELS["InternVL"])])
@pytest.mark.parametrize("to", TRAINERS)
def test_what_is_written_names_the_model_and_its_sizes(to, model, tmp_path, capsys):
    out = tmp_path / "out"
    main(["export", str(sample_build()), "--to", to, "--model", model, "--limit", "1", "--out", str(out)])
    printed = capsys.readouterr()
    assert printed.err == "" and len(re.findall(rf"^Boxes: .*{re.escape(model)}\.$", printed.out, re.MULTILINE)) == 1
    texts = {path.name: path.read_text() for path in out.iterdir() if path.suffix in (".sh", ".yaml")}
    # LLaVA-NeXT trains its own model, which sees tiles: only with boxes that hold at any size.
    own = {name: text for name, text in texts.items() if name != "train-llava-next.sh"}
    assert ("train-llava-next.sh" in texts) == (to == "llava" and "2.5" not in model)
    named = {first or second for text in own.values() for first, second in NAMED.findall(text)}
    assert named == ({model} if own else set())
    family = family_of(model)
    sizes = re.findall(r"(?:MIN_PIXELS=|min_pixels[: ]+)(\d+)", "\n".join(own.values()))
    if family.resize:
        assert set(sizes) <= {family.resize.split(",")[1]}
    description = json.loads((out / "export.json").read_text())
    assert description["model"] == model
    expected = None if to == "ms-swift" else family.format
    assert (description["box_format"], description["resize"]) == (
        expected,
        family.resize if expected == "qwen2.5-vl" else None,
    )


def test_options_win_and_an_unknown_model_is_told_so(tmp_path, capsys):
    out = tmp_path / "out"
    options = ["export", sample_build(), "--to", "trl", "--limit", "1", "--out", out]
    line = refusal(capsys, *options, "--model", "my/model")
    assert "my/model is of no known family (Qwen-VL, " in line and "--box-format" in line and not out.exists()
    main([*map(str, options), "--model", "my/model", "--box-format", "list-1"])
    assert "Boxes: 0 to 1 of width and height (--box-format list-1); my/model is of no" in capsys.readouterr().out
    main([*map(str, options), "--model", MODELS["Qwen2.5-VL"], "--resize", "28,50176,50176"])
    assert "--resize 28,50176,50176), as Qwen2.5-VL" in capsys.readouterr().out
    row = pq.read_table(out / "referring-train.parquet").to_pylist()[0]
    assert row["input_width"] * row["input_height"] <= 50176
    main([*map(str, options), "--model", MODELS["Qwen3-VL"], "--box-format", "json-px"])
    printed = capsys.readouterr()
    assert "pixels of the image (--box-format json-px), which Qwen3-VL models do not write" in printed.out
    assert "Warning: boxes are in pixels of the image, but" in printed.err
    assert "leave out --model" in refusal(
        capsys, "export", sample_build(), "--to", "ms-swift", "--layout", "paper", "--model", "m", "--out", out
    )


def test_a_model_that_thinks_gets_room_for_it():
    assert settings(MODELS["Qwen2.5-VL"], choose(MODELS["Qwen2.5-VL"]).notation.input_size)["max_tokens"] == "1024"
    rule = choose(MODELS["Qwen2.5-VL"]).notation.input_size
    for model in ("Qwen/Qwen3-VL-8B-Thinking", MODELS["GLM-V"], MODELS["Qwen3.5"]):
        assert settings(model, rule)["max_tokens"] == "16384"


def test_llama_factory_without_a_template_for_the_model_gets_no_configuration(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--to", "llama-factory", "--model", MODELS["DeepSeek-VL2"], "--limit", "1", "--out", str(out)]
    main(["export", str(sample_build()), *arguments])
    assert not [*Path(out).glob("train*")] and (out / "dataset_info.json").exists()
    assert "no template" in capsys.readouterr().err
