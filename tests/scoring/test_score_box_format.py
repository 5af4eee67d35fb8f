"""`sarchat score --box-format`: answers in a family's notation, and the warnings about them."""

import json

import pytest
from built_fixture import sample_build
from family_writers import INPUT_SIZE, WRITERS, rewrite
from support import refusal, write_answers

from builders.cli.command import main
from builders.data.open_data import open_data

COLUMNS = ("id", "task", "scenario", "messages", "width", "height")


@pytest.fixture(scope="module")
def records():
    data = open_data(str(sample_build()))
    return [row for task in data.select("all", "test") for row in data.rows(task, "test", None, COLUMNS)]


def write(path, records, change):
    return write_answers(path, {row["id"]: change(row["messages"][-1]["content"], row) for row in records})


def run(capsys, path, *options):
    out = path.with_suffix(".json")
    main(["score", str(path), "--references", str(sample_build()), "--output", str(out), *options])
    printed = capsys.readouterr()
    return json.loads(out.read_text()), printed.out, printed.err


@pytest.mark.parametrize("name", ["qwen3-vl", "gemini", "paligemma", "qwen2.5-vl"])
def test_gold_in_a_notation_scores_100_under_its_name(name, records, tmp_path, capsys):
    writer = WRITERS[name][0][0]
    path = write(tmp_path / "a.jsonl", records, lambda gold, row: rewrite(gold, writer, row["width"], row["height"]))
    options = ["--box-format", name]
    if name == "qwen2.5-vl":
        assert "--input-size WxH" in refusal(capsys, "score", path, "--references", sample_build(), *options)
        options += ["--input-size", "{}x{}".format(*INPUT_SIZE)]
    scores, _, errors = run(capsys, path, *options)
    assert (scores["overall"], scores["box_format"], errors) == (100, name, "")
    assert sum(scores["boxes"].values()) > 50
    assert {*scores["out_of_image"].values(), *scores["truncated"].values(), *scores["unparsed"].values()} == {0}
    # In SARChat's own format the same answers hold no box.
    scores, _, _ = run(capsys, path)
    assert scores["referring"] == 0 and sum(scores["boxes"].values()) == 0


def test_the_wrong_format_is_reported_by_boxes_outside_of_their_images(records, tmp_path, capsys):
    writer = WRITERS["list-1000"][0][0]
    path = write(tmp_path / "a.jsonl", records, lambda gold, row: rewrite(gold, writer, row["width"], row["height"]))
    scores, table, errors = run(capsys, path, "--box-format", "list-1")
    boxes, outside = sum(scores["boxes"].values()), sum(scores["out_of_image"].values())
    assert outside > 0.9 * boxes
    warnings = [line for line in errors.splitlines() if "outside" in line]
    assert len(warnings) == 1 and warnings[0].startswith(f"Warning: {outside:,} of {boxes:,} boxes")
    assert "list-1 is probably not the format" in warnings[0]
    assert table.splitlines()[0].split("  ")[-1].strip() == "out of image"
    _, _, errors = run(capsys, path, "--box-format", "list-1000")
    assert errors == ""


def test_a_fifth_of_the_boxes_may_be_outside_before_it_is_reported(records, tmp_path, capsys):
    some = [record for record in records if record["task"] == "referring"][:10]
    for outside, warned in ((2, False), (3, True)):
        boxes = ["[9000,9000,9100,9100]" if index < outside else "[1,1,9,9]" for index in range(10)]
        path = write_answers(tmp_path / "a.jsonl", {row["id"]: box for row, box in zip(some, boxes, strict=True)})
        _, _, errors = run(capsys, path, "--box-format", "list-px")
        assert ("lie outside" in errors) is warned


def test_cut_answers_rotated_boxes_and_points_are_reported(records, tmp_path, capsys):
    answers = ["{<4><50><30><65>|<30>}", "{<4><50><30><65>}{<4><50", "<think>hm", "3"]
    some = [record for record in records if record["task"] == "referring"][: len(answers)]
    path = write_answers(tmp_path / "a.jsonl", {row["id"]: text for row, text in zip(some, answers, strict=True)})
    scores, table, errors = run(capsys, path, "--box-format", "minigpt-v2", "--config", "referring")
    assert (scores["truncated"], scores["rotated"], scores["boxes"]) == (
        {"referring": 2},
        {"referring": 1},
        {"referring": 1},
    )
    assert "1 boxes are rotated; they are not scored" in errors
    heading, *rows = table.splitlines()
    column = heading.index("truncated") + len("truncated")
    assert [row[:column].split()[-1] for row in rows if row.startswith("overall")] == ["2"]


def test_details_tell_what_was_met(records, tmp_path, capsys):
    path = write(tmp_path / "a.jsonl", records, lambda gold, row: "[1,2,3,4] [9000,0,9001,3")
    details = tmp_path / "details.jsonl"
    run(capsys, path, "--box-format", "list-px", "--details", str(details))
    for line in map(json.loads, details.read_text().splitlines()):
        assert (line["boxes"], line["out_of_image"], line["truncated"], line["failed"]) == (1, 0, 1, 0)


def test_options_that_do_not_go_together(capsys, tmp_path, records):
    path = write(tmp_path / "a.jsonl", records, lambda gold, row: gold)
    for options, message in [
        (["--box-format", "qwen"], "unknown box format 'qwen' (did you mean 'qwen-vl'?); choose from sarchat, "),
        (["--box-format", "gemini", "--input-size", "5x5"], "does not depend on the model's input size"),
        (["--box-format", "qwen2.5-vl", "--resize", "28"], "is factor,min_pixels,max_pixels"),
    ]:
        assert message in refusal(capsys, "score", path, "--references", sample_build(), *options)
