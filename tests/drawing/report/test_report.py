"""`sarchat report`: its figures are those of `score`, its bytes repeat, and it holds nothing that it should not."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from built_fixture import gold_answers, sample_build, sample_corpus, sample_gold
from support import refusal, slow, write_answers, write_lines

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from builders.cli.demo import add_noise, noisy_answers
from builders.core.resources import read_text
from builders.drawing.report.records import choose_changes, choose_examples
from builders.notation.formats import get_format
from builders.notation.render import render_text
from builders.scoring.failures import RIGHT, Failures, count_targets, error_kinds, pair_categories
from builders.scoring.gold import COLUMNS, read_gold
from builders.scoring.joining import join_file
from builders.scoring.readers import AnswerSource
from builders.scoring.scoring import evaluate
from sarchat_metric import AVERAGED, SUB_SCORES

REPORT_COLUMNS = (*COLUMNS, "file_name", "objects")


@pytest.fixture(scope="module")
def gold():
    return sample_gold()


@pytest.fixture(scope="module")
def files(gold, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    once = noisy_answers(gold)
    worse = {key: add_noise(text, f"{key}/again") for key, text in once.items()}
    for name, answers in (("model", once), ("baseline", worse)):
        rows = (
            {"id": key, "prediction": text, "latency_s": 0.5, "completion_tokens": 20} for key, text in answers.items()
        )
        write_lines(folder / f"{name}.jsonl", rows)
    return folder / "model.jsonl", folder / "baseline.jsonl"


@pytest.fixture(scope="module")
def page(files, sarchat):
    out = files[0].parent / "report.html"
    run = sarchat("report", *files, "--data", sample_build(), "--out", out)
    assert run.returncode == 0, run.stderr
    assert out.name in run.stdout
    return out.read_text(encoding="utf-8")


class Rows(HTMLParser):
    """The rows of one table of the page: (text, full value) of each cell."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._is_inside = False
        self.rows: list[list[list]] = []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "table":
            self._is_inside = found.get("aria-label") == self._name
        elif self._is_inside and tag == "tr":
            self.rows.append([])
        elif self._is_inside and tag in ("td", "th"):
            self.rows[-1].append(["", found.get("data-value")])

    def handle_endtag(self, tag):
        self._is_inside &= tag != "table"

    def handle_data(self, data):
        if self._is_inside and self.rows and self.rows[-1]:
            self.rows[-1][-1][0] += data.strip()


def read_table(page: str, name: str) -> list[list[list]]:
    parser = Rows(name)
    parser.feed(page)
    return parser.rows


def test_figures_equal_those_of_score_to_the_last_digit(page, files, tmp_path, sarchat):
    table = sarchat("score", files[0], "--references", sample_build(), "--output", tmp_path / "s.json").stdout
    scores = json.loads((tmp_path / "s.json").read_text())
    shown = {}
    for row in read_table(page, "Scores")[1:]:
        task, name = row[0][0], row[1][0]
        key = task if task in ("overall", "balanced") or name == "= mean" else f"{task}/{name}"
        shown[key] = float(row[3][1])
        assert row[3][0] == f"{scores[key]:.2f}" and " ".join(f"{part[0]}" for part in row[2:5]) in " ".join(
            table.split()
        )
    expected = {key: scores[key] for keys in SUB_SCORES.values() for key in keys if key in scores}
    assert shown == expected | {key: scores[key] for key in (*AVERAGED, "overall", "balanced")}


def test_the_difference_is_that_of_compare(page, files, sarchat):
    run = sarchat("compare", files[1], files[0], "--references", sample_build(), "--format", "json")
    rows = json.loads(run.stdout)["tables"][0]["rows"]
    shown = read_table(page, "Differences")[1:]
    assert [float(row[5][1]) for row in shown] == [row["difference"] for row in rows]


def test_errors_are_counted_once_each(page, gold):
    heading, *rows = read_table(page, "Kinds of error")
    numbers = {row[0][0]: [int(cell[0].replace(",", "") or 0) for cell in row[1:]] for row in rows}
    sizes = [sum(record["task"] == task[0] for record in gold.values()) for task in heading[1:]]
    assert np.sum(list(numbers.values()), axis=0).tolist() == sizes
    assert set(numbers) <= {kind.label for kind in error_kinds().values()}


def test_the_confusion_of_identification_has_every_record(page, gold):
    _, *rows = read_table(page, "Confusion of identification")
    total = sum(int(cell[0].replace(",", "") or 0) for row in rows for cell in row[1:])
    assert total == sum(record["task"] == "identification" for record in gold.values())


def test_it_holds_no_address_and_little_script(page):
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert len(read_text("templates/report.js", "builders.drawing.report")) < 10_000
    assert "Content-Security-Policy" in page and page.count("<script") == 1
    assert not re.search(r"\son\w+=", page.partition("<main>")[2].partition("<script>")[0])
    assert len(page) < 15e6


@pytest.mark.slow
def test_the_same_answers_give_the_same_bytes(page, files, tmp_path, sarchat):
    sarchat("report", *files, "--data", sample_build(), "--out", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_a_small_test_set_is_said_to_be_small(page):
    assert "model is not ranked: scored on 129 records" in page
    assert "Published models" not in page


@pytest.mark.parametrize("data", [sample_build, *slow(sample_corpus)])
def test_a_part_of_the_tasks_from_any_data(data, files, tmp_path, sarchat):
    rows = [json.loads(line) for line in files[0].read_text().splitlines()]
    some = [row for row in rows if row["id"].startswith("referring/")]
    write_lines(tmp_path / "some.jsonl", some)
    out = tmp_path / "some.html"
    run = sarchat("report", tmp_path / "some.jsonl", "--data", data(), "--config", "referring", "--out", out)
    assert run.returncode == 0, run.stderr
    page = out.read_text()
    assert page.count("<article") == len(some) and "data:image/jpeg;base64," in page


def test_examples_are_the_worst_of_each_task():
    ids = [f"r{number}" for number in range(40)]
    tasks = ["counting"] * 20 + ["referring"] * 20
    accuracies = np.array([float(number % 20) * 5 + 5 for number in range(40)])
    chosen = choose_examples(ids, tasks, accuracies, 3)
    assert {one for one, choice in chosen.items() if choice == "worst"} == {*"r0 r1 r2 r20 r21 r22".split()}
    assert sorted(chosen.values()) == ["random"] * 6 + ["worst"] * 6
    assert set(choose_examples(ids, tasks, np.full(40, 100.0), 3).values()) == {"random"}


def test_changes_are_the_largest():
    chosen = choose_changes(["a", "b", "c", "d", "e"], np.array([0.0, 5.0, -50.0, 30.0, -1.0]), 1)
    assert chosen == {"d": "better", "c": "worse"}


def test_categories_that_were_missed_are_paired_with_those_named_instead():
    assert list(pair_categories(["ship", "car"], ["ship", "tank"])) == [("ship", "ship"), ("car", "tank")]
    assert list(pair_categories(["ship"], [])) == [("ship", "none")]
    assert list(pair_categories(["ship"], ["ship", "car"])) == [("ship", "ship"), ("none", "car")]


def test_gold_answers_have_no_error(gold, tmp_path):
    path = write_answers(tmp_path / "gold.jsonl", gold_answers(gold))
    read = read_gold(str(sample_build()), "all", "test", columns=REPORT_COLUMNS)
    failures = Failures(count_targets(read.data, "test"), read.data.info.names)
    evaluate(join_file(AnswerSource(str(path)), read), "sample", watch=[failures.add])
    assert set(failures.names) == {RIGHT} and len(failures.names) == len(gold)
    assert all(hits == total for hits, total in failures.found.values())
    assert all(true == read for true, read in failures.counts)
    assert all(min(ious) == 1 for ious in failures.ious.values())


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"prediction": "<think>so many"}, "unfinished"),
        ({"prediction": "  "}, "empty"),
        ({"prediction": "boxes", "finish_reason": "length"}, "cut_off"),
        ({"prediction": "at [12, 30, 40, 50]"}, "other_notation"),
        ({"prediction": "I cannot tell."}, "nothing_read"),
        (None, "missing"),
        ({"prediction": "{<900><900><950><950>}"}, "misplaced_box"),
    ],
)
def test_kinds_of_error(row, kind, gold, tmp_path):
    first = next(key for key in gold if key.startswith("referring/") and gold[key]["scenario"] == "single")
    other = next(key for key in gold if key.startswith("referring/") and key != first)
    rows = [{"id": other, "prediction": "x"}] + ([{"id": first, **row}] if row else [])
    path = write_lines(tmp_path / "a.jsonl", rows)
    read = read_gold(str(sample_build()), "referring", "test", columns=REPORT_COLUMNS)
    failures = Failures({}, read.data.info.names)
    evaluate(join_file(AnswerSource(str(path)), read), "sample", watch=[failures.add])
    assert failures.names[list(read.records).index(first)] == kind


def test_wrong_arguments_get_one_line(files, tmp_path, capsys):
    out = tmp_path / "r.html"
    assert "no such file or folder" in refusal(capsys, "report", files[0], "--data", "nowhere", "--out", out)
    assert "--data" in refusal(capsys, "report", files[0], "--data", files[1], "--out", out)
    assert "does not exist" in refusal(
        capsys, "report", files[0], "--data", sample_build(), "--out", tmp_path / "no/r.html"
    )
    assert not list(tmp_path.iterdir())


def test_each_file_of_predict_is_read_with_the_options_that_its_model_was_asked_with(gold, files, tmp_path, sarchat):
    """A baseline in another box format, without an option that names one, scores as it does alone."""
    fmt = get_format("list-1000")
    write_answers(
        tmp_path / "other.jsonl",
        {
            row["id"]: render_text(row["prediction"], fmt, gold[row["id"]]["width"], gold[row["id"]]["height"])
            for row in map(json.loads, files[1].read_text().splitlines())
        },
    )
    options = {"config": "all", "split": "test", "limit": None, "input_size": None, "resize": None}
    meta = {"model": "the baseline", "options": {**options, "box_format": "list-1000"}}
    (tmp_path / "other.jsonl.meta.json").write_text(json.dumps(meta))
    run = sarchat("report", files[0], tmp_path / "other.jsonl", "--data", sample_build(), "--out", tmp_path / "r.html")
    assert run.returncode == 0, run.stderr
    run = sarchat("score", tmp_path / "other.jsonl", "--references", sample_build(), "--output", tmp_path / "s.json")
    table = read_table((tmp_path / "r.html").read_text(encoding="utf-8"), "Differences")
    assert table[0][3][0] == "the baseline"
    assert float(table[-1][3][1]) == json.loads((tmp_path / "s.json").read_text())["overall"]
