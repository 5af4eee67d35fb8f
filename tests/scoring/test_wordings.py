"""Consistency over several wordings: the share of records answered alike, and intervals that draw them together."""

from __future__ import annotations

import json

import numpy as np
import pytest
from built_fixture import sample_corpus
from support import build, write_answers

from builders.build.options import BuildOptions
from builders.core.errors import SARChatError
from builders.scoring.bootstrap import intervals, paired_intervals
from builders.scoring.gold import read_gold
from builders.scoring.result_files import read_result
from builders.scoring.scoring import evaluate_file
from sarchat_metric import tally

K = 3


@pytest.fixture(scope="module")
def worded(tmp_path_factory):
    out = tmp_path_factory.mktemp("worded") / "out"
    options = BuildOptions(sample=True, pictures=False, splits=("test",), wordings={"test": K})
    build(sample_corpus(), out, options)
    return out


def gold_of(folder, config):
    records = read_gold(str(folder), config, "test").records
    return {record_id: record["messages"][1]["content"] for record_id, record in records.items()}


def write(path, folder, change, config="all"):
    golds = gold_of(folder, config)
    return write_answers(path, {record_id: change(record_id, gold) for record_id, gold in golds.items()})


def test_equal_and_different_answers_are_counted(worded, tmp_path, sarchat):
    """Every second base record of counting gets one wrong number in its last wording."""
    bases = [record_id for record_id in gold_of(worded, "counting") if "#" not in record_id]
    wrong = {f"{base}#{K - 1}" for base in bases[::2]}
    path = write(
        tmp_path / "a.jsonl", worded, lambda name, gold: gold.replace("There", "9. There") if name in wrong else gold
    )
    result = evaluate_file(path, worded, "all", "test", "sample")
    assert result.wordings == K and result.sizes["counting"] == K * len(bases)
    assert result.counts["alike"] == {
        task: size // K - (len(wrong) if task == "counting" else 0) for task, size in result.sizes.items()
    }
    assert result.scores["counting/count"] == pytest.approx(100 - 100 * len(wrong) / (K * len(bases)))
    run = sarchat("score", path, "--references", worded, "--output", tmp_path / "s.json", "--details", tmp_path / "d")
    title, table = run.stdout.partition(f"Records answered alike in all {K} wordings, in percent:")[1:]
    assert title and f"counting {len(bases)} {100 - 100 * len(wrong) / len(bases):.2f}" in " ".join(table.split())
    assert json.loads((tmp_path / "s.json").read_text())["alike"]["counting"] == len(bases) - len(wrong)
    for name in ("s.json", "d"):
        assert read_result(tmp_path / name).wordings == K
    same = sarchat("compare", tmp_path / "s.json", tmp_path / "s.json")
    assert same.returncode == 0, same.stderr


@pytest.mark.parametrize(
    ("task", "answers", "alike"),
    [
        ("counting", ["There is 1 ship. {<10><10><50><50>}", "1 {<11><10><50><51>}"], True),
        ("counting", ["1", "1"], True),
        ("counting", ["There is 1 ship. {<10><10><50><50>}", "1 {<100><10><150><50>}"], False),
        ("counting", ["There are 2", "There are 2, yes"], False),
        ("identification", ["A small ship.", "It is a large vessel"], True),
        ("identification", ["A small ship.", "A bridge"], False),
        ("identification", ["A ship or a car", "A ship or a car"], False),
        ("presence", ["Yes", "There is one."], True),
        ("presence", ["Yes", "no"], False),
        ("presence", ["", ""], False),
    ],
)
def test_what_is_alike(worded, tmp_path, task, answers, alike):
    path = write(
        tmp_path / "a.jsonl", worded, lambda name, gold: answers[0] if "#" not in name else answers[1], config=task
    )
    result = evaluate_file(path, worded, task, "test", "sample")
    assert result.counts["alike"] == {task: result.sizes[task] // K if alike else 0}


def test_intervals_draw_the_wordings_of_a_record_together():
    """Answers that are alike say no more than one: the interval is that of one answer to each record."""
    reference = {"task": "presence", "scenario": "multi", "answer": "Yes"}
    single = ["Yes", "No", "No", "Yes", "Yes"] * 40
    once = tally(single, [reference] * len(single))
    repeated = tally([answer for answer in single for _ in range(K)], [reference] * (K * len(single)))
    key = "presence/accuracy"
    assert intervals(repeated, "sample", wordings=K) == intervals(once, "sample")
    low, high = intervals(once, "sample")[key]
    narrow = np.subtract(*intervals(repeated, "sample")[key][::-1])
    assert narrow == pytest.approx((high - low) / K**0.5, rel=0.1)
    other = tally(["Yes"] * len(single), [reference] * len(single))
    others = tally(["Yes"] * (K * len(single)), [reference] * (K * len(single)))
    assert paired_intervals(repeated, others, "sample", wordings=K) == paired_intervals(once, other, "sample")


def test_uneven_numbers_of_wordings_are_refused(worded, tmp_path):
    path, details = write(tmp_path / "a.jsonl", worded, lambda name, gold: gold), tmp_path / "details.jsonl"
    evaluate_file(path, worded, "all", "test", "sample", details)
    first, *lines = details.read_text().splitlines(keepends=True)
    assert "#" in json.loads(lines[0])["id"]
    details.write_text("".join([first, *lines[1:]]))
    with pytest.raises(SARChatError, match=f"details.jsonl: records have from {K - 1} to {K} wordings"):
        read_result(details)
