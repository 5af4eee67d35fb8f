"""What harnesses load from an export, called as they call it: the figures of `sarchat score`, whatever the limit."""

import importlib.util
import json

import pyarrow.parquet as pq
import pytest
import yaml
from built_fixture import sample_build
from datasets import load_dataset
from support import refusal

from builders.cli.demo import add_noise
from builders.core.schema import IN_ALL
from builders.data.open_data import open_data
from builders.export.pipeline import ExportOptions, export
from builders.scoring.exported import figure_names
from builders.scoring.scoring import evaluate_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("harness") / "lmms-eval"
    export(str(sample_build()), out, ExportOptions("lmms-eval"))
    return out


@pytest.fixture(scope="module")
def utils(folder):
    """The module that the YAML of the tasks refers to, imported as lmms-eval does."""
    spec = importlib.util.spec_from_file_location("utils", folder / "utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(folder, task):
    return pq.read_table(folder / f"{task}-test.parquet").to_pylist()


def evaluate(utils, rows, answer):
    """As lmms-eval does: each figure's values of all records, then one number of each; weights are lengths."""
    collected = {}
    for row in rows:
        for name, value in utils.process_results(row, [answer(row)]).items():
            collected.setdefault(name, []).append(value)
    assert {len(values) for values in collected.values()} == {len(rows)}
    return {name: utils.aggregate(values) for name, values in collected.items()}


def test_every_figure_is_that_of_score(folder, utils, tmp_path):
    lines, found, sizes = [], {}, []
    averages = {"overall": [], "balanced": []}
    for task in IN_ALL:
        rows = rows_of(folder, task)
        lines += [{"id": row["id"], "prediction": add_noise(row["solution"], row["id"])} for row in rows]
        own = evaluate(utils, rows, lambda row: add_noise(row["solution"], row["id"]))
        for name, values in averages.items():
            values.append(own.pop(name))
        sizes.append(len(rows))
        found |= own
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)))
    expected = dict(evaluate_file(tmp_path / "answers.jsonl", sample_build(), "all", "test", "sample").flat)
    assert utils.average(averages["overall"], sizes, True) == expected.pop("overall")
    assert utils.average(averages["balanced"], sizes, False) == expected.pop("balanced")
    for name in ("n", "unparsed", "hedged"):
        assert {task: found.pop(f"{task}/{name}") for task in IN_ALL} == expected.pop(name)
    assert {name: value for name, value in found.items() if value is not None} == expected


def test_a_sub_score_without_records_is_nothing(folder, utils):
    row = next(row for row in rows_of(folder, "referring") if row["scenario"] == "single")
    found = evaluate(utils, [row], lambda row: row["solution"])
    assert found["referring/multi/iou@0.5"] is None
    assert found["referring/single/iou@0.5"] == found["referring"] == found["overall"] == found["balanced"] == 100
    assert tuple(found) == figure_names("referring")


def test_a_failed_request_is_no_answer(folder, utils):
    row = rows_of(folder, "counting")[0]
    failure = "[LMMS_EVAL_REQUEST_FAILED after 5 retries] Error code: 429"
    found = evaluate(utils, [row], lambda row: failure)
    assert found["counting"] == 0 and found["counting/unparsed"] == 1


def test_the_yaml_of_a_task_names_its_file_and_all_its_figures(folder, utils):
    group = yaml.safe_load((folder / "sarchat.yaml").read_text().replace("!function", ""))
    assert group["task"] == [f"sarchat_{task}" for task in IN_ALL]
    for task in IN_ALL:
        config = yaml.safe_load((folder / f"sarchat_{task}.yaml").read_text().replace("!function", ""))
        assert [entry["metric"] for entry in config["metric_list"]] == [*figure_names(task)]
        assert config["task"] == f"sarchat_{task}" and (folder / config["include"]).is_file()
        files = {split: str(folder / name) for split, name in config["dataset_kwargs"]["data_files"].items()}
        data = load_dataset("parquet", data_files=files, split="test")
        assert len(data) == len(rows_of(folder, task))
        record = next(open_data(str(sample_build())).rows(task, "test"))
        assert data[0]["id"] == record["id"]
        assert utils.doc_to_visual(data[0])[0].size == (record["width"], record["height"])


def test_one_split_is_evaluated(tmp_path, capsys):
    arguments = ("export", sample_build(), "--to", "lmms-eval", "--out", tmp_path / "out")
    assert "evaluates one split" in refusal(capsys, *arguments, "--split", "test", "--split", "train")
    made = export(str(sample_build()), tmp_path / "out", ExportOptions("lmms-eval", splits=("validation",)))
    assert {table.split for table in made.tables} == {"validation"} and not made.training


def test_without_a_record_there_is_no_task(tmp_path):
    export(str(sample_build()), tmp_path / "out", ExportOptions("lmms-eval", ("referring",)))
    names = {path.name for path in (tmp_path / "out").glob("*.yaml")}
    assert names == {"sarchat.yaml", "sarchat_referring.yaml"}
