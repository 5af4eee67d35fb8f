"""`sarchat score --eval-results`: the file is read by the Hub's own client, with the scores of the JSON output."""

import json

import huggingface_hub
import pytest
import yaml
from built_fixture import sample_build, sample_gold
from support import refusal, write_answers

from builders.cli.command import main
from builders.cli.demo import noisy_answers
from builders.core.schema import IN_ALL


@pytest.fixture
def answers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_answers(tmp_path / "answers.jsonl", noisy_answers(sample_gold()))


def score(answers, *options):
    main(["score", str(answers), "--references", str(sample_build()), "--output", "scores.json", *options])
    return json.loads(answers.with_name("scores.json").read_text())


@pytest.mark.parametrize(("repo_id", "revision"), [("alice/sarchat", None), ("alice/sarchat@0123abc", "0123abc")])
def test_a_round_trip_through_the_hubs_client(repo_id, revision, answers, capsys):
    scores = score(answers, "--eval-results", repo_id)
    path = answers.with_name(".eval_results") / "sarchat.yaml"
    assert f"hf upload MODEL {path.relative_to(answers.parent)}" in capsys.readouterr().err
    content = yaml.safe_load(path.read_text())
    if not hasattr(huggingface_hub, "parse_eval_result_entries"):
        pytest.skip(f"huggingface_hub {huggingface_hub.__version__} has no classes for evaluation results")
    entries = huggingface_hub.parse_eval_result_entries(content)
    assert huggingface_hub.eval_result_entries_to_yaml(entries) == content
    assert {entry.task_id: entry.value for entry in entries} == {
        "all": scores["overall"],
        **{task: scores[task] for task in IN_ALL},
    }
    assert {(entry.dataset_id, entry.dataset_revision) for entry in entries} == {("alice/sarchat", revision)}
    assert all(f"metric {scores['metric_version']}" in entry.notes for entry in entries)


def test_one_task_is_one_entry(answers):
    lines = [line for line in answers.read_text().splitlines() if '"referring/' in line]
    answers.write_text("\n".join(lines))
    score(answers, "--config", "referring", "--eval-results", "alice/sarchat")
    (entry,) = yaml.safe_load((answers.with_name(".eval_results") / "sarchat.yaml").read_text())
    assert entry["dataset"] == {"id": "alice/sarchat", "task_id": "referring"}


def test_answers_with_gaps_are_no_result_of_a_split(answers, capsys):
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join(lines[: len(lines) // 2]))
    arguments = ("score", answers, "--references", sample_build(), "--output", "scores.json")
    line = refusal(capsys, *arguments, "--eval-results", "alice/sarchat")
    assert f"{len(lines) - len(lines) // 2} of its records have none" in line
    assert not answers.with_name(".eval_results").exists() and not answers.with_name("scores.json").exists()
    main([*map(str, arguments)])
    assert json.loads(answers.with_name("scores.json").read_text())["missing"] == len(lines) - len(lines) // 2


def test_what_is_no_result_of_a_data_set_on_the_hub_is_refused(answers, capsys):
    arguments = ("score", answers, "--references", sample_build(), "--eval-results")
    assert "expected the data set on the Hub" in refusal(capsys, *arguments, "sarchat")
    assert "these are of --limit 2" in refusal(capsys, *arguments, "alice/sarchat", "--limit", 2)
    assert not answers.with_name(".eval_results").exists()
