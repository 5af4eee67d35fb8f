"""`sarchat compare`: differences and paired intervals of models on the same records."""

import json

import numpy as np
import pytest
from built_fixture import sample_build, sample_gold
from resampling import draw_records
from support import refusal, write_answers

from builders.cli.demo import add_noise, noisy_answers
from builders.evaluation.bootstrap import RESAMPLES, paired_intervals, unique_rows
from builders.evaluation.comparison import record_accuracies
from builders.evaluation.gold import read_gold
from builders.evaluation.readers import AnswerSource
from builders.evaluation.record_counts import pack_counts, unpack_counts
from builders.evaluation.scored_records import join_file
from builders.evaluation.scoring import evaluate, evaluate_both
from sarchat_metric import SUB_SCORES, summarise, tally


@pytest.fixture(scope="module")
def gold():
    return sample_gold()


@pytest.fixture(scope="module")
def files(gold, tmp_path_factory):
    """Answers with noise, and the same with more noise in a third of them."""
    folder = tmp_path_factory.mktemp("answers")
    once = noisy_answers(gold)
    twice = {
        key: add_noise(text, f"{key}/again") if place % 3 == 0 else text
        for place, (key, text) in enumerate(once.items())
    }
    return write_answers(folder / "once.jsonl", once), write_answers(folder / "twice.jsonl", twice)


@pytest.fixture(scope="module")
def tallies(files):
    read = read_gold(str(sample_build()), "all", "test")
    return [evaluate(join_file(AnswerSource(str(path)), read), "sample").tally for path in files]


@pytest.mark.slow
def test_paired_intervals_agree_with_a_bootstrap_record_by_record(tallies):
    first, second = tallies
    rng = np.random.default_rng(2)
    drawn = []
    for _ in range(1000):
        weights = draw_records(first.tasks, rng)
        scores = [summarise(counts, "sample", weights) for counts in (first, second)]
        drawn.append({key: scores[0][key] - scores[1][key] for key in ("overall", "counting", "identification")})
    found = paired_intervals(first, second, "sample")
    for key in drawn[0]:
        assert found[key] == pytest.approx(np.percentile([draw[key] for draw in drawn], (2.5, 97.5)), abs=1.5)


def test_the_same_answers_differ_by_nothing(tallies):
    assert set(paired_intervals(tallies[0], tallies[0], "corpus").values()) == {(0.0, 0.0)}


def test_counts_of_records_come_back_from_a_file(tallies):
    counts = tallies[1]
    sizes = summarise(counts)["n"]
    back = unpack_counts(json.loads(json.dumps(pack_counts(counts))), sizes)
    for average in ("sample", "corpus"):
        expected = summarise(counts, average)
        read = summarise(back, average)
        assert {key: read[key] for keys in SUB_SCORES.values() for key in keys if key in read} == {
            key: expected[key] for keys in SUB_SCORES.values() for key in keys if key in expected
        }
        assert read["overall"] == expected["overall"]


@pytest.mark.parametrize("change", [{"records": "AAAA"}, {"kinds": [[1]]}, {"sub_scores": ["x"]}, {"kinds": [[0] * 9]}])
def test_damaged_counts_are_refused(change, tallies):
    packed = pack_counts(tallies[0])
    packed["counting"] |= change
    with pytest.raises(ValueError, match="counting"):
        unpack_counts(packed, summarise(tallies[0])["n"])


def test_a_record_s_accuracy_is_the_mean_of_its_sub_scores(gold, files):
    answers = [json.loads(line)["prediction"] for line in files[1].read_text().splitlines()]
    found = record_accuracies(tally(answers, gold.values()))
    for place in range(0, len(answers), 7):
        alone = summarise(tally(answers[place : place + 1], [list(gold.values())[place]]))
        assert found[place] == pytest.approx(alone["overall"])


def test_files_of_scores_compare_as_their_answers_do(files, tmp_path, sarchat):
    for path in files:
        out = tmp_path / f"{path.stem}.json"
        assert sarchat("score", path, "--references", sample_build(), "--output", out).returncode == 0
    of_scores = sarchat("compare", tmp_path / "once.json", tmp_path / "twice.json")
    of_answers = sarchat("compare", *files, "--references", sample_build())
    assert of_scores.stdout == of_answers.stdout and of_scores.returncode == 0
    scores = [json.loads((tmp_path / f"{path.stem}.json").read_text()) for path in files]
    read = json.loads(sarchat("compare", tmp_path / "once.json", tmp_path / "twice.json", "--format", "json").stdout)
    overall = read["tables"][0]["rows"][-1]
    assert overall["task"] == "overall" and overall["n"] == 129
    assert overall["difference"] == pytest.approx(scores[1]["overall"] - scores[0]["overall"])
    assert overall["95 % interval, low"] <= overall["difference"] <= overall["95 % interval, high"]


def test_scores_without_counts_have_no_interval(files, tmp_path, sarchat):
    out = tmp_path / "scores.json"
    sarchat("score", files[0], "--references", sample_build(), "--output", out)
    content = json.loads(out.read_text())
    del content["record_counts"]
    (tmp_path / "older.json").write_text(json.dumps(content))
    shown = sarchat("compare", out, tmp_path / "older.json").stdout
    assert "No interval: a file has no counts of records" in shown and "+0.00" in shown


def test_other_records_are_refused(files, tmp_path, capsys):
    from builders.cli.command import main

    for name, options in (("all", ()), ("some", ("--limit", "2"))):
        command = ["score", files[0], "--references", sample_build(), "--output", tmp_path / f"{name}.json", *options]
        main([str(argument) for argument in command])
    capsys.readouterr()
    message = refusal(capsys, "compare", tmp_path / "all.json", tmp_path / "some.json")
    assert "were not scored on the same records" in message
    assert "give two files or more" in refusal(capsys, "compare", tmp_path / "all.json")
    assert "contains none of the metric's scores" in refusal(capsys, "compare", *[_empty(tmp_path)] * 2)


def _empty(folder):
    path = folder / "empty.json"
    path.write_text("{}")
    return path


@pytest.mark.parametrize("values", [(-1, 2), (-1, 2**31)], ids=["small", "more than fits into a number"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (500, 3), (500, 36)])
def test_different_rows_are_those_of_numpy(shape, values):
    table = np.random.default_rng(0).choice(values, shape).astype(np.int32)
    kinds, places, frequency = unique_rows(table)
    expected = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    for found, wanted in zip((kinds, places, frequency), expected, strict=True):
        assert np.array_equal(found, wanted.reshape(found.shape))


def test_two_models_scored_together_score_as_each_alone(gold, files):
    of_split = read_gold(str(sample_build()), "all", "test")
    joined = [join_file(AnswerSource(str(path)), of_split) for path in files]
    seen = []
    together = evaluate_both(*joined, "sample", watch=[lambda record: seen.append(record.id)])
    assert seen == list(of_split.records)
    for found, answers, resamples in zip(together, joined, (RESAMPLES, 0), strict=True):
        alone = evaluate(answers, "sample", resamples=resamples)
        assert found.scores == alone.scores and found.records == alone.records
        assert pack_counts(found.tally) == pack_counts(alone.tally)
