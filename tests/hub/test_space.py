"""The metric's folder: what is in it, its card, loading it, and the functions of its page."""

import base64
import csv
import importlib.util
import json
import re
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from built_fixture import sample_build
from huggingface_hub import SpaceCard, SpaceCardData
from PIL import Image
from support import ROOT, output, refusal, slow, start_offline

import sarchat_metric
from builders.cli.command import main
from builders.core.checksums import verify_checksums, write_checksums
from builders.core.errors import SARChatError
from builders.data.open_data import open_data
from builders.drawing.answers import MOST_BOXES
from builders.hub.checks import inspect_metric, list_files
from builders.hub.space import write_space
from sarchat_metric import AVERAGED, SUB_SCORES, score

needs_gradio = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="gradio is not installed (the extra `space`)"
)
MODULES = ("answer_files", "app", "comparison", "markup")
GOLD = "{<10><10><50><50>} (top left){<60><60><90><90>} (bottom right)"


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "sarchat_metric"
    write_space(folder)
    return folder


@pytest.fixture(scope="module")
def page(space):
    """The page's modules, imported from the folder as `python app.py` would."""
    sys.path.insert(0, str(space))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        yield type("Page", (), {name: importlib.import_module(name) for name in MODULES if name != "app"})
    finally:
        sys.path.remove(str(space))
        sys.dont_write_bytecode = before
        for name in MODULES:
            sys.modules.pop(name, None)


# The folder ----------------------------------------------------------------------------------------------------------


def test_folder_holds_script_card_page_and_sums(space):
    names = set(list_files(space, "space"))
    assert {"sarchat_metric.py", "README.md", "app.py", "requirements.txt", "SHA256SUMS"} <= names
    assert (space / "sarchat_metric.py").read_bytes() == Path(sarchat_metric.__file__).read_bytes()
    assert not [name for name in names if "__pycache__" in name]
    verify_checksums(space)
    inspect_metric(space)


def test_every_import_is_in_the_requirements_or_in_the_folder(space):
    required = set(re.findall(r"^[a-z0-9]+", (space / "requirements.txt").read_text(), re.MULTILINE))
    modules = {path.relative_to(space).with_suffix("").as_posix().replace("/", ".") for path in space.rglob("*.py")}
    for path in space.rglob("*.py"):
        for name in re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            folders = {module.rpartition(".")[0] for module in modules}
            others = required | modules | set(sys.stdlib_module_names)
            known = modules | folders if name.startswith("builders.") else others
            top = name if name.startswith("builders.") else name.partition(".")[0]
            assert {"PIL": "pillow", "yaml": "pyyaml"}.get(top, top) in known | {"builders"}, (path.name, name)


_ALONE = """
import sys
from importlib.util import find_spec
from pathlib import Path
names = ("builders", "dataset_card", "sarchat_metric")
files = (*names, "sarchat_metric.py")
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.path[:] = [place for place in sys.path if not any(Path(place, file).exists() for file in files)]
assert not any(map(find_spec, names))
sys.path.insert(0, ".")
from answer_files import show_files
shown = show_files("examples/predictions.jsonl", "examples/references.jsonl", "sample")
assert shown.count("<table") >= 1, shown
"""


def test_the_page_scores_files_where_the_package_is_not_installed(space):
    run = subprocess.run([sys.executable, "-B", "-c", _ALONE], cwd=space, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_command_prints_files_and_the_line_to_load_with(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["space"])
    printed = capsys.readouterr().out
    assert printed.endswith('\nimport evaluate\nevaluate.load("sarchat_metric")\n')
    for name in list_files(tmp_path / "sarchat_metric", "space"):
        assert re.search(rf"^{re.escape(name)} +[\d,]+$", printed, re.MULTILINE)
    main(["space", "--out", str(tmp_path / "other")])
    assert f'evaluate.load("{(tmp_path / "other" / "sarchat_metric.py").as_posix()}")' in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "sarchat_metric"]


def test_replaces_its_own_folder_and_no_other(tmp_path, capsys):
    out = tmp_path / "sarchat_metric"
    write_space(out)
    (out / "__pycache__").mkdir()
    (out / "__pycache__" / "app.pyc").write_bytes(b"x")
    (out / "style.css").unlink()
    write_space(out)
    verify_checksums(out)
    assert not (out / "__pycache__").exists()

    (out / "notes.txt").write_text("mine")
    with pytest.raises(SystemExit):
        main(["space", "--out", str(out)])
    assert "contains something other" in capsys.readouterr().err
    assert (out / "notes.txt").read_text() == "mine"


def test_a_list_of_checksums_makes_no_folder_ours(tmp_path, capsys):
    """Somebody's own work, with a script of the metric in it and a list of all of it."""
    for number, names in enumerate((["sarchat_metric.py", "thesis.tex"], ["sarchat_metric.py", "README.md"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in names:
            (folder / name).write_text("mine")
        write_checksums(folder)
        before = sorted(folder.iterdir())
        assert "contains something other" in refusal(capsys, "space", "--out", folder)
        assert sorted(folder.iterdir()) == before and (folder / names[1]).read_text() == "mine"


@pytest.mark.parametrize("names", [["README.md"], ["README.md", "sarchat_metric.py"], ["SHA256SUMS", "data.parquet"]])
def test_refuses_a_folder_of_something_else(tmp_path, capsys, names):
    for name in names:
        (tmp_path / name).write_text("0" * 64 + "  data.parquet\n")
    with pytest.raises(SystemExit):
        main(["space", "--out", str(tmp_path)])
    error = capsys.readouterr().err
    assert error.startswith("Error: ") and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


# The card ------------------------------------------------------------------------------------------------------------


def test_front_matter_is_valid(space):
    card = SpaceCard.load(space / "README.md")
    data = card.data.to_dict()
    known = {*vars(SpaceCardData()), "title", "sdk", "sdk_version", "app_file", "license", "tags"}
    assert set(data) - known == {"emoji", "colorFrom", "colorTo", "pinned", "short_description"}
    assert (data["sdk"], data["app_file"], data["pinned"]) == ("gradio", "app.py", False)
    assert {"evaluate", "metric"} <= set(data["tags"])
    assert {data["colorFrom"], data["colorTo"]} <= set("red yellow green blue indigo purple pink gray".split())
    assert len(data["emoji"]) == 1 and len(data["short_description"]) <= 60
    major = re.search(r"^gradio>=(\d+)", (space / "requirements.txt").read_text(), re.MULTILINE)[1]
    assert re.fullmatch(rf"{major}\.\d+\.\d+", data["sdk_version"])


def test_sections_of_a_metric_card(space):
    text = SpaceCard.load(space / "README.md").text
    assert not re.search(r"\$\w", text)
    sections = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    places = [
        sections.index(name)
        for name in (
            "Metric Description",
            "How to Use",
            "Inputs",
            "Output Values",
            "Values from Popular Papers",
            "Examples",
            "Limitations and Bias",
            "Where the Paper Is Silent or Contradicts Itself",
            "Citation",
        )
    ]
    assert places == sorted(places)
    assert "@article{ma2025sarchat" in text
    for key in (key for keys in SUB_SCORES.values() for key in keys):
        assert f"`{key}`" in text


def test_published_results_are_table_3(space):
    text = (space / "README.md").read_text(encoding="utf-8")
    with (ROOT / "dataset_card" / "paper" / "results.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))[1:]
    assert len(rows) == 16
    for model, params, printed, *scores in rows:
        averages, sub_scores = re.findall(rf"^\| {re.escape(model)} \| {params} \| (.+) \|$", text, re.MULTILINE)
        assert averages.split(" | ")[0] == printed
        assert sorted(sub_scores.split(" | ")) == sorted(scores)
    # The figures that Eq. 4 and 5 give by hand.
    for model, params, overall in (("InternVL2.5", "8B", 92.32), ("DeepSeekVL", "1.3B", 83.92), ("Yi-VL", "6B", 84.61)):
        assert re.search(rf"^\| {re.escape(model)} \| {params} \| [\d.]+ \| {overall:.2f} \|", text, re.MULTILINE)
    assert "differ by -0.87 to +0.26 points" in text


RUN_CARD = """
import doctest, sys
failed, tried = doctest.testfile(sys.argv[1], module_relative=False)
print(failed, tried)
"""
LOAD = """
import evaluate, json, sys
metric = evaluate.load(sys.argv[1])
print(json.dumps(metric.compute(predictions=[sys.argv[2]], references=[json.loads(sys.argv[3])])))
"""


@pytest.mark.slow
def test_snippets_run_and_give_what_they_say(tmp_path):
    write_space(tmp_path / "sarchat_metric")
    card = (tmp_path / "sarchat_metric" / "README.md").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.+?)^```", card, re.MULTILINE | re.DOTALL)
    assert len(snippets) >= 6 and all(snippet.startswith(">>> ") for snippet in snippets)
    failed, tried = map(int, output(start_offline(RUN_CARD, tmp_path, "sarchat_metric/README.md")).split()[-2:])
    assert failed == 0
    assert tried >= sum(snippet.count(">>> ") for snippet in snippets)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["sarchat_metric", "./sarchat_metric", "sarchat_metric/sarchat_metric.py"])
def test_loads_by_name_and_by_path_even_beside_a_file_of_that_name(tmp_path, place):
    write_space(tmp_path / "sarchat_metric")
    (tmp_path / "sarchat_metric.py").write_text("raise RuntimeError('the wrong file')\n")
    reference = {"task": "referring", "scenario": "multi", "answer": GOLD}
    answer = GOLD.replace("<60>", "<65>")
    loaded = output(start_offline(LOAD, tmp_path, place, answer, json.dumps(reference)))
    assert json.loads(loaded) == score([answer], [reference])


# The page's functions ------------------------------------------------------------------------------------------------


def test_examples_cover_all_tasks_and_what_can_go_wrong(space):
    references, answers = (
        [json.loads(line) for line in (space / "examples" / f"{name}.jsonl").read_text("utf-8").splitlines()]
        for name in ("references", "predictions")
    )
    predictions = {entry["id"]: entry["prediction"] for entry in answers}
    assert list(predictions) == [reference["id"] for reference in references]
    result = score(predictions.values(), references)
    assert set(result["n"]) == set(AVERAGED)
    assert sum(result["unparsed"].values()) >= 2
    for task in AVERAGED:
        own = [reference for reference in references if reference["task"] == task]
        overall = [score([predictions[one["id"]]], [one])["overall"] for one in own]
        assert max(overall) == 100 and min(overall) < 100, task
        assert all(one["title"].lower().startswith(task) and one["question"] and one["remark"] for one in own)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_a_record_is_reported_in_whole(page):
    html = page.comparison.compare("referring", "multi", GOLD, "{<12><10><50><50>} {<200><60><240><90>}")
    text = text_of(html)
    # One of two found, one made up: 1 / (1 + 1 + 1) at both thresholds.
    assert text.count("33.3") == 3
    assert "referring/multi/iou@0.25" in text and "1 right, 1 wrong, 1 missed" in text
    assert "IoU 0.95" in text and "no match (0.00)" in text
    assert "answer 1 12, 10, 50, 50 ✓ gold 1 ✓ gold 1 0.95" in text
    assert "gold 2 60, 60, 90, 90 missed missed" in text
    assert html.count('class="box gold"') == html.count('class="box read"') == 2


def test_what_both_say_is_reported_from_what_one_says(page):
    text = text_of(page.comparison.compare("classification", "multi", "ship and harbor", "two boats and a bridge"))
    assert "categories ✓ ship ✗ harbor ✓ ship ✗ bridge" in text
    assert "Nothing to draw" in text
    text = text_of(page.comparison.compare("identification", "single", "a small ship in the top left", "a large ship"))
    assert "category ✓ ship ✓ ship" in text and "size ✗ small ✗ large" in text and "cell ✗ top left nothing" in text
    assert "gold: ship" in text and "identification/single/accuracy 100.0 right" in text


def test_an_answer_that_says_nothing(page):
    for answer in ("", "I cannot say", "[[10, 10, 50, 50]]"):
        text = text_of(page.comparison.compare("referring", "single", GOLD, answer))
        assert "Nothing that this task scores can be read from the answer" in text and "0.0 %" in text


def test_a_gold_that_cannot_be_read_is_a_message(page):
    for gold in ("many", "2 {<50><10><10><50>}"):
        html = page.comparison.compare("counting", "multi", gold, "2")
        assert 'role="alert"' in html and "The gold answer does not fit its task" in html
    assert 'role="status"' in page.comparison.compare("counting", "multi", "  ", "2")


@pytest.mark.parametrize(
    "answer",
    [
        "<" * 200_000,
        "{<1><1><9><9>}" * 20_000,
        "{<1><1><9><9>" * 15_000,
        "ship in the top left " * 9_000,
        "\x00\ud800{{#each}} ${alert(1)} `<script>alert(1)</script>",
        "{<1e5><1><9><9>}{<-9999999999999999999999><0><1" + "0" * 400 + "><5>}{<9><9><1><1>}",
    ],
    ids=["signs", "boxes", "broken", "phrases", "markup", "numbers"],
)
@pytest.mark.parametrize("task", ["grounding", "description", "referring"])
def test_hostile_answers_are_shown_in_bounded_time_and_space(page, task, answer):
    gold = f"There is a ship in the top left {GOLD[:18]}."
    start = time.process_time()
    html = page.comparison.compare(task, "single", gold, answer)
    assert time.process_time() - start < 5
    assert len(html) < 80_000
    assert 'class="sar-mean"' in html
    html.encode()
    assert html.count("box read") <= MOST_BOXES
    if answer.startswith("{<1><1><9><9>}") and task != "description":
        assert "Of 20,000 boxes in the answer, the first 200 are drawn." in html


def test_too_much_is_refused(page):
    boxes = "{<1><1><9><9>}" * 3_000
    assert 'role="alert"' in page.comparison.compare("referring", "multi", boxes, boxes)
    assert 'role="alert"' in page.comparison.compare("referring", "multi", "x" * 400_000, "")


def test_whatever_a_user_gave_is_escaped(page):
    shown = page.markup.escape('<b>{{x}} ${y} `z` & "q"\x00\ud800')
    assert not set('<>{}$`"\x00') & set(shown.replace("&lt;", "").replace("&gt;", ""))
    html = page.comparison.compare("counting", "multi", "<img src=x onerror=alert(1)> {{y}}", "2")
    assert "<img" not in html and "{{" not in html


@pytest.mark.parametrize(
    ("mode", "kind", "suffix"),
    [("16 bits", np.uint16, "tif"), *slow(("L", np.uint8, "png"), ("float", np.float32, "tif"))],
)
def test_images_of_any_depth_are_drawn_on(page, tmp_path, mode, kind, suffix):
    pixels = np.random.default_rng(0).gamma(2, 40, (1500, 2100)).clip(0, 250).astype(kind)
    Image.fromarray(pixels).save(tmp_path / f"image.{suffix}")
    backdrop = page.comparison.read_backdrop(str(tmp_path / f"image.{suffix}"))
    assert (backdrop.width, backdrop.height) == (2100, 1500)
    (tmp_path / "small.jpg").write_bytes(base64.b64decode(backdrop.address.partition(",")[2]))
    with Image.open(tmp_path / "small.jpg") as small:
        assert max(small.size) == 1024
        assert np.asarray(small.convert("L")).std() > 10
    html = page.comparison.compare("referring", "multi", GOLD, GOLD, backdrop)
    assert 'viewBox="0 0 2100 1500"' in html and "<image " in html


def test_what_is_no_image_is_reported(page, tmp_path):
    (tmp_path / "image.png").write_bytes(b"no image")
    with pytest.raises(
        ValueError, match=r"^image.png cannot be read as an image: it is not an image of BMP, JPEG, PNG, TIFF$"
    ):
        page.comparison.read_backdrop(str(tmp_path / "image.png"))


def test_a_blank_field_holds_all_gold_boxes(page):
    for far, side in ((50, 512), (512, 512), (513, 1024), (5000, 8192)):
        html = page.comparison.compare("referring", "single", f"{{<10><10><{far}><50>}}", "")
        assert f'viewBox="0 0 {side} {side}"' in html


# Files of answers ----------------------------------------------------------------------------------------------------


def write_lines(path: Path, *entries: object) -> Path:
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


REFERENCES = [
    {"id": "a", "task": "referring", "scenario": "multi", "answer": GOLD},
    {"id": "b", "task": "counting", "scenario": "single", "answer": "There is 1 instance. {<10><10><50><50>}"},
    {"id": "c", "task": "classification", "scenario": "single", "messages": [{"role": "assistant", "content": "ship"}]},
]


def test_files_are_joined_by_id_and_scored_as_the_metric_does(page, tmp_path):
    references = write_lines(tmp_path / "references.jsonl", *REFERENCES)
    predictions = write_lines(
        tmp_path / "predictions.jsonl", {"id": "c", "prediction": "a boat"}, "", {"id": "a", "prediction": GOLD[:18]}
    )
    for average in ("sample", "corpus"):
        scores = page.answer_files.score_files(predictions, references, average)
        expected = score([GOLD[:18], "", "a boat"], REFERENCES, average)
        assert scores.flat == expected and (scores.average, scores.missing) == (average, 1)
    html = page.answer_files.show_files(str(predictions), str(references), "sample")
    text = text_of(html)
    assert "1 records have no prediction; each scored 0." in text
    assert "referring = mean 1 50.00 0" in text and "counting = mean 1 0.00 1" in text
    assert "overall own weights 3 50.00 1" in text
    content = re.search(r'download="scores.json" href="data:application/json;base64,([^"]+)"', html)[1]
    assert json.loads(base64.b64decode(content))["n"] == {"classification": 1, "counting": 1, "referring": 1}


def test_a_mark_at_the_start_and_other_line_ends_are_no_harm(page, tmp_path):
    for name, entries in (("r", REFERENCES), ("p", [{"id": "a", "prediction": GOLD}])):
        text = "\r\n".join(map(json.dumps, entries))
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert page.answer_files.score_files(tmp_path / "p", tmp_path / "r").tasks["referring"] == 100


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "p.jsonl contains no answer"),
        (["{"], "p.jsonl, line 1 is not JSON"),
        (['["a"]'], "p.jsonl, entry 1: expected an object"),
        (["[" * 100_000], "p.jsonl is not JSON: it is nested too deeply"),
        ([{"id": "a", "prediction": "x"}, "", {"id": "b"}], "p.jsonl, line 3: there is no 'prediction', only id$"),
        ([REFERENCES[0]], "p.jsonl, line 1: there is no 'prediction'"),
        ([{"id": "a", "prediction": None}], "p.jsonl, line 1: prediction must be text, got none"),
        ([{"id": 3, "prediction": "x"}], "p.jsonl, line 1: id must be text, got 3"),
        ([{"prediction": "x"}], "p.jsonl, line 1: it has no id"),
        ([{"id": "z", "prediction": "x"}], "p.jsonl, line 1: id 'z' is not among the references"),
        (
            [{"id": "a", "prediction": "x"}] * 2,
            "p.jsonl, line 2: id 'a' appears more than once, first in p.jsonl, line 1",
        ),
        ([{"id": "a", "prediction": "x" * 400_000}], "p.jsonl, line 1: this page takes texts of up to 300,000"),
    ],
)
def test_malformed_predictions_are_reported_with_their_line(page, tmp_path, lines, message):
    predictions = write_lines(tmp_path / "p.jsonl", *lines)
    references = write_lines(tmp_path / "r.jsonl", *REFERENCES)
    html = page.answer_files.show_files(str(predictions), str(references), "sample")
    assert re.search(message, text_of(unescape(html)).replace("⚠ ", "")), html
    assert 'role="alert"' in html and str(tmp_path) not in html


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"id": "d", "prediction": "x"}, "line 4: this is a prediction; were the two files swapped"),
        (REFERENCES[0] | {"id": "d", "task": "vqa"}, "record d: unknown task 'vqa', expected one of classification, "),
        (
            {"id": "d", "task": "counting", "answer": "2"},
            "record d: unknown scenario None, expected one of single, multi",
        ),
        (REFERENCES[0] | {"id": "d", "task": ["counting"]}, "record d: unknown task"),
        (REFERENCES[0] | {"id": "d", "answer": 3}, "line 4: a reference needs its gold as text, .*got 3"),
        (REFERENCES[0] | {"id": "d", "answer": "no box"}, "record d: no boxes can be read from the gold"),
        ({"id": "d", "task": "counting", "scenario": "multi"}, "line 4: a reference needs its gold as text"),
        (REFERENCES[2] | {"id": "d", "messages": "ship"}, "line 4: messages must be a list"),
        (
            REFERENCES[2] | {"id": "d", "messages": [{"role": "user", "content": "?"}]},
            "line 4: a reference needs its gold as text",
        ),
        (REFERENCES[0], "line 4: id 'a' appears more than once, first in r.jsonl, line 1"),
    ],
)
def test_malformed_references_are_reported_with_their_line(page, tmp_path, entry, message):
    predictions = write_lines(tmp_path / "p.jsonl", {"id": "a", "prediction": "x"})
    references = write_lines(tmp_path / "r.jsonl", *REFERENCES, entry)
    html = page.answer_files.show_files(str(predictions), str(references), "sample")
    assert re.search(message, text_of(unescape(html))) and str(tmp_path) not in html


def test_other_encodings_are_reported_with_their_line(page, tmp_path):
    references = write_lines(tmp_path / "r.jsonl", *REFERENCES)
    (tmp_path / "p.jsonl").write_bytes(b'{"id": "a", "prediction": "x"}\n{"id": "b", "prediction": "\xe9"}\n')
    with pytest.raises(SARChatError, match=r"line 2 is not UTF-8: .* at byte 28"):
        page.answer_files.score_files(tmp_path / "p.jsonl", references)


def test_files_with_too_many_boxes_are_refused(page, tmp_path):
    boxes = "{<1><1><9><9>}" * 3_000
    references = write_lines(tmp_path / "r.jsonl", REFERENCES[0] | {"answer": boxes})
    predictions = write_lines(tmp_path / "p.jsonl", {"id": "a", "prediction": boxes})
    with pytest.raises(SARChatError, match=r"too many boxes .* id 'a'"):
        page.answer_files.score_files(predictions, references)


@pytest.mark.slow
def test_files_that_take_long_are_refused(page, tmp_path, monkeypatch):
    """Whatever it is that takes long: many boxes, many records, or reading them."""
    boxes = "".join(f"{{<0><0><{side}><9>}}" for side in range(100, 400))
    references = [REFERENCES[0] | {"id": str(number), "answer": boxes} for number in range(200)]
    predictions = [{"id": str(number), "prediction": boxes} for number in range(200)]
    files = write_lines(tmp_path / "p.jsonl", *predictions), write_lines(tmp_path / "r.jsonl", *references)
    for seconds in (0.5, 1e-9):
        monkeypatch.setattr(page.answer_files, "MOST_SECONDS", seconds)
        start = time.thread_time()
        with pytest.raises(SARChatError, match="the limit of this page"):
            page.answer_files.score_files(*files)
        assert time.thread_time() - start < seconds + 2, "a record or a line later at most"


def test_a_file_that_is_lacking_is_named(page):
    assert "file of predictions and references" in page.answer_files.show_files(None, None, "sample")
    assert "file of references" in page.answer_files.show_files("p.jsonl", None, "sample")


@needs_gradio
def test_page_is_laid_out(page):
    app = importlib.import_module("app")
    blocks = app.build_page()
    assert blocks.analytics_enabled is False
    for record_id in app.load_examples():
        *fields, question, result = app.choose_example(record_id, None)
        assert 'class="sar-mean"' in result and 'class="sar-question"' in question and all(fields)
    assert 'role="alert"' in app.show_answer("referring", "multi", GOLD, GOLD, __file__)
    assert 'role="status"' in app.show_answer("referring", "multi", None, None, None)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """What `sarchat score` writes for answers in Qwen3-VL's notation, and what it reads."""
    folder = tmp_path_factory.mktemp("scored")
    lines, boxes = (
        [],
        open_data(str(sample_build())).rows("referring", "test", columns=("id", "messages", "width", "height")),
    )
    for row in boxes:
        found = sarchat_metric.parse_boxes(row["messages"][1]["content"])
        scale = [1000 / row["width"], 1000 / row["height"]] * 2
        thousandths = [[round(edge * part) for edge, part in zip(box, scale, strict=True)] for box in found[:1]]
        text = json.dumps([{"bbox_2d": box, "label": "target"} for box in thousandths])
        lines.append(
            json.dumps({"id": row["id"], "prediction": text, "finish_reason": "stop", "latency_s": 0.1}) + "\n"
        )
    (folder / "answers.jsonl").write_text("".join(lines))
    arguments = ["score", folder / "answers.jsonl", "--references", sample_build(), "--config", "referring"]
    options = ["--box-format", "qwen3-vl", "--output", folder / "scores.json", "--details", folder / "details.jsonl"]
    main([str(argument) for argument in (*arguments, *options)])
    return folder


def test_the_page_takes_what_predict_and_score_write(page, scored):
    expected = json.loads((scored / "scores.json").read_text())
    assert expected["overall"] > 20
    parquet = next((sample_build() / "referring").glob("test-*.parquet"))
    for references in (scored / "details.jsonl", parquet):
        result = page.answer_files.score_files(scored / "answers.jsonl", references, box_format="qwen3-vl").flat
        assert result["overall"] == expected["overall"] and result["n"] == expected["n"]
    shown = page.answer_files.show_files(str(scored / "scores.json"), None, "sample")
    assert f"{expected['overall']:.2f}" in shown and "sar-error" not in shown


def test_a_box_format_needs_the_size_of_the_image(page, scored, tmp_path):
    lines = [json.loads(line) for line in (scored / "details.jsonl").read_text().splitlines()]
    rows = ({key: line[key] for key in ("id", "task", "scenario", "answer")} for line in lines)
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SARChatError, match="a reference needs its width and height"):
        page.answer_files.score_files(scored / "answers.jsonl", tmp_path / "r.jsonl", box_format="qwen3-vl")
    with pytest.raises(SARChatError, match="input-size"):
        page.answer_files.score_files(scored / "answers.jsonl", tmp_path / "r.jsonl", box_format="qwen2.5-vl")


def test_a_parquet_file_with_texts_that_are_not_utf8_is_an_error_in_one_line(page, tmp_path):
    column = pa.array([b"\xff"]).view(pa.string())
    pq.write_table(pa.table(dict.fromkeys(("id", "prediction"), column)), tmp_path / "p.parquet")
    references = write_lines(tmp_path / "r.jsonl", *REFERENCES)
    with pytest.raises(SARChatError, match=r"p.parquet is not a complete Parquet file: .*utf-8"):
        page.answer_files.score_files(tmp_path / "p.parquet", references)


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t")])
def test_tables_are_scored_as_the_command_does(page, name, delimiter, scored, tmp_path):
    with (tmp_path / name).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(["id", "prediction"])
        for line in (scored / "answers.jsonl").read_text().splitlines():
            writer.writerow([json.loads(line)["id"], json.loads(line)["prediction"]])
    result = page.answer_files.score_files(tmp_path / name, scored / "details.jsonl", box_format="qwen3-vl")
    assert result.flat["overall"] == json.loads((scored / "scores.json").read_text())["overall"]


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"overall": 1, "n": {"counting": "<b>"}, "unparsed": {"counting": 0}}']
)
def test_no_other_json_is_taken_for_scores(page, content, tmp_path):
    (tmp_path / "scores.json").write_text(content)
    shown = page.answer_files.show_files(str(tmp_path / "scores.json"), None, "sample")
    assert "scores.json contains none of the metric" in shown and "sar-error" in shown


@pytest.mark.slow
def test_the_space_runs_without_the_project(space):
    """Its copy of the box formats imports nothing that is not in the folder."""
    code = "import answer_files, builders; print(builders.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=space,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(space)
