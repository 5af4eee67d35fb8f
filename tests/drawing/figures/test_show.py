import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from built_fixture import gold_answers, sample_build, sample_corpus, sample_gold
from PIL import Image
from support import refusal, slow, write_answers

pytest.importorskip("matplotlib")

import sarchat_metric
from builders.cli.command import main
from builders.cli.demo import noisy_answers
from builders.core.errors import SARChatError
from builders.core.schema import TASKS
from builders.corpus.info import DEFAULT, known_corpus
from builders.data.reader import open_build
from builders.drawing.answers import label_ious
from builders.drawing.figures import style
from builders.drawing.figures.record import draw_record, gold_boxes, show_record
from builders.notation.formats import get_format
from builders.notation.render import render_text
from sarchat_metric import match_boxes, parse_boxes, task_scores

INFO = known_corpus(DEFAULT)

pytestmark = pytest.mark.usefixtures("coarse")


@pytest.fixture
def coarse(monkeypatch):
    """A quarter of the pixels, which are drawn and compressed in less time."""
    monkeypatch.setattr(style, "DPI", style.DPI // 2)


def rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[place : place + 2], 16) for place in (1, 3, 5))


def count_pixels(path: Path, color: str) -> int:
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return int((np.abs(pixels - rgb(color)).sum(axis=2) < 12).sum())


def written_texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


@pytest.mark.parametrize("task", ["grounding", *slow(*(task for task in TASKS if task != "grounding"))])
def test_every_task_is_drawn(task, tmp_path, capsys):
    out = tmp_path / "picture.png"
    main(["show", str(sample_build()), task, "--split", "test", "--index", "2", "--out", str(out)])
    record = open_build(sample_build()).record(task, "test", 2)
    assert capsys.readouterr().out == f"{out}\n"
    # Beside the heading of the gold answer there are boxes, unless it is no.
    assert count_pixels(out, style.GOLD) > (300 if record["objects"]["bbox"] else 100)
    assert count_pixels(out, style.PREDICTED) == 0
    # In inches: the image's longer side 6.4, the column of text 5.6, three margins of 0.25 across and two down.
    scale = 6.4 / max(record["width"], record["height"])
    with Image.open(out) as picture:
        width, height = picture.size
    assert width == pytest.approx(style.DPI * (scale * record["width"] + 5.6 + 0.75), abs=2)
    assert height >= style.DPI * (scale * record["height"] + 0.5) - 2


def test_prediction_is_drawn_in_red(tmp_path, capsys):
    out = tmp_path / "picture.png"
    answer = "{<10><10><90><90>} (top left)"
    main(["show", str(sample_build()), "referring", "--prediction", answer, "--out", str(out)])
    assert count_pixels(out, style.PREDICTED) > 200


@pytest.mark.slow
def test_a_prediction_in_another_box_format_is_drawn_as_in_sarchats_own(tmp_path, capsys):
    size = open_build(sample_build()).record("referring", "test", 0)
    box = [10 * 1000 / size["width"], 10 * 1000 / size["height"], 90 * 1000 / size["width"], 90 * 1000 / size["height"]]
    for name, answer in (("sarchat", "{<10><10><90><90>} (top left)"), ("list-1000", f"{box} (top left)")):
        out = tmp_path / f"{name}.png"
        options = ["--prediction", answer, "--box-format", name, "--out", str(out)]
        main(["show", str(sample_build()), "referring", *options])
    assert (tmp_path / "sarchat.png").read_bytes() == (tmp_path / "list-1000.png").read_bytes()
    assert "--input-size" in refusal(
        capsys, "show", sample_build(), "referring", "--prediction", "", "--box-format", "qwen2.5-vl", "--out", out
    )


def test_default_name_is_the_id_with_dashes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    record_id = open_build(sample_build()).record("counting", "validation", 3)["id"]
    main(["show", str(sample_build()), "all", "--id", record_id])
    assert capsys.readouterr().out == f"{record_id.replace('/', '-')}.png\n"
    assert (tmp_path / f"{record_id.replace('/', '-')}.png").is_file()


def test_same_bytes_each_time(tmp_path):
    record = open_build(sample_build()).record("grounding", "train", 1)
    for name in ("first", "second"):
        show_record(record, INFO, tmp_path / f"{name}.png", "a ship {<1><2><30><40>}")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_gold_answered_back_matches_wholly_and_scores_100():
    made = open_build(sample_build())
    for task in sarchat_metric.TASKS:
        record = made.record(task, "train", 0)
        answer = record["messages"][1]["content"]
        with style.styled():
            figure = draw_record(record, INFO, f"<think>{{<1><2><3><4>}}?</think>{answer}")
        labels = [text.get_text() for text in figure.axes[0].texts if "IoU" in text.get_text()]
        assert labels == ["IoU 1.00"] * len(parse_boxes(answer))
        scores = re.findall(r"^(\S+): ([\d.]+) %$", written_texts(figure), re.MULTILINE)
        assert scores and {score for _, score in scores} == {"100.0"}


def test_conversation_is_whole():
    record = open_build(sample_build()).record("grounding", "train", 4)
    with style.styled():
        text = written_texts(draw_record(record, INFO, "I see\n2 ships, $a_1$."))
    squeezed = "".join(text.split())
    for message in record["messages"]:
        assert "".join(message["content"].split()) in squeezed
    assert "Isee2ships,$a_1$." in squeezed
    assert record["id"] in text


def test_unmatched_box_tells_its_best_iou():
    gold = [(0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)]
    predicted = [(0.0, 0.0, 10.0, 10.0), (8.0, 0.0, 18.0, 10.0), (5.0, 5.0, 1.0, 1.0)]
    assert label_ious(predicted, gold, match_boxes(predicted, gold)) == [
        "IoU 1.00",
        "no match (0.11)",
        "no match (0.00)",
    ]
    assert label_ious([], gold, []) == []


def test_box_of_the_wrong_category_is_no_match():
    made = open_build(sample_build())
    record = next(
        record
        for index in range(made.count("grounding", "train"))
        if len((record := made.record("grounding", "train", index))["objects"]["bbox"]) == 1
    )
    box = re.search(r"\{<.+?>\}", record["messages"][1]["content"])[0]
    wrong = "bridge" if record["objects"]["category"] != [4] else "ship"
    with style.styled():
        figure = draw_record(record, INFO, f"There is a {wrong} {box}.")
    assert "no match (1.00)" in [text.get_text() for text in figure.axes[0].texts]


def test_gold_boxes_are_those_of_the_targets():
    made = open_build(sample_build())
    for task in TASKS:
        record = made.record(task, "train", 0)
        for box, (x, y, w, h) in zip(gold_boxes(record), record["objects"]["bbox"], strict=True):
            assert box == pytest.approx((x, y, x + w, y + h), abs=1)


ANSWERS = {
    "blank": " ",
    "formula": "有两艘船 $\\frac{",
    "boxes": "{<9><9><1><1>} {<1e9><0><1><1>}" + "{<-50><-50><99999><99999>}" * 50,
    "long": "x" * 3000,
}


@pytest.mark.parametrize("answer", ["formula", *slow("boxes", "blank", "long")])
def test_any_answer_is_drawn(tmp_path, answer):
    show_record(
        open_build(sample_build()).record("counting", "test", 0), INFO, tmp_path / "record.png", ANSWERS[answer]
    )
    with Image.open(tmp_path / "record.png") as picture:
        assert max(picture.size) < 6000


def test_index_and_id_give_the_same_record():
    made = open_build(sample_build())
    for config, split, index in [
        ("identification", "train", 411),
        ("all", "validation", 100),
        ("referring", "test", 0),
    ]:
        record = made.record(config, split, index)
        for splits in ([], [split]):
            again = made.record_with_id(config, record["id"], splits)
            assert again | {"image": again["image"].read()} == record | {"image": record["image"].read()}


def test_records_across_row_groups_and_files():
    made = open_build(sample_build())
    ids = [row for batch in made.batches("all", "test", ["id"], rows=7) for row in batch.column("id").to_pylist()]
    assert len(ids) == made.count("all", "test") == len(set(ids))
    for index in (0, 7, len(ids) // 2, len(ids) - 1):
        assert made.record("all", "test", index)["id"] == ids[index]


def test_paths_only_shows_the_file(tmp_path):
    folder = sample_build(("counting",), ("train", "test"), embed=False)
    main(["show", str(folder), "counting", "--out", str(tmp_path / "picture.png")])
    assert count_pixels(tmp_path / "picture.png", style.GOLD) > 300


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["referring", "--index", "-1"], ["-1", "10", "referring"]),
        (["referring", "--index", "10"], ["10", "referring"]),
        (["referring", "--split", "dev"], ["'dev'", "train, validation, test"]),
        (["refering"], ["'refering'", "referring"]),
        (["referring", "--id", "referring/test/9999999/0"], ["'referring/test/9999999/0'"]),
        (["counting", "--id", "referring/test/0000001/0"], ["counting"]),
        (["nothing", "--id", "x"], ["'nothing'", "counting"]),
        (["referring", "--index", "0", "--id", "x"], ["--index", "--id"]),
        (["referring", "--out", "picture.jpg"], ["picture.jpg", ".png"]),
        (["referring", "--out", "/no/such/folder/picture.png"], ["/no/such/folder/picture.png"]),
        (["referring", "--index", "one"], ["one"]),
        ([], ["CONFIG"]),
    ],
)
def test_wrong_arguments_get_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = refusal(capsys, "show", sample_build(), *arguments)
    assert all(word in line for word in words), line
    assert not list(tmp_path.iterdir())


def test_wrong_folders_get_one_line(capsys, tmp_path):
    assert "no such file or folder" in refusal(capsys, "show", tmp_path / "nothing", "referring")
    assert "no README.md" in refusal(capsys, "show", tmp_path, "referring")
    (tmp_path / "README.md").write_text("# no build\n")
    assert "README.md" in refusal(capsys, "show", tmp_path, "referring")
    for matter in ("configs: 3", "configs: [{config_name: a}]", "a: [", "configs: [{config_name: a, data_files: [1]}]"):
        (tmp_path / "README.md").write_text(f"---\n{matter}\n---\n")
        assert "README.md" in refusal(capsys, "show", tmp_path, "referring")


def test_damaged_folders_get_one_line(capsys, tmp_path):
    folder = tmp_path / "sarchat"
    shutil.copytree(sample_build(), folder)
    file = next((folder / "referring").glob("test-*.parquet"))
    file.write_bytes(file.read_bytes()[:1000])
    assert file.name in refusal(capsys, "show", folder, "referring")
    file.unlink()
    assert "referring/test-*.parquet" in refusal(capsys, "show", folder, "referring")


def test_missing_file_of_a_paths_only_build(capsys, tmp_path):
    from support import build

    from builders.build.options import BuildOptions

    shutil.copytree(sample_corpus(), tmp_path, dirs_exist_ok=True)
    build(tmp_path, tmp_path / "sarchat", BuildOptions(tasks=["referring"], splits=["test"], embed=False))
    shutil.rmtree(tmp_path / "SARDet_100K" / "JPEGImages")
    line = refusal(capsys, "show", tmp_path / "sarchat", "referring", "--out", tmp_path / "picture.png")
    assert "--no-embed" in line and "JPEGImages" in line


@pytest.mark.slow
def test_without_matplotlib(tmp_path):
    script = (
        "import sys; sys.modules['matplotlib'] = None; from builders.cli.command import main; "
        f"main(['show', {str(sample_build())!r}, 'referring'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and not done.stdout
    assert len(done.stderr.splitlines()) == 1 and "pip install '.[pictures]'" in done.stderr


@pytest.fixture
def answers(tmp_path):
    return write_answers(tmp_path / "answers.jsonl", noisy_answers(sample_gold()))


@pytest.mark.parametrize("data", [sample_build, *slow(sample_corpus)])
def test_the_worst_answers_are_drawn(data, answers, tmp_path, sarchat):
    run = sarchat("show", data(), "--answers", answers, "--worst", "3", "--out", tmp_path / "worst")
    assert run.returncode == 0, run.stderr
    paths = sorted((tmp_path / "worst").iterdir())
    assert list(map(str, paths)) == run.stdout.split() and len(paths) == 3
    assert [path.name[0] for path in paths] == ["1", "2", "3"]
    sarchat("score", answers, "--references", data(), "--details", tmp_path / "d.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    lowest = sorted(task_scores(line["accuracies"])[line["task"]] for line in lines)[:3]
    drawn = {line["id"].replace("/", "-"): task_scores(line["accuracies"])[line["task"]] for line in lines}
    assert sorted(drawn[path.stem[2:]] for path in paths) == lowest


def test_answers_of_predict_are_read_with_the_options_that_they_were_asked_with(tmp_path, sarchat):
    """Right answers in another box format, without an option that names it."""
    fmt, gold = get_format("list-1000"), sample_gold("counting")
    sizes = {key: (record["width"], record["height"]) for key, record in gold.items()}
    texts = {key: render_text(text, fmt, *sizes[key]) for key, text in gold_answers(gold).items()}
    answers = write_answers(tmp_path / "answers.jsonl", texts)
    options = {"config": "counting", "split": "test", "limit": None, "input_size": None, "resize": None}
    meta = {"model": "m", "options": {**options, "box_format": "list-1000"}}
    (tmp_path / "answers.jsonl.meta.json").write_text(json.dumps(meta))
    run = sarchat("show", sample_build(), "--answers", answers, "--out", tmp_path / "worst")
    assert (run.stdout, run.stderr) == ("Every answer is right.\n", "")


def test_right_answers_are_not_drawn(tmp_path, sarchat):
    answers = write_answers(tmp_path / "gold.jsonl", gold_answers(sample_gold("counting")))
    run = sarchat("show", sample_build(), "counting", "--answers", answers, "--out", tmp_path / "worst")
    assert run.stdout == "Every answer is right.\n" and not list((tmp_path / "worst").iterdir())


def test_options_that_do_not_go_together_are_refused(answers, tmp_path, capsys):
    build = sample_build()
    assert "belong to --answers" in refusal(capsys, "show", build, "--worst", "3")
    assert "give the folder for them with --out" in refusal(capsys, "show", build, "--answers", answers)
    assert "leave out --index" in refusal(capsys, "show", build, "--answers", answers, "--index", "1", "--out", "x")
    (tmp_path / "file").write_text("")
    assert "is a file" in refusal(capsys, "show", build, "--answers", answers, "--out", tmp_path / "file")


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<?xml"), *slow((".pdf", b"%PDF"), (".png", b"\x89PNG"))])
def test_the_ending_decides_the_format(suffix, start, tmp_path, sarchat):
    out = tmp_path / f"record{suffix}"
    assert sarchat("show", sample_build(), "referring", "--out", out).returncode == 0
    first = out.read_bytes()
    sarchat("show", sample_build(), "referring", "--out", out)
    assert first.startswith(start) and out.read_bytes() == first


def test_a_dialogue_is_drawn_whole_and_takes_no_answer():
    record = open_build(sample_build()).record("dialogue", "train", 3)
    with style.styled():
        text = "".join(written_texts(draw_record(record, INFO)).split())
    assert len(record["messages"]) > 2
    assert all("".join(message["content"].split()) in text for message in record["messages"])
    with pytest.raises(SARChatError, match="dialogue is for training, and has no score"):
        draw_record(record, INFO, "a ship")
