"""A harness that loads a model itself shows it images in the size that boxes were written for, or the export tells."""

import json
from functools import partial

import pytest
import yaml
from built_fixture import sample_build

from builders.cli.command import main
from builders.notation.models import family_of
from builders.scoring.exported import show_images_as_written

QWEN = "Qwen/Qwen2.5-VL-7B-Instruct"


def test_models_of_vlmevalkit_get_the_exports_sizes():
    """Its own are 1280 x 28 x 28 pixels at least: 512 x 512 becomes 1008 x 1008 and not 504 x 504."""
    own = {"model_path": QWEN, "min_pixels": 1280 * 28 * 28, "max_pixels": 16384 * 28 * 28, "use_custom_prompt": False}
    models = {"qwen": partial(dict, **own), "other": partial(dict, model_path="x"), "class": dict}
    show_images_as_written(models, None)
    assert models["qwen"]() == own
    show_images_as_written(models, family_of(QWEN).resize)
    assert models["qwen"]() == own | {"min_pixels": 3136, "max_pixels": 12845056}
    assert models["other"]() == {"model_path": "x"}


@pytest.mark.parametrize(("to", "rule"), [("vlmevalkit", "28,1003520,12845056"), ("lmms-eval", "28,200704,1605632")])
def test_the_export_says_what_the_harness_would_do(to, rule, tmp_path, capsys):
    arguments = ["export", str(sample_build()), "--to", to, "--limit", "1", "--out", str(tmp_path / "out")]
    main([*arguments, "--model", QWEN])
    printed = capsys.readouterr().out
    assert f"by {rule}" in printed and ("min_pixels=3136,max_pixels=12845056" in printed) == (to == "lmms-eval")
    main([*arguments, "--model", "Qwen/Qwen3-VL-8B-Instruct"])
    assert " by 28," not in capsys.readouterr().out


@pytest.mark.parametrize(("model", "length"), [(QWEN, 1024), ("Qwen/Qwen3-VL-8B-Thinking", 16384)])
def test_the_length_of_answers_is_that_of_predict(model, length, tmp_path):
    arguments = ["export", str(sample_build()), "--limit", "1", "--out", str(tmp_path / "out"), "--model", model]
    main([*arguments, "--to", "lmms-eval"])
    text = (tmp_path / "out" / "_default_template_yaml").read_text().replace("!function", "")
    assert yaml.safe_load(text)["generation_kwargs"]["max_new_tokens"] == length
    main([*arguments, "--to", "evalscope"])
    assert json.loads((tmp_path / "out" / "export.json").read_text())["max_tokens"] == length
