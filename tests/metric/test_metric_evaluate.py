"""The metric in `evaluate`: loading by name and path, both forms of reference, one process and several."""

import json
import shutil
import sys
from pathlib import Path

import datasets
import evaluate
import pytest
from support import output, start_offline

import sarchat_metric
from sarchat_metric import SARChatMetric, score

SCRIPT = Path(sarchat_metric.__file__)
BOX = "{<10><10><50><50>}"
ANSWERS = [
    {"task": "classification", "scenario": "multi", "answer": "ship and car"},
    {"task": "counting", "scenario": "multi", "answer": f"There are 2 instances. {BOX}{{<60><60><90><90>}}"},
    {"task": "referring", "scenario": "single", "answer": f"{BOX} (top left)"},
    {"task": "identification", "scenario": "single", "answer": "This is a small ship in the top left."},
]
MESSAGES = [
    {key: reference[key] for key in ("task", "scenario")}
    | {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": reference["answer"]}]}
    for reference in ANSWERS
]
PREDICTIONS = ["a ship", f"2 {BOX}", "nothing", "\ud800 a small\x00 ship"]


@pytest.fixture
def metric(tmp_path):
    return SARChatMetric(cache_dir=str(tmp_path))


@pytest.mark.parametrize("references", [ANSWERS, MESSAGES], ids=["answer", "messages"])
@pytest.mark.parametrize("average", ["sample", "corpus"])
def test_compute_equals_the_pure_function(metric, references, average):
    expected = score(PREDICTIONS, ANSWERS, average)
    assert metric.compute(predictions=PREDICTIONS, references=references, average=average) == expected

    for prediction, reference in zip(PREDICTIONS, references, strict=True):
        metric.add(prediction=prediction, reference=reference)
    assert metric.compute(average=average) == expected

    for start in (0, 3):
        batch = slice(start, start + 3)
        metric.add_batch(predictions=PREDICTIONS[batch], references=references[batch])
    assert metric.compute(average=average) == expected


def test_both_forms_are_alternatives_and_may_be_mixed(metric):
    assert [sorted(features["references"]) for features in metric.features] == [
        ["answer", "scenario", "task"],
        ["messages", "scenario", "task"],
    ]
    mixed = [*MESSAGES[:2], *ANSWERS[2:]]
    assert metric.compute(predictions=PREDICTIONS, references=mixed) == score(PREDICTIONS, ANSWERS)


def test_rows_and_columns_of_a_dataset(metric):
    data = datasets.Dataset.from_list([row | {"id": str(i), "width": 9} for i, row in enumerate(MESSAGES)])
    data = data.add_column("prediction", [*PREDICTIONS[:3], "a ship"])
    expected = score(data["prediction"], ANSWERS)
    assert score(data["prediction"], data) == expected
    assert metric.compute(predictions=data["prediction"], references=data) == expected


def test_result_can_be_saved(metric, tmp_path):
    results = metric.compute(predictions=PREDICTIONS, references=ANSWERS)
    path = evaluate.save(tmp_path / "results.json", **results)
    saved = json.loads(Path(path).read_text(encoding="utf-8"))
    assert {key: saved[key] for key in results} == results


def test_combined_with_itself(tmp_path):
    both = evaluate.combine([SARChatMetric(cache_dir=str(tmp_path / name)) for name in "ab"])
    results = both.compute(predictions=PREDICTIONS, references=MESSAGES)
    expected = score(PREDICTIONS, ANSWERS)
    assert [results[f"sar_chat_metric_{index}_overall"] for index in (0, 1)] == [expected["overall"]] * 2


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([], [], "nothing to score"),
        (["a ship"], ANSWERS[:2], "1 predictions for 2 references"),
        (["a ship", 3], ANSWERS[:2], "record 1: a prediction must be a string, got int"),
        (["a ship", None], ANSWERS[:2], "record 1: a prediction must be a string, got NoneType"),
        (["a ship"], [ANSWERS[0] | {"task": "vqa"}], "record 0: unknown task 'vqa'"),
        (["a ship"], [{"task": "counting", "scenario": "single"}], "record 0: .*a text as 'answer', or 'messages'"),
        (["a ship"], [ANSWERS[0] | {"answer": "no idea"}], "record 0: no categories can be read"),
    ],
)
def test_bad_input_is_named_and_leaves_the_metric_usable(metric, predictions, references, message):
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=predictions, references=references)
    assert metric.compute(predictions=PREDICTIONS, references=ANSWERS) == score(PREDICTIONS, ANSWERS)


def test_bad_average(metric):
    with pytest.raises(ValueError, match="unknown average 'macro'"):
        metric.compute(predictions=PREDICTIONS, references=ANSWERS, average="macro")
    assert metric.compute(predictions=PREDICTIONS, references=ANSWERS) == score(PREDICTIONS, ANSWERS)


# In an image of 500 x 1000, which Qwen2.5-VL's processor makes one of 504 x 1008.
SIZED = ANSWERS[2] | {"answer": "{<50><200><150><400>} (top left)", "width": 500, "height": 1000}


@pytest.mark.parametrize(
    ("answer", "options", "more"),
    [
        ("(100,200),(300,400)", {"box_format": "qwen2-vl"}, {}),
        ('{"box_2d": [200, 100, 400, 300]}', {"box_format": "gemini"}, {}),
        ("[50.4, 201.6, 151.2, 403.2]", {"box_format": "qwen2.5-vl", "resize": "28,3136,12845056"}, {}),
        ("[50.4, 201.6, 151.2, 403.2]", {"box_format": "qwen2.5-vl", "input_size": "504x1008"}, {}),
        ("[50.4, 201.6, 151.2, 403.2]", {"box_format": "qwen2.5-vl"}, {"input_width": 504, "input_height": 1008}),
    ],
)
def test_boxes_in_a_models_notation(metric, answer, options, more):
    reference = SIZED | more
    for result in (
        metric.compute(predictions=[answer], references=[reference], **options),
        score([answer], [reference], **options),
    ):
        assert result["referring/single/iou@0.5"] == 100
    # In another notation it is none, or elsewhere.
    assert score([answer], [reference])["referring/single/iou@0.5"] == 0


@pytest.mark.parametrize(
    ("options", "reference", "message"),
    [
        ({"box_format": "qwen3vl"}, SIZED, "record 0: unknown box format 'qwen3vl' \\(did you mean 'qwen3-vl'"),
        ({"box_format": "qwen3-vl"}, ANSWERS[2], "record 0: .*need the image's width and height"),
        ({"box_format": "qwen2.5-vl"}, SIZED, "record 0: .*a size that answers do not contain"),
        ({"box_format": "qwen3-vl", "resize": "28,3136,12845056"}, SIZED, "record 0: .*does not depend"),
    ],
)
def test_a_notation_that_cannot_be_read_is_one_line(metric, options, reference, message):
    with pytest.raises(ValueError, match=message) as error:
        metric.compute(predictions=["[1, 2, 3, 4]"], references=[reference], **options)
    assert "\n" not in str(error.value)


def test_a_notation_needs_the_answers_in_the_same_call(metric):
    metric.add(prediction="a ship", reference=ANSWERS[0])
    with pytest.raises(ValueError, match="in the same call of compute"):
        metric.compute(box_format="qwen3-vl")


def test_a_notation_without_the_package_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "builders.notation.translate", None)
    with pytest.raises(ImportError, match="needs SARChat's package beside this file") as error:
        score(["[1, 2, 3, 4]"], [SIZED], box_format="qwen3-vl")
    assert "\n" not in str(error.value)


LOAD = """
import json, sys, evaluate
metric = evaluate.load(sys.argv[1])
predictions, references = json.loads(sys.argv[2])
results = metric.compute(predictions=predictions, references=references)
print(json.dumps([metric.name, metric.module_type, bool(metric.citation and metric.description), results]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sarchat_metric", "by path"])
def test_load_by_name_and_by_path(tmp_path, name):
    (tmp_path / "sarchat_metric").mkdir()
    copied = shutil.copy(SCRIPT, tmp_path / "sarchat_metric")
    place = copied if name == "by path" else name
    data = json.dumps([PREDICTIONS[:3], MESSAGES[:3]])
    loaded = json.loads(output(start_offline(LOAD, tmp_path, place, data)))
    assert loaded == ["sar_chat_metric", "metric", True, score(PREDICTIONS[:3], ANSWERS[:3])]


DOCTEST = """
import doctest, evaluate, sys
metric = evaluate.load("sarchat_metric")
module = sys.modules[type(metric).__module__]
failed, tried = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
print(failed, tried)
"""


@pytest.mark.slow
def test_examples_run(tmp_path):
    (tmp_path / "sarchat_metric").mkdir()
    shutil.copy(SCRIPT, tmp_path / "sarchat_metric")
    failed, tried = map(int, output(start_offline(DOCTEST, tmp_path)).split()[-2:])
    assert failed == 0
    assert tried == SCRIPT.read_text(encoding="utf-8").count(">>> ") > 0


PROCESS = """
import json, sys, evaluate
path, process, count, data = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
metric = evaluate.load(path, num_process=count, process_id=process, experiment_id="several", cache_dir="shared")
for prediction, reference in data[process::count]:
    metric.add(prediction=prediction, reference=reference)
print(json.dumps(metric.compute()))
"""


@pytest.mark.slow
def test_several_processes(tmp_path):
    data = json.dumps(list(zip(PREDICTIONS[:3], MESSAGES[:3], strict=True)))
    processes = [start_offline(PROCESS, tmp_path, SCRIPT, index, 2, data) for index in range(2)]
    first, second = (json.loads(output(process)) for process in processes)
    assert first == score(PREDICTIONS[:3], ANSWERS[:3])
    assert second is None
