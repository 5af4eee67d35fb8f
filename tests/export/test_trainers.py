"""What trainers themselves make of an export: every record encoded by their own code, and two steps of training.

Each needs an environment of its own, see `environments.sh`. Models are tiny and random; images, records, tokens of the
special kind, resizing and templates are the real ones. The records are the sample's, or those of the built folder or
SARDet-100K that `SARCHAT_TRAINERS_DATA` names.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import trainer_environments as trainers
import yaml
from built_fixture import sample_build
from support import ROOT

from builders.core.schema import IN_ALL
from builders.data.open_data import open_data
from builders.export.pipeline import ExportOptions, export
from builders.export.recipe import default_model, resize_of
from builders.notation.formats import InputSize, get_format
from builders.notation.translate import translate
from sarchat_metric import score

pytestmark = pytest.mark.slow

BOX = re.compile(r"\{<(\d+)><(\d+)><(\d+)><(\d+)>\}")
FOUR_NUMBERS = re.compile(r"\[([\d., ]+)\]|\((\d+),(\d+)\),\((\d+),(\d+)\)")
END = "<|im_end|>\n"
SPLIT = "train"
PLUGIN = ROOT / "builders" / "rewards" / "ms_swift_plugin.py"


def location() -> str:
    return os.environ.get("SARCHAT_TRAINERS_DATA") or str(sample_build())


@pytest.fixture(scope="module")
def records() -> dict[str, dict[str, Any]]:
    data = open_data(location())
    return {row["id"]: row for task in IN_ALL for row in data.rows(task, SPLIT)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Export the training split, and move the folder; return where it is then."""
    folder = tmp_path_factory.mktemp("trainers")
    numbers = count()

    def make(name: str, box_format: str | None = None, layout: str = "tasks", *, evaluated: bool = False) -> Path:
        out, moved = folder / "out", folder / "moved here" / f"{name}-{next(numbers)}"
        splits = (SPLIT, "validation") if evaluated else (SPLIT,)
        export(location(), out, ExportOptions(name, splits=splits, box_format=box_format, layout=layout))
        moved.parent.mkdir(exist_ok=True)
        return out.rename(moved)

    return make


def of_files(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of all tasks' JSON Lines in the order of `IN_ALL`."""
    return [json.loads(line) for task in IN_ALL for line in (folder / f"{task}-{SPLIT}.jsonl").read_text().splitlines()]


def boxes_of(text: str) -> list[list[int]]:
    return [[*map(int, box)] for box in BOX.findall(text)]


def numbers_of(text: str) -> list[list[int]]:
    """Return the boxes that a text spells as `[x1, y1, x2, y2]` or `(x1,y1),(x2,y2)`."""
    found = []
    for match in FOUR_NUMBERS.finditer(text):
        found.append([int(number) for number in (match[1].split(",") if match[1] else match.groups()[1:])])
    return found


def assert_boxes_in_the_models_unit(
    encoded: Mapping[str, Any], record: Mapping[str, Any], size: tuple[int, int]
) -> None:
    """Compare the boxes of what is learned, and of the whole input, with the corners times size / original, rounded."""
    scale = [side / own for side, own in zip(size, (record["width"], record["height"]), strict=True)] * 2
    question, answer = (message["content"] for message in record["messages"])
    for text, gold in ((encoded["labels"], answer), (encoded["input"], question + answer)):
        expected = [
            [round(corner * factor) for corner, factor in zip(box, scale, strict=True)] for box in boxes_of(gold)
        ]
        assert numbers_of(text) == expected, (text, gold)


def score_decoded(
    encoded: Iterable[Mapping[str, Any]], records: Iterable[Mapping[str, Any]], box_format: str
) -> dict[str, Any]:
    """Score what a model was to learn as if it had answered it."""
    fmt, answers, references = get_format(box_format), [], []
    for line, record in zip(encoded, records, strict=True):
        size = InputSize(*line["size"]) if fmt.unit == "input-pixels" else None
        text = line["labels"].removesuffix(END)
        answers.append(translate(text, fmt, record["width"], record["height"], size).text)
        references.append(record)
    return score(answers, references)


@pytest.mark.parametrize(
    ("family", "template", "notation"),
    [
        ("qwen2-vl", "qwen2_vl", "legacy"),
        ("qwen2.5-vl", "qwen2_5_vl", "new"),
        ("qwen3-vl", "qwen3_vl", "new"),
    ],
)
def test_ms_swift_encodes_every_record(family, template, notation, exported, records):
    folder = exported("ms-swift")
    rows = of_files(folder)
    encoded = trainers.drive(
        "ms-swift",
        "ms_swift_records.py",
        trainers.tiny_model("ms-swift", family),
        template,
        *(folder / f"{task}-{SPLIT}.jsonl" for task in IN_ALL),
        ROOT_IMAGE_DIR=str(folder),
        MIN_PIXELS="3136",
        MAX_PIXELS="12845056",
        QWENVL_BBOX_FORMAT=notation,
    )
    assert len(encoded) == len(rows) == len(records)
    gold = [records[row["id"]] for row in rows]
    for line, record in zip(encoded, gold, strict=True):
        assert_boxes_in_the_models_unit(line, record, line["size"] if family == "qwen2.5-vl" else (1000, 1000))
        words = BOX.sub("", record["messages"][1]["content"])
        assert FOUR_NUMBERS.sub("", re.sub(r"<\|box_(start|end)\|>", "", line["labels"])) == words + END
    result = score_decoded(encoded, gold, family)
    assert result["overall"] >= 99.9, result
    print(f"\nround trip by ms-swift, {family}: overall {result['overall']:.3f} over {len(gold)} records")


def assert_evaluated(printed: str) -> None:
    """The trainer evaluated once, on the validation records."""
    (loss,) = re.findall(r"'eval_loss': '?([\d.]+)", printed)
    assert float(loss) >= 0


def answers_in(record: Mapping[str, Any]) -> str:
    """Return all that a model learns of a dialogue: each answer, and that it ends."""
    return "".join(message["content"] + END for message in record["messages"][1::2])


@pytest.fixture(scope="module")
def dialogues() -> list[dict[str, Any]]:
    found = list(open_data(location()).rows("dialogue", SPLIT))
    assert max(len(row["messages"]) for row in found) > 4
    return found


def test_ms_swift_learns_each_answer_of_a_dialogue(exported, dialogues):
    folder = exported("ms-swift", "sarchat", "dialogue")
    encoded = trainers.drive(
        "ms-swift",
        "ms_swift_records.py",
        trainers.tiny_model("ms-swift", "qwen2.5-vl"),
        "qwen2_5_vl",
        folder / f"dialogue-{SPLIT}.jsonl",
        ROOT_IMAGE_DIR=str(folder),
    )
    assert [line["labels"] for line in encoded] == list(map(answers_in, dialogues))


def test_ms_swift_rescales_each_box_of_a_dialogue(exported, dialogues):
    folder = exported("ms-swift", layout="dialogue")
    encoded = trainers.drive(
        "ms-swift",
        "ms_swift_records.py",
        trainers.tiny_model("ms-swift", "qwen3-vl"),
        "qwen3_vl",
        folder / f"dialogue-{SPLIT}.jsonl",
        ROOT_IMAGE_DIR=str(folder),
        QWENVL_BBOX_FORMAT="new",
    )
    for line, record in zip(encoded, dialogues, strict=True):
        scale = [1000 / record["width"], 1000 / record["height"]] * 2
        for text, role in ((line["labels"], slice(1, None, 2)), (line["input"], slice(None))):
            boxes = boxes_of("".join(message["content"] for message in record["messages"][role]))
            expected = [[round(corner * factor) for corner, factor in zip(box, scale, strict=True)] for box in boxes]
            assert numbers_of(text) == expected


def test_llama_factory_learns_each_answer_of_a_dialogue(exported, dialogues):
    folder = exported("llama-factory", "sarchat", "dialogue")
    model = trainers.tiny_model("llama-factory", "qwen2.5-vl")
    encoded = trainers.drive("llama-factory", "llama_factory_records.py", folder / "train.yaml", model)
    assert Counter(line["labels"] for line in encoded) == Counter(map(answers_in, dialogues))


@pytest.fixture(scope="module")
def qwen_of_trl(tmp_path_factory) -> Path:
    """Return the tiny model with Qwen2.5-VL's own chat template, of which TRL knows where an answer begins and ends."""
    folder = tmp_path_factory.mktemp("models") / "qwen"
    shutil.copytree(trainers.tiny_model("trl", "qwen2.5-vl"), folder)
    (template,) = trainers.environment("trl").glob("lib/*/site-packages/trl/chat_templates/qwen2_5_vl.jinja")
    shutil.copyfile(template, folder / "chat_template.jinja")
    return folder


def test_trl_learns_each_answer_of_a_dialogue(exported, dialogues, qwen_of_trl):
    folder = exported("trl", "sarchat", "dialogue")
    lines = trainers.drive("trl", "trl_records.py", qwen_of_trl, "train.yaml", cwd=folder)
    assert [line["labels"] for line in lines] == list(map(answers_in, dialogues))


def test_trl_trains_on_dialogues(exported, qwen_of_trl):
    folder = exported("trl", "sarchat", "dialogue")
    arguments = "--max_steps 2 --logging_steps 1 --bf16 false --report_to none --use_cpu true"
    arguments += " --gradient_accumulation_steps 1 --per_device_train_batch_size 2"
    printed = trainers.run("trl", "bash", folder / "train.sh", *arguments.split(), MODEL=str(qwen_of_trl))
    assert len(trainers.losses(printed)) >= 2


def test_ms_swift_trains(exported):
    folder = exported("ms-swift", evaluated=True)
    arguments = "--max_steps 2 --logging_steps 1 --torch_dtype float32 --bf16 false --report_to none --save_strategy no"
    arguments += " --per_device_train_batch_size 2 --gradient_accumulation_steps 1 --eval_steps 2"
    arguments += " --model_type qwen2_5_vl --template qwen2_5_vl"
    printed = trainers.run(
        "ms-swift",
        *("bash", folder / "train.sh", *arguments.split()),
        MODEL=str(trainers.tiny_model("ms-swift", "qwen2.5-vl")),
        OUTPUT=f"{folder}-lora",
    )
    assert len(trainers.losses(printed)) >= 2
    assert_evaluated(printed)


@pytest.mark.parametrize("box_format", ["sarchat", "qwen3-vl"])
def test_ms_swift_rewards(box_format, exported, records):
    folder = exported("ms-swift", box_format)
    files = [folder / f"{task}-{SPLIT}.jsonl" for task in IN_ALL]
    results = trainers.drive("ms-swift", "ms_swift_reward.py", PLUGIN, *files)
    gold, nonsense = ([value for result in results for value in result[name]] for name in ("gold", "nonsense"))
    assert len(gold) == len(nonsense) == len(records)
    assert set(nonsense) == {0.0}
    if box_format == "sarchat":
        assert set(gold) == {1.0}
    # Thousandths of the image's sides: a box of few pixels moves a little.
    assert min(gold) > 0.9


def test_ms_swift_trains_on_the_reward(exported):
    folder = exported("ms-swift", "sarchat")
    arguments = "--rlhf_type grpo --reward_funcs sarchat --max_steps 2 --logging_steps 1 --num_generations 2"
    arguments += " --max_completion_length 8 --per_device_train_batch_size 2 --gradient_accumulation_steps 1"
    arguments += " --torch_dtype float32 --bf16 false --report_to none --save_strategy no --use_vllm false"
    arguments += f" --model_type qwen2_5_vl --template qwen2_5_vl --output_dir ../{folder.name}-grpo"
    printed = trainers.run(
        "ms-swift",
        *("swift", "rlhf", "--external_plugins", PLUGIN, "--dataset", folder / f"referring-{SPLIT}.jsonl"),
        *("--model", trainers.tiny_model("ms-swift", "qwen2.5-vl"), *arguments.split()),
        cwd=folder,
    )
    assert len(trainers.losses(printed)) >= 2
    # A random model writes nonsense.
    rewards = re.findall(r"'rewards/\w+/mean': '?([\d.]+)", printed)
    assert len(rewards) >= 2 and {float(value) for value in rewards} == {0.0}, rewards


@pytest.mark.parametrize("box_format", ["sarchat", "qwen2.5-vl", "qwen3-vl"])
def test_llama_factory_encodes_every_record(box_format, exported, records):
    folder = exported("llama-factory", box_format)
    family = "qwen3-vl" if box_format == "qwen3-vl" else "qwen2.5-vl"
    encoded = trainers.drive(
        "llama-factory",
        "llama_factory_records.py",
        folder / "train.yaml",
        trainers.tiny_model("llama-factory", family),
    )
    info = json.loads((folder / "dataset_info.json").read_text())
    rows = of_files(folder)
    assert len(encoded) == sum(
        entry.get("num_samples", sum(row["id"].startswith(name.split("_")[1]) for row in rows))
        for name, entry in info.items()
    )
    # The sample of identification is in an order of the trainer's; all others are identified by text and image.
    known = {(row["messages"][1]["content"], str(folder / row["images"][0])): records[row["id"]] for row in rows}
    gold = []
    for line in encoded:
        record = known[line["labels"].removesuffix(END), line["image"]]
        gold.append(record)
        if box_format == "qwen2.5-vl":
            assert tuple(line["size"]) == tuple(
                resize_of(default_model(box_format)).of(record["width"], record["height"])
            ), line
            scale = [
                side / own for side, own in zip(line["size"], (record["width"], record["height"]), strict=True)
            ] * 2
            boxes = boxes_of(record["messages"][1]["content"])
            expected = [[round(corner * factor) for corner, factor in zip(box, scale, strict=True)] for box in boxes]
            assert numbers_of(line["labels"]) == expected
    assert score_decoded(encoded, gold, box_format)["overall"] >= 99.9


def test_llama_factory_trains(exported):
    folder = exported("llama-factory", "qwen2.5-vl", evaluated=True)
    arguments = "bf16=false max_steps=2 logging_steps=1 report_to=none preprocessing_num_workers=1"
    arguments += " per_device_train_batch_size=2 gradient_accumulation_steps=1 eval_steps=2"
    printed = trainers.run(
        "llama-factory",
        *("bash", folder / "train.sh", *arguments.split()),
        MODEL=str(trainers.tiny_model("llama-factory", "qwen2.5-vl")),
    )
    assert len(trainers.losses(printed)) >= 2
    assert_evaluated(printed)


@pytest.mark.parametrize("box_format", ["sarchat", "qwen2.5-vl"])
def test_trl_learns_the_answer_and_nothing_else(box_format, exported, records):
    folder = exported("trl", box_format)
    model = trainers.tiny_model("trl", "qwen2.5-vl")
    lines = trainers.drive("trl", "trl_records.py", model, "train.yaml", cwd=folder)
    (config,) = next(yaml.safe_load_all((folder / "README.md").read_text()))["configs"]
    (chosen,) = (files["path"] for files in config["data_files"] if files["split"] == "train")
    written = [name for file in chosen for name in pq.read_table(folder / file)["id"].to_pylist()]
    assert len(chosen) == len(IN_ALL) and [line["id"] for line in lines] == written
    for line in lines:
        record = records[line["id"]]
        if box_format == "sarchat":
            assert line["labels"] == record["messages"][1]["content"] + END
            assert record["messages"][0]["content"] in line["input"]
            assert line["gold"] == 1.0
        else:
            assert_boxes_in_the_models_unit(line, record, line["size"])
            assert line["gold"] > 0.9
        assert line["nonsense"] == 0.0


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_trl_trains(method, exported):
    folder = exported("trl", evaluated=True)
    arguments = "--max_steps 2 --logging_steps 1 --bf16 false --report_to none --use_cpu true"
    arguments += " --gradient_accumulation_steps 1 --eval_steps 2 --dtype float32"
    arguments += " --per_device_train_batch_size 2"
    if method == "grpo":
        arguments += " --num_generations 2 --max_completion_length 8"
    printed = trainers.run(
        "trl",
        *("bash", folder / ("train.sh" if method == "sft" else "train-grpo.sh"), *arguments.split()),
        MODEL=str(trainers.tiny_model("trl", "qwen2.5-vl")),
    )
    assert len(trainers.losses(printed)) >= 2
    assert_evaluated(printed)
    if method == "grpo":
        # A random model writes nonsense.
        rewards = re.findall(r"'rewards/sarchat_reward/mean': '?([\d.]+)", printed)
        assert len(rewards) == 2 and {float(value) for value in rewards} == {0.0}


def test_verl_reads_every_record_and_rewards_it(exported, records):
    folder = exported("verl", "sarchat")
    (result,) = trainers.drive(
        "verl",
        "verl_records.py",
        trainers.tiny_model("verl", "qwen2.5-vl"),
        folder / "sarchat_verl.py",
        *(folder / f"{task}-{SPLIT}.parquet" for task in IN_ALL),
    )
    assert set(result["ids"]) == set(records) and len(result["ids"]) == len(records)
    for name, prompt in zip(result["ids"], result["prompts"], strict=True):
        assert prompt.endswith(f"<|vision_end|>{records[name]['messages'][0]['content']}{END}")
    assert set(result["gold"]) == {1.0} and set(result["nonsense"]) == {0.0}


def test_verl_knows_every_setting(exported):
    # The training itself needs vLLM and a GPU.
    printed = trainers.run("verl", "bash", exported("verl") / "train.sh", "--cfg", "job", "--resolve")
    assert "path: pkg://builders.rewards.verl_reward" in printed


def test_qwen_vl_finetune_loads_every_record(exported, records):
    folder = exported("llava", "qwen2.5-vl")
    lines = trainers.drive(
        "qwen-vl-finetune",
        "qwen_vl_finetune_records.py",
        trainers.tiny_model("qwen-vl-finetune", "qwen2.5-vl"),
        folder,
        *(f"{task}-{SPLIT}" for task in IN_ALL),
        cwd=trainers.environment("qwen-vl-finetune") / "repository" / "qwen-vl-finetune",
    )
    assert [line["id"] for line in lines] == [
        row["id"] for task in IN_ALL for row in json.loads((folder / f"{task}-{SPLIT}.json").read_text())
    ]
    for line in lines:
        assert_boxes_in_the_models_unit(line, records[line["id"]], line["size"])
    assert score_decoded(lines, [records[line["id"]] for line in lines], "qwen2.5-vl")["overall"] >= 99.9


def test_qwen_vl_finetune_trains(exported, tmp_path):
    folder = exported("llava", "qwen2.5-vl")
    # It imports flash_attn, which needs CUDA, and uses it for packed records only.
    package = tmp_path / "flash_attn"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "flash_attn_interface.py").write_text("flash_attn_varlen_func = None\n")
    arguments = "--max_steps 2 --logging_steps 1 --bf16 False --use_cpu True --report_to none"
    arguments += " --per_device_train_batch_size 2 --gradient_accumulation_steps 1"
    printed = trainers.run(
        "qwen-vl-finetune",
        *("bash", folder / "train-qwen-vl-finetune.sh", *arguments.split()),
        cwd=trainers.environment("qwen-vl-finetune") / "repository" / "qwen-vl-finetune",
        MODEL=str(trainers.tiny_model("qwen-vl-finetune", "qwen2.5-vl")),
        OUTPUT=f"{folder}-lora",
        ATTENTION="sdpa",
        PYTHONPATH=f"{tmp_path}:{ROOT}",
    )
    assert len(trainers.losses(printed)) >= 2


def test_llava_next_loads_every_record(exported, records):
    folder = exported("llava", "sarchat")
    script = (folder / "train-llava-next.sh").read_text()
    lines = trainers.drive(
        "llava-next",
        "llava_next_records.py",
        re.search(r'--data_path "(.*)"', script)[1].replace("$HERE", str(folder)),
        folder,
        cwd=trainers.environment("llava-next") / "repository",
    )
    rows = {task: [row["id"] for row in json.loads((folder / f"{task}-{SPLIT}.json").read_text())] for task in IN_ALL}
    largest = max(len(ids) for task, ids in rows.items() if task != "identification")
    read = [line["id"] for line in lines]
    assert len(set(read)) == len(read) and set(read) <= set(records)
    assert Counter(name.split("/")[0] for name in read) == {task: min(len(ids), largest) for task, ids in rows.items()}
    for line in lines:
        record = records[line["id"]]
        question, answer = (message["content"] for message in record["messages"])
        learned = f"assistant\n{answer}{END}"
        assert line["labels"].endswith(learned), line
        # Its loader learns the marks of turns and the line breaks of the other messages, too.
        assert not re.sub(r"<\|im_(start|end)\|>|\n", "", line["labels"].removesuffix(learned)), line
        assert f"user\n\n{question}{END}" in line["input"], line
        assert line["images"] == 1 and line["size"] == [record["width"], record["height"]]


def test_ms_swift_reads_the_papers_layout(tmp_path):
    export(str(sample_build()), tmp_path / "paper", ExportOptions("ms-swift", layout="paper"))
    files = sorted((tmp_path / "paper").glob("SARChat_*.json"))
    model = trainers.tiny_model("ms-swift", "qwen2-vl")
    encoded = trainers.drive(
        "ms-swift", "ms_swift_records.py", model, "qwen2_vl", *files, ROOT_IMAGE_DIR=str(tmp_path / "paper")
    )
    rows = [row for path in files for row in json.loads(path.read_text())]
    assert len(files) == 9
    assert [line["labels"] for line in encoded] == [row["messages"][1]["content"] + END for row in rows]
