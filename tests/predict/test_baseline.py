"""`sarchat baseline` in a build, and what `score`, `leaderboard` and `report` make of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from built_fixture import sample_build, sample_corpus, sample_gold
from support import build, refusal, write_answers

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.cli.demo import noisy_answers
from builders.core.checksums import verify_checksums
from builders.data.open_data import open_data
from builders.scoring.leaderboard import published_results, tabulate_leaderboard
from builders.scoring.result import lift
from builders.scoring.result_files import read_result
from builders.scoring.scoring import evaluate_file


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """A build of the sample with its baseline."""
    folder = tmp_path_factory.mktemp("measured") / "s"
    shutil.copytree(sample_build(), folder)
    main(["baseline", str(folder)])
    return folder


@pytest.fixture
def answers(tmp_path) -> str:
    return str(write_answers(tmp_path / "a.jsonl", noisy_answers(sample_gold())) or tmp_path / "a.jsonl")


def test_the_build_stays_whole_and_is_the_same_when_measured_again(measured, tmp_path):
    verify_checksums(measured)
    before = {name: (measured / name).read_bytes() for name in ("baseline.json", "README.md", "SHA256SUMS")}
    main(["baseline", str(measured)])
    assert before == {name: (measured / name).read_bytes() for name in before}
    assert open_data(str(measured)).fingerprint == open_data(str(sample_build())).fingerprint
    # It can be replaced by another build, as one without a baseline can.
    shutil.copytree(measured, tmp_path / "s")
    build(sample_corpus(), tmp_path / "s", BuildOptions(sample=True, pictures=False))
    assert not (tmp_path / "s/baseline.json").exists()


def test_the_card_shows_the_scores(measured):
    card = (measured / "README.md").read_text()
    content = json.loads((measured / "baseline.json").read_text())
    rows = [line for line in card.splitlines() if line.startswith("| identification | multi/accuracy |")]
    assert len(rows) == len(content["splits"]) == 2
    kinds = content["splits"]["test"]["kinds"]
    for kind in kinds:
        assert f" {kinds[kind]['sample']['identification/multi/accuracy']:.2f} |" in rows[-1]
    assert "adds the scores here" not in card


def test_the_kept_scores_are_those_of_the_answers(measured, tmp_path):
    for kind, kept in json.loads((measured / "baseline.json").read_text())["splits"]["test"]["kinds"].items():
        out = tmp_path / f"{kind}.jsonl"
        main(["baseline", str(measured), "--kind", kind, "--out", str(out)])
        for average in ("sample", "corpus"):
            scores = evaluate_file(str(out), str(measured), "all", "test", average).scores
            of_all = {key: value for key, value in kept[average].items() if not key.startswith("presence/")}
            assert {key: scores[key] for key in of_all} == pytest.approx(of_all)
            assert len(kept[average]) == len(of_all) + 1


def test_score_shows_the_best_blind_score_and_the_lift(measured, answers, tmp_path, capsys):
    main(["score", answers, "--references", str(measured), "--output", str(tmp_path / "r.json"), "--format", "json"])
    rows = {(row["task"], row["sub-score"]): row for row in json.loads(capsys.readouterr().out)["tables"][0]["rows"]}
    kinds = json.loads((measured / "baseline.json").read_text())["splits"]["test"]["kinds"]
    row = rows["identification", "multi/accuracy"]
    best = max(kind["sample"]["identification/multi/accuracy"] for kind in kinds.values())
    assert row["blind"] == pytest.approx(best)
    assert row["lift"] == pytest.approx(100 * (row["score"] - best) / (100 - best))
    # A task's and the overall blind score are those of one player, not of the best sub-scores of several.
    tasks = [
        sum(kind["sample"][f"counting/{key}"] for key in ("count", "iou@0.25", "iou@0.5")) / 3
        for kind in kinds.values()
    ]
    assert rows["counting", "= mean"]["blind"] == pytest.approx(max(tasks))
    read = read_result(tmp_path / "r.json")
    assert read.blind["overall"] == pytest.approx(rows["overall", "own weights"]["blind"])
    assert read.lifts["overall"] == pytest.approx(lift(read.figures["overall"], read.blind["overall"]))


def test_without_a_baseline_nothing_changes(answers, capsys):
    main(["score", answers, "--references", str(sample_build())])
    assert "blind" not in capsys.readouterr().out


def test_lift_by_hand():
    assert lift(50, 0) == 50
    assert lift(80, 60) == 50
    assert lift(60, 60) == 0
    assert lift(100, 60) == 100
    assert lift(20, 60) == -100


def test_the_paper_s_rows_have_a_lift_over_one_s_own_blind_score(measured, answers, tmp_path):
    main(["score", answers, "--references", str(measured), "--output", str(tmp_path / "r.json")])
    own = read_result(tmp_path / "r.json")
    table = tabulate_leaderboard([own])
    columns = {name: table.header.index(name) for name in ("model", "params", "Eq. 4", "blind", "lift")}
    rows = {(row[columns["model"]], row[columns["params"]]): row for row in table.rows}
    weights = {"classification": 10024, "description": 6032, "counting": 11704, "grounding": 11608}
    weights |= {"identification": 175565, "referring": 11703}
    kinds = json.loads((measured / "baseline.json").read_text())["splits"]["test"]["kinds"].values()

    def overall(scores: dict) -> float:
        tasks = {task: [value for key, value in scores.items() if key.startswith(f"{task}/")] for task in weights}
        return sum(weights[task] * sum(own) / len(own) for task, own in tasks.items()) / sum(weights.values())

    blind = max(overall(kind["sample"]) for kind in kinds)
    for result in published_results():
        row = rows[result.name, result.params]
        averaged = {key: value for key, value in result.scores.items() if key in next(iter(kinds))["sample"]}
        assert row[columns["Eq. 4"]].value == pytest.approx(overall(averaged))
        assert row[columns["blind"]].value == pytest.approx(blind)
        assert row[columns["lift"]].value == pytest.approx(100 * (overall(averaged) - blind) / (100 - blind))


def test_models_of_different_data_share_no_blind_score(measured, answers, tmp_path):
    main(["score", answers, "--references", str(measured), "--output", str(tmp_path / "r.json")])
    own = read_result(tmp_path / "r.json")
    (tmp_path / "other.json").write_text((tmp_path / "r.json").read_text().replace('"blind"', '"unknown"'))
    table = tabulate_leaderboard([own, read_result(tmp_path / "other.json")])
    place = table.header.index("blind")
    assert [row[table.header.index("model")] for row in table.rows if row[place] is not None] == [f"> {own.name}"]


def test_report_shows_them(measured, answers, tmp_path):
    main(["report", answers, "--data", str(measured), "--out", str(tmp_path / "r.html"), "--examples", "0"])
    page = (tmp_path / "r.html").read_text()
    assert ">blind<" in page and ">lift<" in page
    assert "the best score without the image" in page


def test_a_file_of_somebody_else_and_an_edited_card_stay(tmp_path, capsys, caplog):
    folder = tmp_path / "s"
    shutil.copytree(sample_build(), folder)
    (folder / "baseline.json").write_text("mine")
    assert "was not written by `sarchat baseline`" in refusal(capsys, "baseline", folder)
    assert (folder / "baseline.json").read_text() == "mine"
    (folder / "baseline.json").unlink()
    card = (folder / "README.md").read_text() + "mine\n"
    (folder / "README.md").write_text(card)
    main(["baseline", str(folder)])
    assert (folder / "README.md").read_text() == card
    assert (folder / "baseline.json").exists()
    assert "was edited" in caplog.text


def test_stopped_before_the_checksums_it_is_finished_by_the_next_run(tmp_path, measured):
    folder = tmp_path / "s"
    shutil.copytree(measured, folder)
    shutil.copy(sample_build() / "SHA256SUMS", folder / "SHA256SUMS")
    main(["baseline", str(folder)])
    assert (folder / "SHA256SUMS").read_bytes() == (measured / "SHA256SUMS").read_bytes()
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode == 0


def test_refusals(tmp_path, capsys):
    assert "choose from majority, prior, question" in refusal(
        capsys, "baseline", sample_build(), "--kind", "best", "--out", tmp_path / "a.jsonl"
    )
    assert "give --out FILE too" in refusal(capsys, "baseline", sample_build(), "--kind", "prior")
    no_train = sample_build(("counting",), ("test",))
    assert "has no split train" in refusal(capsys, "baseline", no_train)
    folder = tmp_path / "s"
    shutil.copytree(sample_build(), folder)
    (folder / "baseline.json").write_text('{"learned_from": 1}')
    write_answers(tmp_path / "a.jsonl", noisy_answers(sample_gold()))
    assert "is not one of `sarchat baseline`" in refusal(capsys, "score", tmp_path / "a.jsonl", "--references", folder)
