"""Files that ms-swift and LLaMA-Factory write themselves, from an export: they score as the plain file does.

A tiny random model answers with nonsense. So its answers are replaced by noisy gold afterwards, which scores something;
everything else in the file is as the tool left it.
"""

import json
from dataclasses import replace

import pytest
import trainer_environments as tools
from built_fixture import sample_build

from builders.cli.demo import add_noise
from builders.data.open_data import open_data
from builders.export.pipeline import ExportOptions, export
from builders.scoring.readers import AnswerSource, read_answers
from builders.scoring.scoring import evaluate_file

pytestmark = pytest.mark.slow

TASK, SPLIT = "referring", "test"


def infer_by_ms_swift(family, folder, out):
    kind = family.replace("-", "_").replace(".", "_")
    arguments = f"--model_type {kind} --template {kind} --torch_dtype float32 --infer_backend transformers"
    arguments += " --max_new_tokens 8 --max_batch_size 1"
    files = ["--val_dataset", folder / f"{TASK}-{SPLIT}.jsonl", "--result_path", out / "result.jsonl"]
    tools.run("ms-swift", "swift", "infer", "--model", tools.tiny_model("ms-swift", family), *files, *arguments.split())
    return out / "result.jsonl"


def predict_by_llama_factory(family, folder, out):
    arguments = "stage=sft do_predict=true predict_with_generate=true max_new_tokens=8 per_device_eval_batch_size=1"
    arguments += f" eval_dataset=sarchat_{TASK}_{SPLIT} dataset_dir={folder} output_dir={out} report_to=none"
    arguments += f" template={TEMPLATES[family]} model_name_or_path={tools.tiny_model('llama-factory', family)}"
    config = out / "predict.yaml"
    config.write_text("".join(line.replace("=", ": ") + "\n" for line in arguments.split()), encoding="utf-8")
    tools.run("llama-factory", "llamafactory-cli", "train", config)
    return out / "generated_predictions.jsonl"


TEMPLATES = {"qwen2.5-vl": "qwen2_vl", "qwen3-vl": "qwen3_vl_nothink"}
TOOLS = {"ms-swift": (infer_by_ms_swift, "response"), "llama-factory": (predict_by_llama_factory, "predict")}


@pytest.mark.parametrize("family", TEMPLATES)
@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_of_a_tool_scores_as_the_plain_one(tool, family, tmp_path):
    tools.environment(tool)
    run, column = TOOLS[tool]
    export(str(sample_build()), tmp_path / "export", ExportOptions(tool, tasks=(TASK,)))
    (tmp_path / "out").mkdir()
    written = run(family, tmp_path / "export", tmp_path / "out")
    records = list(open_data(str(sample_build())).rows(TASK, SPLIT))
    source = AnswerSource(str(written), tool)
    assert_same_scores(source, [answer.text for answer in read_answers(source)], records, tmp_path)

    texts = [add_noise(record["messages"][1]["content"], record["id"]) for record in records]
    rows = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    for row, text in zip(rows, texts, strict=True):
        row[column] = text
    written.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scores = assert_same_scores(source, texts, records, tmp_path)
    assert 0 < scores.flat["overall"] < 100


def assert_same_scores(source, texts, records, folder):
    plain = folder / "plain.jsonl"
    lines = (
        json.dumps({"id": record["id"], "prediction": text}) + "\n" for record, text in zip(records, texts, strict=True)
    )
    plain.write_text("".join(lines), encoding="utf-8")
    scores = evaluate_file(source, sample_build(), TASK, SPLIT, "sample")
    assert replace(scores, name=plain.stem) == evaluate_file(plain, sample_build(), TASK, SPLIT, "sample")
    assert scores.missing == 0
    return scores
