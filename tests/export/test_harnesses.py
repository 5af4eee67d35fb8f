"""Evaluation harnesses, by their own code: every figure is that of `sarchat score`, and their files are read back.

Each needs an environment of its own, see `environments.sh`. The model is a server on loopback that knows the answers.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import trainer_environments as tools
from built_fixture import sample_build
from chat_server import Asked, ChatServer
from datasets import load_dataset
from PIL import Image
from support import ROOT, command, write_answers

from builders.cli.demo import add_noise
from builders.core.errors import SARChatError
from builders.core.schema import IN_ALL
from builders.data.open_data import open_data
from builders.export.pipeline import ExportOptions, export
from builders.scoring.readers import AnswerSource
from builders.scoring.result import Result
from builders.scoring.scoring import evaluate_file

pytestmark = pytest.mark.slow

THUMBNAIL = (8, 8)


def answer_noisily(number: int, record_id: str, gold: str) -> str:
    """Return what a model may answer: reasoning, closed or not, a refusal, a number, a blank line, wrong boxes."""
    noisy = add_noise(gold, record_id)
    return {
        1: f"<think>Is it a tank? {{<1><2><30><40>}}</think>\n\n{noisy}",
        2: f"<think>Is it a tank? {gold}",
        3: "I cannot tell.",
        4: f"{noisy}\n\nThat is all.",
        5: "2",
    }.get(number % 7, noisy)


class Model:
    """Answers by the question and the image, which harnesses may send as JPEG or enlarged."""

    def __init__(self, noisy: bool) -> None:
        self.answers: dict[str, str] = {}
        self._known: dict[str, list[tuple[np.ndarray, str]]] = defaultdict(list)
        data = open_data(str(sample_build()))
        for task in data.select("all", "test"):
            for row in data.rows(task, "test"):
                question, gold = (message["content"] for message in row["messages"])
                answer = answer_noisily(len(self.answers), row["id"], gold) if noisy else gold
                self.answers[row["id"]] = answer
                self._known[question].append((shrink(row["image"].read()), answer))

    def __call__(self, asked: Asked) -> str:
        parts = {part["type"]: part for part in asked.content}
        seen = shrink(asked.image_of(parts["image_url"]))
        return min(self._known[parts["text"]["text"]], key=lambda known: float(np.abs(known[0] - seen).sum()))[1]


def shrink(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("L").resize(THUMBNAIL, Image.Resampling.BOX), dtype=float)


@pytest.fixture(scope="module", params=["gold", "noisy"])
def model(request):
    return Model(noisy=request.param == "noisy")


@pytest.fixture(scope="module")
def expected(model, tmp_path_factory):
    """The scores of the same answers by `sarchat score`."""
    path = write_answers(tmp_path_factory.mktemp("plain") / "answers.jsonl", model.answers)
    scores = evaluate_file(path, sample_build(), "all", "test", "sample")
    is_gold = not any("cannot tell" in text for text in model.answers.values())
    assert all(value == 100 for value in scores.flat.values() if isinstance(value, float)) == is_gold
    assert (sum(scores.flat["unparsed"].values()) == 0) == is_gold
    return scores


def exported(name: str, folder: Path, **options) -> Path:
    export(str(sample_build()), folder / name, ExportOptions(name, **options))
    return folder / name


def flatten(scores: Result) -> dict[str, float]:
    """Return the figures of `sarchat score` by the names that harnesses have for them."""
    result = dict(scores.flat)
    counts = {
        f"{task}/{name}": count for name in ("n", "unparsed", "hedged") for task, count in result.pop(name).items()
    }
    return result | counts


def assert_same_figures(found: dict[str, float], scores: Result) -> None:
    wanted = flatten(scores)
    assert {name for name, value in found.items() if value is not None} == set(wanted)
    assert {name: value for name, value in wanted.items() if abs(found[name] - value) > 1e-9} == {}


def assert_as_many_as_load_dataset_has(counts: dict[str, int]) -> None:
    assert counts == {task: len(load_dataset(str(sample_build()), task, split="test")) for task in IN_ALL}


def assert_read_back(files: dict[str, Path], tool: str, scores: Result) -> None:
    """The harness's own files score the same, read by `sarchat score --from`; by config."""
    for config, path in files.items():
        found = evaluate_file(AnswerSource(str(path), tool), sample_build(), config, "test", "sample")
        wanted = {name: value for name, value in flatten(scores).items() if name.partition("/")[0] == config}
        assert found.missing == 0 and wanted
        assert {name: flatten(found)[name] for name in wanted} == wanted


def run_lmms_eval(folder: Path, out: Path, url: str, *arguments: object) -> dict[str, dict[str, float]]:
    """Return lmms-eval's results by task, and by its group."""
    tools.run(
        "lmms-eval",
        *("python", "-m", "lmms_eval", "--model", "async_openai"),
        *("--model_args", f"model=stub,base_url={url},api_key=none,num_cpus=2"),
        *("--include_path", folder, "--tasks", "sarchat", "--batch_size", 1, "--log_samples", "--output_path", out),
        *arguments,
    )
    (path,) = out.rglob("*_results.json")
    results = json.loads(path.read_text())["results"]
    return {
        task: {name.removesuffix(",none"): value for name, value in figures.items() if name.endswith(",none")}
        for task, figures in results.items()
    }


def of_lmms_eval(results: dict[str, dict[str, float]]) -> dict[str, float]:
    found = {
        name: value for task in IN_ALL for name, value in results[f"sarchat_{task}"].items() if "_stderr" not in name
    }
    for task in IN_ALL:
        assert results[f"sarchat_{task}"]["overall"] == results[f"sarchat_{task}"][task]
    return found | {name: results["sarchat"][name] for name in ("overall", "balanced")}


def test_lmms_eval_has_the_figures_of_score(model, expected, tmp_path):
    folder = exported("lmms-eval", tmp_path)
    with ChatServer(model) as server:
        found = of_lmms_eval(run_lmms_eval(folder, tmp_path / "out", server.url))
    assert_same_figures(found, expected)
    assert_as_many_as_load_dataset_has({task: found[f"{task}/n"] for task in IN_ALL})
    files = {task: next((tmp_path / "out").rglob(f"*_samples_sarchat_{task}.jsonl")) for task in IN_ALL}
    assert_read_back(files, "lmms-eval", expected)


def test_lmms_eval_with_a_limit(tmp_path):
    folder = exported("lmms-eval", tmp_path)
    with ChatServer(Model(noisy=False)) as server:
        results = run_lmms_eval(folder, tmp_path / "out", server.url, "--limit", 1)
    found = of_lmms_eval(results)
    assert [found[f"{task}/n"] for task in IN_ALL] == [1] * len(IN_ALL)
    scores = [value for name, value in found.items() if not name.endswith(("/n", "/unparsed", "/hedged"))]
    assert None in scores and {value for value in scores if value is not None} == {100.0}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as pip installs it, beside Inspect: entry points are found of what is installed alone."""
    folder = tmp_path_factory.mktemp("installed")
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if not name.startswith(("tests/", "docs/")) and (ROOT / name).exists():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "source" / name)
    target = folder / "site-packages"
    tools.run("inspect", "pip", "install", "--quiet", "--no-deps", "--target", target, folder / "source")
    return target


def run_inspect(installed: Path, log: Path, url: str, *arguments: object) -> dict[str, float]:
    """Return the figures in Inspect's log."""
    tools.run(
        "inspect",
        *(
            "inspect",
            "eval",
            "sarchat_inspect/sarchat",
            "--model",
            "openai-api/stub/model",
            "-T",
            f"data={sample_build()}",
        ),
        *("--log-dir", log, "--display", "none", *arguments),
        PYTHONPATH=str(installed),
        STUB_API_KEY="none",
        STUB_BASE_URL=url,
    )
    (path,) = log.iterdir()
    printed = tools.run("inspect", "inspect", "log", "dump", path)
    path.with_suffix(".json").write_text(printed)
    (scores,) = json.loads(printed)["results"]["scores"]
    return {name: entry["value"] for name, entry in scores["metrics"].items()}


def test_inspect_has_the_figures_of_score(model, expected, installed, tmp_path):
    with ChatServer(model) as server:
        found = run_inspect(installed, tmp_path / "log", server.url)
    assert_same_figures(found, expected)
    assert_as_many_as_load_dataset_has({task: found[f"{task}/n"] for task in IN_ALL})
    for path in (tmp_path / "log").iterdir():
        score = (
            "score",
            path,
            "--references",
            sample_build(),
            "--from",
            "inspect",
            "--output",
            tmp_path / "scores.json",
        )
        tools.run("inspect", "python", *command(*score)[1:])
        read_back = json.loads((tmp_path / "scores.json").read_text())
        assert {name: read_back[name] for name in expected.flat} == expected.flat


def test_inspect_with_a_limit(installed, tmp_path):
    with ChatServer(Model(noisy=False)) as server:
        few = run_inspect(installed, tmp_path / "few", server.url, "--limit", 1)
        subset = run_inspect(installed, tmp_path / "subset", server.url, "-T", "limit=1")
    assert few["classification/n"] == 1 and few["overall"] == 100 and "counting" not in few
    assert {subset[f"{task}/n"] for task in IN_ALL} <= {1, 2} and subset["overall"] == 100


def test_inspect_with_epochs(model, expected, installed, tmp_path):
    """The same answers twice have the same figures; as records are scored once, the log is refused in one line."""
    with ChatServer(model) as server:
        assert_same_figures(run_inspect(installed, tmp_path / "log", server.url, "--epochs", 2), expected)
    (path,) = (tmp_path / "log").glob("*.json")
    with pytest.raises(SARChatError, match="the log has several epochs, but a record is scored once"):
        evaluate_file(AnswerSource(str(path), "inspect"), sample_build(), "all", "test", "sample")


def run_vlmevalkit(folder: Path, out: Path, url: str, name: str = "SARChat") -> dict[str, float]:
    """Run the program of an export in VLMEvalKit's repository; return the figures that it wrote."""
    tools.run(
        "vlmevalkit",
        *("python", folder / "run_sarchat.py", "--data", name, "--model", "stub", "--base-url", url),
        *("--work-dir", out, "--api-nproc", 4, "--retry", 2),
        cwd=tools.environment("vlmevalkit") / "repository",
        LMUData=str(out / "data"),
    )
    # In a folder of the run; the model's folder has links to it.
    (path,) = out.glob("stub/T*/*_sarchat.json")
    return json.loads(path.read_text())


def test_vlmevalkit_has_the_figures_of_score(model, expected, tmp_path):
    folder = exported("vlmevalkit", tmp_path)
    with ChatServer(model) as server:
        found = run_vlmevalkit(folder, tmp_path / "out", server.url)
    assert_same_figures(found, expected)
    assert_as_many_as_load_dataset_has({task: found[f"{task}/n"] for task in IN_ALL})
    (path,) = (tmp_path / "out").glob("stub/T*/stub_SARChat.tsv")
    read_back = evaluate_file(AnswerSource(str(path), "vlmevalkit"), sample_build(), "all", "test", "sample")
    assert read_back.flat == expected.flat


def test_vlmevalkit_with_one_task_and_few_records(tmp_path):
    folder = exported("vlmevalkit", tmp_path, limit=1)
    with ChatServer(Model(noisy=False)) as server:
        found = run_vlmevalkit(folder, tmp_path / "out", server.url, "SARChat_classification")
    assert found["classification/n"] == 2 and found["overall"] == 100 and "counting" not in found


def run_evalscope(folder: Path, out: Path, url: str, *arguments: object) -> dict[str, float]:
    """Run the program of an export; return the figures that it wrote."""
    tools.run(
        "evalscope",
        *("python", folder / "sarchat_evalscope.py", "--datasets", "sarchat", "--model", "stub", "--api-url", url),
        *("--eval-type", "openai_api", "--work-dir", out, "--eval-batch-size", 4, *arguments),
    )
    (path,) = out.rglob("sarchat_figures.json")
    return json.loads(path.read_text())


def test_evalscope_has_the_figures_of_score(model, expected, tmp_path):
    folder = exported("evalscope", tmp_path)
    with ChatServer(model) as server:
        found = run_evalscope(folder, tmp_path / "out", server.url)
    assert_same_figures(found, expected)
    assert_as_many_as_load_dataset_has({task: found[f"{task}/n"] for task in IN_ALL})
    files = {task: next((tmp_path / "out").rglob(f"reviews/*/sarchat_{task}.jsonl")) for task in IN_ALL}
    assert_read_back(files, "evalscope", expected)
    (path,) = (tmp_path / "out").rglob("reports/*/sarchat.json")
    (accuracy,) = json.loads(path.read_text())["metrics"]
    # EvalScope rounds.
    assert accuracy["score"] == pytest.approx(found["overall"] / 100, abs=1e-4)


def test_evalscope_with_a_limit(tmp_path):
    folder = exported("evalscope", tmp_path)
    with ChatServer(Model(noisy=False)) as server:
        found = run_evalscope(folder, tmp_path / "out", server.url, "--limit", 2)
    assert [found[f"{task}/n"] for task in IN_ALL] == [2] * len(IN_ALL) and found["overall"] == 100


def refused_every_third(number: int) -> int | None:
    return 403 if number % 3 == 0 else None


def assert_failures_count(found: dict[str, float]) -> None:
    """A third of the requests of a perfect model failed: they are unanswered records, not fewer ones."""
    number = len(load_dataset(str(sample_build()), "referring", split="test"))
    failed = found["referring/unparsed"]
    assert found["referring/n"] == number and 0 < failed < number
    scores = [value for name, value in found.items() if name.startswith("referring/") and "iou" in name]
    assert scores and min(scores) < 100
    assert found["referring/single/iou@0.25"] <= 100


def test_inspect_counts_failed_requests(installed, tmp_path):
    options = ("--no-fail-on-error", "-T", "config=referring")
    with ChatServer(Model(noisy=False), fault=refused_every_third) as server:
        found = run_inspect(installed, tmp_path / "log", server.url, *options)
    assert_failures_count(found)
    (path,) = (tmp_path / "log").glob("*.json")
    again = evaluate_file(AnswerSource(str(path), "inspect"), sample_build(), "referring", "test", "sample")
    assert {name: found[name] for name in again.scores} == pytest.approx(dict(again.scores))
    # With epochs, a record may fail in one of them alone.
    with ChatServer(Model(noisy=False), fault=refused_every_third) as server:
        found = run_inspect(installed, tmp_path / "epochs", server.url, *options, "--epochs", 2)
    assert_failures_count(found)
    (path,) = (tmp_path / "epochs").glob("*.json")
    errors = sum(bool(sample.get("error")) for sample in json.loads(path.read_text())["samples"])
    assert found["referring/unparsed"] == errors / 2


def test_evalscope_counts_failed_requests(tmp_path):
    folder = exported("evalscope", tmp_path)
    for path in folder.glob("*-test.jsonl"):
        if not path.name.startswith("referring"):
            path.unlink()
    with ChatServer(Model(noisy=False), fault=refused_every_third) as server:
        found = run_evalscope(folder, tmp_path / "out", server.url, "--ignore-errors")
    assert_failures_count(found)
