"""`sarchat leaderboard --figure`: charts of models, and the Pareto front."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import refusal, slow

pytest.importorskip("matplotlib")

from builders.cli.report import KINDS
from builders.drawing.figures.model_charts import pareto_front
from builders.scoring.leaderboard import published_results

SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


@given(POINTS)
def test_the_front_is_what_no_other_beats(points):
    expected = {
        place
        for place, (cost, score) in enumerate(points)
        if not any((c <= cost and s >= score) and (c, s) != (cost, score) for c, s in points)
    }
    front = pareto_front([cost for cost, _ in points], [score for _, score in points])
    assert set(front) == expected and len(front) == len(expected)
    assert [points[place][0] for place in front] == sorted(points[place][0] for place in front)


@pytest.fixture
def scores(tmp_path):
    entry = published_results()[2]
    content = {
        **entry.scores,
        "n": dict(entry.sizes),
        "params": "2B",
        "costs": {"latency_s": {"mean": 0.5, "median": 0.4}, "completion_tokens": {"mean": 20.0, "median": 18.0}},
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(("kind", "suffix"), [("radar", ".pdf"), *slow(("size", ".png"), *product(KINDS, [".svg"]))])
def test_figures_are_written_by_ending_and_repeat(kind, suffix, scores, tmp_path, sarchat):
    first, second = tmp_path / f"{kind}{suffix}", tmp_path / f"other{suffix}"
    run = sarchat("leaderboard", scores, "--figure", first, "--figure", f"{kind}={second}")
    assert run.returncode == 0, run.stderr
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(SIGNATURES[suffix])


def test_a_chart_has_the_models_and_their_costs(scores, tmp_path, sarchat):
    from builders.drawing.figures.model_charts import MEASURES, draw_kind
    from builders.drawing.figures.style import styled
    from builders.scoring.result_files import read_result

    own = [read_result(scores)]
    with styled():
        figure = draw_kind("cost", [*own, *published_results()], own[0].sizes)
        assert [axes.get_xlabel() for axes in figure.axes] == list(MEASURES.values())
        named = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
        assert named == {"mine", "Pareto front", *(entry.name for entry in published_results())}
        radar = draw_kind("radar", [*own, *published_results()[:2]], own[0].sizes)
    (axes,) = radar.axes
    drawn = {line.get_label(): sorted(line.get_ydata()[:-1]) for line in axes.lines}
    assert drawn["mine 2B"] == sorted(own[0].scores.values())


def test_what_cannot_be_drawn_is_refused_in_one_line(scores, tmp_path, capsys):
    assert "is not a figure" in refusal(capsys, "leaderboard", "--figure", tmp_path / "plot.pdf")
    assert "must end in .png, .pdf, .svg" in refusal(capsys, "leaderboard", "--figure", tmp_path / "size.gif")
    assert "no published model 'GPT'" in refusal(
        capsys, "leaderboard", "--figure", tmp_path / "size.pdf", "--show", "GPT"
    )
    # Nothing else is drawn in its place.
    message = refusal(capsys, "leaderboard", "--figure", tmp_path / "cost.pdf")
    assert "a latency or a number of tokens" in message and "size.pdf" in message
    (tmp_path / "one.json").write_text('{"counting/count": 50}')
    everyone = [option for entry in published_results() for option in ("--show", entry.label)]
    message = refusal(capsys, "leaderboard", "--figure", tmp_path / "radar.pdf", *everyone)
    assert "is unreadable; show up to 8" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "one.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"costs": {"latency_s": {"mean": 1e308, "median": 10**400}}},
        *slow({"params": "0B"}, {"params": "9" * 400 + "T"}),
    ],
)
def test_costs_without_end_are_left_out(change, tmp_path, scores, sarchat):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(json.loads(scores.read_text()) | change))
    run = sarchat("leaderboard", path, "--figure", tmp_path / "size.png")
    assert run.returncode == 0, run.stderr
    assert sarchat("leaderboard", path, "--figure", tmp_path / "cost.png").returncode == ("costs" in change)
