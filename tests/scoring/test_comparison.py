"""`sarchat compare`: differences and paired intervals of models on the same records."""

import json

import numpy as np
import pytest
from built_fixture import sample_build, sample_gold
from resampling import draw_records
from support import refusal, write_answers

from builders.cli.demo import add_noise, noisy_answers
from builders.notation.formats import get_format
from builders.notation.render import render_text
from builders.scoring.bootstrap import RESAMPLES, paired_intervals, unique_rows
from builders.scoring.comparison import record_accuracies
from builders.scoring.gold import read_gold
from builders.scoring.joining import join_file
from builders.scoring.readers import AnswerSource
from builders.scoring.result import Result
from builders.scoring.result_files import pack_counts, read_result, unpack_counts
from builders.scoring.scoring import evaluate, evaluate_both
from builders.scoring.sidecar import meta_path
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


@pytest.mark.parametrize("average", ["sample", "corpus"])
def test_the_order_of_two_models_mirrors_their_intervals(tallies, average):
    there, back = paired_intervals(*tallies, average), paired_intervals(*tallies[::-1], average)
    assert there == {key: (-high, -low) for key, (low, high) in back.items()}


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


@pytest.mark.parametrize(
    "change",
    [
        {"records": "AAAA"},
        {"kinds": [[1]]},
        {"sub_scores": ["x"]},
        {"kinds": [[0] * 9]},
        {"kinds": [[2**32, 0, 0] * 3] * 129},
    ],
)
def test_damaged_counts_are_refused(change, tallies):
    packed = pack_counts(tallies[0])
    packed["counting"] |= change
    with pytest.raises(ValueError, match="counting"):
        unpack_counts(packed, summarise(tallies[0])["n"])


def test_a_record_s_accuracy_is_the_mean_of_its_sub_scores(gold, files):
    answers = [json.loads(line)["prediction"] for line in files[1].read_text().splitlines()]
    found = record_accuracies(Result("model", {}, tally=tally(answers, gold.values())))
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
        assert found == alone
        assert pack_counts(found.tally) == pack_counts(alone.tally)


def test_details_compare_as_files_of_scores_do(files, tmp_path, sarchat):
    for path in files:
        name = tmp_path / path.stem
        options = ("--output", f"{name}.json", "--details", name)
        assert sarchat("score", path, "--references", sample_build(), *options).returncode == 0
    once, twice = (tmp_path / path.stem for path in files)
    expected = sarchat("compare", f"{once}.json", f"{twice}.json", "--average", "corpus").stdout
    for pair in ((once, twice), (once, f"{twice}.json")):
        assert sarchat("compare", *pair, "--average", "corpus").stdout == expected
    few = tmp_path / "few"
    few.write_text("".join(once.read_text().splitlines(keepends=True)[1:]))
    run = sarchat("compare", few, twice)
    assert run.returncode == 1 and "were not scored on the same records" in run.stderr


@pytest.mark.parametrize(
    "change",
    [
        {"task": "x"},
        {"counts": {}},
        {"counts": {"counting/count": [1, 0]}},
        {"counts": {"counting/count": [1, 0, -1]}},
        {"counts": {"counting/count": [0, 0, 0]}},
        {"counts": {"counting/count": [2**40, 0, 0]}},
        {"counts": {"counting/count": [1, 0, 0], "referring/single/iou@0.5": [1, 0, 0]}},
        {"counts": 3},
        {"answer": None},
    ],
)
def test_damaged_details_are_refused(change, tmp_path, capsys):
    line = {"id": "a", "answer": "b", "task": "counting", "scenario": "single", "parsed": True, "hedged": False}
    line |= {"counts": {"counting/count": [1, 0, 0]}}
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(json.dumps(line) + "\n")
    assert read_result(good).scores == {"counting/count": 100}
    bad.write_text(json.dumps(line) + "\n" + json.dumps(line | change) + "\n")
    assert f"{bad}, line 2: this is not a line of" in refusal(capsys, "compare", good, bad)


def test_answers_without_their_data_set_are_refused(files, capsys):
    assert "these are answers to, with --references" in refusal(capsys, "compare", *files)


def write_sidecar(path, **options):
    asked = {"config": "all", "split": "test", "limit": None, "box_format": "sarchat", "input_size": None}
    content = {"model": f"model {path.stem}", "options": {**asked, "resize": None, **options}}
    meta_path(path).write_text(json.dumps(content))


def test_answers_of_predict_compare_with_the_options_that_they_were_asked_with(gold, files, tmp_path, sarchat):
    """Two models, each with its own box format, without an option that names one."""
    paths = [tmp_path / path.name for path in files]
    fmt = get_format("list-1000")
    for path, source in zip(paths, files, strict=True):
        answers = {row["id"]: row["prediction"] for row in map(json.loads, source.read_text().splitlines())}
        write_answers(path, answers)
    write_sidecar(paths[0])
    sizes = {key: (record["width"], record["height"]) for key, record in gold.items()}
    asked = {key: render_text(text, fmt, *sizes[key], None) for key, text in answers.items()}
    write_answers(paths[1], asked)
    write_sidecar(paths[1], box_format="list-1000")
    for path in paths:
        options = ("--references", sample_build(), "--output", f"{path}.json")
        assert sarchat("score", path, *options).returncode == 0
    run = sarchat("compare", *paths, "--references", sample_build())
    assert run.stdout == sarchat("compare", *[f"{path}.json" for path in paths]).stdout
    assert "model once" in run.stdout and "model twice" in run.stdout


def test_answers_asked_of_other_records_are_refused(files, tmp_path, capsys):
    paths = [tmp_path / path.name for path in files]
    for path, source, limit in zip(paths, files, (None, 2), strict=True):
        path.write_bytes(source.read_bytes())
        write_sidecar(path, limit=limit)
    message = refusal(capsys, "compare", *paths, "--references", sample_build())
    assert f"{paths[0]} was asked with --limit None, but {paths[1]} with 2; give --limit for both" in message
