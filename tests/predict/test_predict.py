"""`sarchat predict` from end to end, against a server on loopback that knows the gold answers."""

import asyncio
import io
import json
import re
import shlex
import shutil
import sys
import threading
import time
from collections import Counter

import pyarrow.parquet as pq
import pytest
from asked_models import Gold, assert_all_gold, hash_pixels, read_lines
from built_fixture import sample_build, sample_corpus, small_build
from chat_server import FAULTS, LOST, ChatServer, at_random
from corpora import Picture, write_corpus, zip_corpus
from PIL import Image
from support import build, refusal, rewritten, slow

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.core.schema import IN_ALL
from builders.data.open_data import open_data
from builders.notation.formats import get_format, read_notation
from builders.notation.render import render_text
from builders.predict.predict import Options, predict


@pytest.fixture
def out(tmp_path):
    return tmp_path / "answers.jsonl"


def arguments(server, out, *more, data=None):
    return ["predict", str(data or small_build()), "--model", "m", "--base-url", server.url, "--out", str(out), *more]


def count_of(title, table):
    """The number beside a title in the printed table."""
    (line,) = (line for line in table.splitlines() if line.strip().startswith(title))
    return int(line.strip().removeprefix(title).split()[0].replace(",", ""))


def test_every_question_is_asked_once_with_its_own_image(gold, out, capsys):
    with ChatServer(gold) as server:
        main(arguments(server, out))
    assert_all_gold(out, small_build(), gold.ids)
    assert len(server.requests) == len(gold.ids)
    assert {asked.media_type for asked in server.requests} <= {"image/jpeg", "image/png"}
    for asked in server.requests:
        assert [part["type"] for part in asked.content] == ["image_url", "text"]
        assert (asked.body["model"], asked.body["temperature"], asked.body["max_tokens"]) == ("m", 0, 1024)
    # The printed line scores the file.
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("sarchat score ")
    main(shlex.split(line)[1:])
    assert "overall" in capsys.readouterr().out


def test_a_finished_file_needs_no_server(gold, out, capsys):
    with ChatServer(gold) as server:
        main(arguments(server, out))
    before = out.read_bytes()
    main(arguments(server, out))
    assert out.read_bytes() == before
    assert "Score it with" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["corpus", *slow("paths", "zip")])
def test_the_questions_are_the_same_from_any_data(form, out, tmp_path):
    data = {
        "paths": lambda: sample_build(embed=False),
        "corpus": sample_corpus,
        "zip": lambda: zip_corpus(sample_corpus() / "SARDet_100K", tmp_path / "corpus.zip"),
    }[form]()
    with ChatServer(Gold(sample_build())) as server:
        main(arguments(server, out, "--limit", "2", data=data))
    subset = open_data(str(sample_build())).subset(IN_ALL, "test", 2)
    assert_all_gold(out, sample_build(), list(subset), limit=2)


def test_an_image_is_encoded_once_for_all_its_records_of_all_tasks(gold, out, monkeypatch):
    from builders.predict import questions

    encoded = Counter()
    original = questions.encode_content

    def watch(content, name, **options):
        encoded[name] += 1
        return original(content, name, **options)

    monkeypatch.setattr(questions, "encode_content", watch)
    with ChatServer(gold) as server:
        predict(str(small_build()), "m", server.url, out)
    assert set(encoded.values()) == {1}
    assert len({asked.image for asked in server.requests}) == len(encoded) < len(server.requests)


def test_images_with_one_name_are_each_sent_with_their_own_questions(gold, out, tmp_path):
    folder = rewritten(small_build(), tmp_path / "sarchat", file_name="x.png")
    # The stand-in finds its answer by the image and the question.
    with ChatServer(gold) as server:
        main(arguments(server, out, data=folder))
    assert_all_gold(out, folder, gold.ids)


def test_records_with_one_id_are_refused(out, tmp_path, capsys):
    folder = rewritten(small_build(), tmp_path / "sarchat", id="counting/test/x/0")
    with ChatServer(lambda asked: "x") as server:
        assert "two records have the id 'counting/test/x/0'" in refusal(capsys, *arguments(server, out, data=folder))
    assert not server.requests and not out.exists()


@pytest.mark.parametrize("form", ["corpus", "paths"])
def test_images_that_were_replaced_stop_a_resumed_run(form, out, tmp_path, capsys):
    corpus = write_corpus(tmp_path, {"test": [Picture(f"{n}.png", boxes=[("ship", 9, 9, 90, 90)]) for n in range(3)]})
    data = corpus if form == "corpus" else tmp_path / "sarchat"
    if form == "paths":
        build(corpus, data, BuildOptions(embed=False))
    images = sorted((corpus / "JPEGImages" / "test").iterdir())
    whole = {image: image.read_bytes() for image in images}
    images[2].write_bytes(b"no image")
    with ChatServer(lambda asked: "x") as server:
        with pytest.raises(SystemExit):
            main(arguments(server, out, data=data))
        before, asked = out.read_bytes(), len(server.requests)
        for image in images[:2]:
            Image.new("L", (256, 256), 7).save(image)
        capsys.readouterr()
        line = refusal(capsys, *arguments(server, out, data=data))
        assert f"{images[0]} is not the image that record" in line and str(out) in line
        assert (out.read_bytes(), len(server.requests)) == (before, asked)
        # One that could not be read has no answers: it may be repaired.
        for image, content in whole.items():
            image.write_bytes(content)
        main(arguments(server, out, data=data))


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/v1", "http://[::1]:{port}/k3y-in-path/v1"])
def test_a_server_that_is_not_there_is_named_before_anything_is_read(address, out, capsys):
    with ChatServer(lambda asked: "x") as server:
        pass
    server.url = address.format(port=server.port)
    line = refusal(capsys, *arguments(server, out, data="nowhere"))
    assert f"no server answers at {server.url.replace('k3y-in-path', '***')} (" in line and "--base-url" in line
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize(
    ("model", "more", "unit", "warning"),
    [
        ("m", (), "pixels of the image (--box-format sarchat); m is of no known family: Qwen-VL, ", ""),
        (
            "Qwen/Qwen2.5-VL-7B-Instruct",
            (),
            "pixels of the image as resized by the model's processor (--box-format qwen2.5-vl --resize "
            "28,3136,12845056), as Qwen2.5-VL models write them.",
            "",
        ),
        ("Qwen/Qwen3-VL-8B", (), "0 to 1000 of width and height (--box-format qwen3-vl), as Qwen3-VL models write", ""),
        (
            "Qwen/Qwen2.5-VL-7B-Instruct",
            ("--box-format", "sarchat"),
            "pixels of the image (--box-format sarchat), which Qwen2.5-VL models do not write.",
            "use --box-format qwen2.5-vl --resize 28,3136,12845056",
        ),
        ("google/gemini-2.5-pro", ("--box-format", "list-1000"), "0 to 1000 of", "use --box-format gemini"),
        ("Qwen/Qwen3-VL-8B", ("--box-format", "qwen3-vl"), "0 to 1000 of width and height (", ""),
    ],
)
def test_the_unit_of_boxes_is_told_and_another_one_than_the_familys_is_warned_of(
    model, more, unit, warning, out, capsys
):
    with ChatServer(lambda asked: "x") as server:
        main(arguments(server, out, "--limit", "1", "--model", model, *more))
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith(f"Boxes are asked for in {unit}") for line in lines) == 1
    warnings = [line for line in lines if line.startswith("Warning: ")]
    assert len(warnings) == bool(warning) and all(warning in line for line in warnings)


def test_the_printed_line_scores_what_was_asked(gold, out, tmp_path, capsys):
    scores = tmp_path / "scores.json"
    with ChatServer(lambda asked: {"content": gold(asked), "model": "served"}) as server:
        main(arguments(server, out, "--limit", "2", "--config", "counting", "--model", "org/model"))
    line = capsys.readouterr().out.splitlines()[-1]
    assert "--limit" not in line and "--config" not in line
    main([*shlex.split(line)[1:], "--output", str(scores)])
    assert "Warning" not in capsys.readouterr().err
    found = json.loads(scores.read_text())
    assert found["overall"] == 100 and found["missing"] == 0
    assert (found["model"], found["config"], found["limit"]) == ("org/model", "counting", 2)


def test_an_option_of_score_that_contradicts_is_used_and_said(gold, out, tmp_path, capsys):
    scores = tmp_path / "scores.json"
    rendered = {question: None for _, question in gold.answers}
    assert rendered
    with ChatServer(lambda asked: "x") as server:
        main(arguments(server, out, "--limit", "2", "--box-format", "qwen2.5-vl", "--resize", "28,3136,12845056"))
    line = shlex.split(capsys.readouterr().out.splitlines()[-1])[1:]
    main([*line, "--output", str(scores), "--model", "mine"])
    found = json.loads(scores.read_text())
    assert (found["box_format"], found["resize"], found["model"]) == ("qwen2.5-vl", "28,3136,12845056", "mine")
    capsys.readouterr()
    main([*line, "--output", str(scores), "--box-format", "sarchat", "--limit", "1"])
    found = json.loads(scores.read_text())
    assert (found["box_format"], found["resize"], found["limit"]) == ("sarchat", None, 1)
    said = [text for text in capsys.readouterr().err.splitlines() if "the model was asked with" in text]
    assert [text.partition(" is used")[0] for text in said] == ["Warning: --box-format sarchat", "Warning: --limit 1"]
    out.with_name(out.name + ".meta.json").write_text('{"model": "m", "options": {"config": 3}}')
    assert "its option config is 3" in refusal(capsys, *line)


@pytest.mark.parametrize("seed", [0, *slow(*range(1, 10))])
def test_faults_of_every_kind(gold, out, impatient, capsys, seed):
    shares = dict.fromkeys(FAULTS, 0.04)
    with ChatServer(gold, at_random(seed, shares)) as server:
        runs = 0
        while True:
            runs += 1
            try:
                main(arguments(server, out))
                break
            except SystemExit as ended:
                captured = capsys.readouterr()
                answered = {line["id"] for line in read_lines(out)}
                left = len(gold.ids) - len(answered)
                assert ended.code == 1 and left and f"{left:,} records are left" in captured.err
                assert "Traceback" not in captured.err
                # Only what comes with status 200 is not repeated by the client itself.
                assert "failed: no chat completion" in captured.out and "failed: status" not in captured.out
    assert runs < 10
    assert_all_gold(out, small_build(), gold.ids)


def test_failures_are_counted_by_kind_and_asked_again(gold, out, impatient, capsys):
    lost = {number: LOST[number % 3] for number in range(3, 30, 5)}
    with ChatServer(gold, lambda number: lost.get(number, 400 if number == 32 else None)) as server:
        with pytest.raises(SystemExit):
            main(arguments(server, out, "--concurrency", "1"))
        table = capsys.readouterr().out
        assert count_of("failed: no chat completion", table) == len(lost)
        assert count_of("failed: status 400", table) == 1
        assert len(read_lines(out)) == len(gold.ids) - len(lost) - 1
        asked = len(server.requests)
        main(arguments(server, out))
        assert len(server.requests) - asked == len(lost) + 1
    assert_all_gold(out, small_build(), gold.ids)


def test_a_retry_after_is_waited_for(gold, out):
    times = []

    def watch(asked):
        times.append(time.monotonic())
        return gold(asked)

    class Busy(ChatServer):
        async def _send(self, writer, status, content, **more):
            if status == 429:
                times.append(time.monotonic())
                more = {"Retry-After": "1"}
            return await super()._send(writer, status, content, **more)

    with Busy(watch, lambda number: "busy" if number == 0 else None) as server:
        options = Options(config="classification", limit=1)
        outcome = predict(str(small_build()), "m", server.url, out, options, concurrency=1)
    assert (outcome.left, outcome.tally.retries) == (0, 1)
    assert times[1] - times[0] >= 1


def test_empty_answers_and_refusals_are_answers(gold, out, capsys):
    replies = [{"content": None}, {"content": " "}, {"content": None, "refusal": "No."}, {"finish_reason": "length"}]
    number = iter(range(10_000))

    def reply(asked):
        place = next(number)
        return dict(replies[place]) if place < len(replies) else gold(asked)

    with ChatServer(reply) as server:
        main(arguments(server, out))
    lines = read_lines(out)
    assert len(lines) == len(gold.ids)
    assert sum(not line["prediction"].strip() for line in lines) == 4
    table = capsys.readouterr().out
    for title, count in (
        ("of these empty", 4),
        ("of these refused", 1),
        ("of these cut off by the token limit", 1),
        ("left", 0),
    ):
        assert count_of(title, table) == count


def test_a_limit_asks_what_it_scores(gold, out, capsys):
    with ChatServer(gold) as server:
        main(arguments(server, out, "--limit", "2"))
    data = open_data(str(small_build()))
    subset = data.subset(data.tasks, "test", 2)
    assert {line["id"] for line in read_lines(out)} == subset
    assert_all_gold(out, small_build(), list(subset), limit=2)
    line = capsys.readouterr().out.splitlines()[-1]
    assert "--limit" not in line
    main(shlex.split(line)[1:])
    assert "have no prediction" not in capsys.readouterr().err


def test_questions_are_asked_in_the_models_notation(gold, out):
    data = open_data(str(sample_build()))
    tasks = ("referring", "identification")
    rows = [row for task in tasks for row in data.rows(task, "test", keep=data.subset(tasks, "test", 5))]
    with ChatServer(lambda asked: "") as server:
        for config in tasks:
            options = Options(config=config, limit=5, box_format="qwen2.5-vl", input_size="448x448")
            predict(str(sample_build()), "m", server.url, out.with_name(config), options)
    notation = read_notation("qwen2.5-vl", "448x448")
    suffix = " " + get_format("qwen2.5-vl").prompt_suffix
    expected = [
        render_text(row["messages"][0]["content"], notation.format, row["width"], row["height"], notation.input_size)
        # Identification asks by box, but its answers hold none.
        + (suffix if row["task"] == "referring" else "")
        for row in rows
    ]
    assert Counter(asked.question for asked in server.requests) == Counter(expected)
    assert any("bbox_2d" in question for question in expected) and not any("{<" in question for question in expected)


def test_no_flag_is_needed_for_a_model_that_is_known_by_its_name(out, capsys, tmp_path):
    """Asked in its notation, read in it, by the model's name alone; and what it was trained on is what is asked."""
    model = "Qwen/Qwen3-VL-8B-Instruct"
    main(["export", str(small_build()), "--to", "trl", "--model", model, "--out", str(tmp_path / "trained")])
    answers = {}
    for path in (tmp_path / "trained").glob("*-test.parquet"):
        for row in pq.read_table(path).to_pylist():
            answers[row["prompt"][0]["content"], row["image"]["path"].split("/")[-1]] = row["completion"][0]["content"]
    learned = {question for question, _ in answers}
    by_question = {question: answer for (question, _), answer in answers.items()}
    with ChatServer(lambda asked: by_question[asked.question]) as server:
        main(arguments(server, out, "--model", model, "--limit", "1"))
    assert server.requests and {asked.question for asked in server.requests} <= learned
    assert any(asked.question.endswith("Report bbox coordinates in JSON format.") for asked in server.requests)
    found = json.loads(out.with_name(f"{out.name}.meta.json").read_text())["options"]
    assert (found["box_format"], found["resize"], found["max_tokens"]) == ("qwen3-vl", None, 1024)
    capsys.readouterr()
    main(["score", str(out), "--references", str(small_build()), "--output", str(tmp_path / "scores.json")])
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["box_format"], scores["limit"], scores["missing"]) == ("qwen3-vl", 1, 0)


def test_a_fine_tuned_model_is_asked_as_its_export_trained_it(out, capsys, tmp_path):
    export = ["export", str(small_build()), "--out", str(tmp_path / "trained"), "--limit", "1"]
    main([*export, "--to", "trl"])
    with ChatServer(lambda asked: "x") as server:
        main(arguments(server, out, "--fine-tuned", str(tmp_path / "trained"), "--limit", "1"))
        found = json.loads(out.with_name(f"{out.name}.meta.json").read_text())["options"]
        assert (found["box_format"], found["resize"]) == ("qwen2.5-vl", "28,3136,12845056")
        rows = [
            row for path in (tmp_path / "trained").glob("*-test.parquet") for row in pq.read_table(path).to_pylist()
        ]
        assert {asked.question for asked in server.requests} == {row["prompt"][0]["content"] for row in rows}
        # ms-swift spells the boxes itself, and no sentence asks for them.
        main([*export, "--to", "ms-swift"])
        capsys.readouterr()
        fine_tuned = ["--fine-tuned", str(tmp_path / "trained"), "--limit", "1"]
        line = refusal(capsys, *arguments(server, out.with_name("b"), *fine_tuned))
        assert "ms-swift writes the boxes for its model" in line and "--box-format" in line
        server.requests.clear()
        main(arguments(server, out.with_name("b"), *fine_tuned, "--box-format", "qwen3-vl"))
        assert server.requests and not any("JSON" in asked.question for asked in server.requests)
        capsys.readouterr()
        line = refusal(capsys, *arguments(server, out.with_name("c"), "--fine-tuned", str(tmp_path)))
        assert "is not a folder of `sarchat export`" in line


@pytest.mark.parametrize(("suffix", "end"), [("Be exact.", " Be exact."), ("", "")])
def test_a_suffix_of_ones_own_follows_every_question(suffix, end, gold, out):
    with ChatServer(lambda asked: "") as server:
        more = ("--prompt-suffix", suffix, "--box-format", "qwen3-vl", "--limit", "1", "--system", "You are a radar.")
        main(arguments(server, out, *more))
    for asked in server.requests:
        assert asked.question.endswith(end or ("?", ".", "!", "]", "ship", "}", ")")) and "JSON" not in asked.question
        assert asked.body["messages"][0] == {"role": "system", "content": "You are a radar."}


def test_other_answers_do_not_go_into_the_same_file(out, capsys):
    changes = {
        "--model": "n",
        "--temperature": "0.7",
        "--max-tokens": "5",
        "--limit": "1",
        "--config": "counting",
        "--split": "validation",
        "--system": "s",
        "--prompt-suffix": "p",
        "--box-format": "qwen3-vl",
        "--extra-body": '{"top_k": 1}',
    }
    with ChatServer(lambda asked: "x") as server:
        main(arguments(server, out, "--limit", "2"))
        before = out.read_bytes()
        asked = len(server.requests)
        capsys.readouterr()
        for option, value in changes.items():
            line = refusal(capsys, *arguments(server, out, "--limit", "2", option, value))
            assert "has answers made with" in line and option.strip("-").replace("-", "_") in line
            assert (out.read_bytes(), len(server.requests)) == (before, asked)


def test_other_data_is_refused_and_a_moved_folder_is_not(gold, out, tmp_path, capsys):
    with ChatServer(gold) as server:
        main(arguments(server, out, "--limit", "1"))
        moved = shutil.copytree(small_build(), tmp_path / "moved")
        main(arguments(server, out, "--limit", "1", "--concurrency", "2", "--timeout", "9", data=moved))
        build(sample_corpus(), tmp_path / "other", BuildOptions(tasks=("counting",), splits=("test",), seed=5))
        capsys.readouterr()
        line = refusal(capsys, *arguments(server, out, "--limit", "1", data=tmp_path / "other"))
    assert "data.fingerprint" in line


def test_the_sidecar_says_how_the_answers_were_made(gold, out):
    with ChatServer(lambda asked: {"content": "x", "model": "org/served"}) as server:
        main(arguments(server, out, "--limit", "1"))
    meta = json.loads(out.with_name("answers.jsonl.meta.json").read_text())
    assert (meta["model"], meta["server_models"], meta["base_urls"]) == ("m", ["org/served"], [server.url])
    assert meta["options"]["limit"] == 1 and meta["options"]["temperature"] == 0
    assert meta["data"]["fingerprint"] == open_data(str(small_build())).fingerprint


def test_a_server_that_changes_its_model_is_noted(gold, out, capsys):
    with ChatServer(lambda asked: {"content": "x", "model": asked.question[:9]}) as server:
        main(arguments(server, out, "--limit", "1"))
    assert "Warning: the server named different models" in capsys.readouterr().err


def test_the_key_is_nowhere(gold, out, impatient, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-123")
    with ChatServer(gold, lambda number: 400 if number % 5 == 0 else None) as server:
        server.url = server.url.replace("http://", "http://alice:passw0rd@")
        with pytest.raises(SystemExit):
            main(arguments(server, out))
    captured = capsys.readouterr()
    written = captured.out + captured.err + "".join(path.read_text() for path in out.parent.iterdir())
    assert "it failed for" in written
    assert "secret" not in written and "passw0rd" not in written


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_ends_the_run_at_once(status, gold, out, capsys):
    with ChatServer(gold, lambda number: status) as server, pytest.raises(SystemExit):
        main(arguments(server, out, "--concurrency", "2"))
    assert len(server.requests) <= 2
    assert f"Error: no question can be answered: status {status}" in capsys.readouterr().err
    assert out.read_bytes() == b""


@pytest.mark.parametrize("fault", [400, *slow(*LOST, "failing", "cut off")])
def test_a_server_that_fails_for_good_ends_the_run(fault, gold, out, impatient, capsys):
    with ChatServer(gold, lambda number: None if number < 6 else fault) as server, pytest.raises(SystemExit):
        main(arguments(server, out, "--concurrency", "4"))
    assert "5 failures in a row, the last one: " in capsys.readouterr().err
    assert 2 <= len(read_lines(out)) <= 6


def test_an_image_that_the_server_refuses_does_not_end_the_run(gold, out, capsys):
    ((image, refused),) = Counter(pixels for pixels, _ in gold.answers).most_common(1)
    assert refused > 5

    class Picky(ChatServer):
        async def _respond(self, asked, number, writer):
            if hash_pixels(asked.image) == image:
                return await self._send(writer, 400, b'{"error": {"message": "too many image tokens"}}')
            return await super()._respond(asked, number, writer)

    with Picky(gold) as server, pytest.raises(SystemExit):
        main(arguments(server, out, "--concurrency", "1"))
    assert len(read_lines(out)) == len(gold.ids) - refused
    assert "too many image tokens" in capsys.readouterr().out


def test_an_image_that_cannot_be_read_is_a_failure_of_its_records(tmp_path, out, capsys):
    corpus = write_corpus(tmp_path, {"test": [Picture(f"{n}.png", boxes=[("ship", 9, 9, 90, 90)]) for n in range(3)]})
    build(corpus, tmp_path / "sarchat", BuildOptions(embed=False))
    gold = Gold(tmp_path / "sarchat")
    (corpus / "JPEGImages" / "test" / "1.png").write_bytes(b"no image")
    (corpus / "JPEGImages" / "test" / "2.png").unlink()
    with ChatServer(lambda asked: "x") as server, pytest.raises(SystemExit):
        main(arguments(server, out, data=tmp_path / "sarchat"))
    assert len(read_lines(out)) == len(gold.ids) // 3 == len(server.requests)
    assert count_of("failed: unreadable image", capsys.readouterr().out) == 2 * len(gold.ids) // 3


@pytest.mark.parametrize("concurrency", [3, *slow(1, 16)])
def test_no_more_requests_at_a_time_than_asked_for(concurrency, gold, out):
    class Patient(ChatServer):
        """Answers nothing before as many requests are there as may be, however slow the machine is."""

        async def _respond(self, asked, number, writer):
            while self.most_at_a_time < concurrency:
                await asyncio.sleep(0.001)
            return await super()._respond(asked, number, writer)

    with Patient(gold, delay=0.02) as server:
        predict(str(small_build()), "m", server.url, out, concurrency=concurrency)
    assert server.most_at_a_time == concurrency


def test_questions_are_read_only_a_little_ahead(gold, out, monkeypatch):
    # Else all images of a large split would be in memory.
    from builders.predict import predict as module

    read = []
    ahead = []
    original = module.generate_questions

    def watch(*args, **options):
        for question in original(*args, **options):
            read.append(question.id)
            yield question

    lock = threading.Lock()

    def answer(asked):
        with lock:
            ahead.append(len(read) - len(ahead))
        return gold(asked)

    monkeypatch.setattr(module, "generate_questions", watch)
    with ChatServer(answer) as server:
        predict(str(small_build()), "m", server.url, out, concurrency=4)
    # As many in requests, in the queue, and just read.
    assert max(ahead) <= 3 * 4 + 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--base-url", "localhost:8000"), "--base-url must be an address such as http://localhost:8000/v1"),
        (("--config", "refering"), "no config 'refering'"),
        (("--split", "dev"), "no split 'dev'"),
        (("--limit", "0"), "--limit"),
        (("--concurrency", "0"), "--concurrency"),
        (("--extra-body", "{"), "--extra-body is not JSON"),
        (("--extra-body", "[1]"), "--extra-body must be a JSON object"),
        (("--box-format", "qwen"), "unknown box format 'qwen'"),
        (("--box-format", "qwen2.5-vl"), "--input-size"),
        (("--out", "nowhere/answers.jsonl"), "create it first"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(more, message, out, capsys):
    with ChatServer(lambda asked: "x") as server:
        assert message in refusal(capsys, *arguments(server, out, *more))
    assert not server.requests and not list(out.parent.iterdir())


def test_data_that_is_none_is_refused(out, capsys):
    with ChatServer(lambda asked: "x") as server:
        assert "nowhere: no such file or folder" in refusal(capsys, *arguments(server, out, data="nowhere"))


def test_without_the_package_the_extra_is_named(out, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "openai" or "builders.predict" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openai", None)
    line = refusal(capsys, "predict", small_build(), "--model", "m", "--base-url", "http://h/v1", "--out", out)
    assert "pip install '.[predict]'" in line


def test_blind_sends_a_grey_image_of_the_same_size_and_format(gold, out, tmp_path):
    with ChatServer(gold) as server:
        main(arguments(server, out, "--limit", "2"))
    with ChatServer(lambda asked: "x") as blind:
        main(arguments(blind, tmp_path / "blind.jsonl", "--limit", "2", "--blind"))
    assert len(blind.requests) == len(server.requests)
    by_question = {asked.question: asked for asked in server.requests}
    for asked in blind.requests:
        with (
            Image.open(io.BytesIO(asked.image)) as grey,
            Image.open(io.BytesIO(by_question[asked.question].image)) as own,
        ):
            assert (grey.size, grey.format, grey.mode) == (own.size, own.format, own.mode)
            assert grey.convert("L").getextrema() == (128, 128)
    options = json.loads((tmp_path / "blind.jsonl.meta.json").read_text())["options"]
    assert options["blind"] is True
    main(
        [
            "score",
            str(tmp_path / "blind.jsonl"),
            "--references",
            str(small_build()),
            "--output",
            str(tmp_path / "r.json"),
        ]
    )
    assert json.loads((tmp_path / "r.json").read_text())["model"] == "m (blind)"


def test_a_run_with_sight_is_not_resumed_blind_and_an_older_one_is_resumed(gold, out, tmp_path, capsys):
    with ChatServer(gold) as server:
        main(arguments(server, out, "--limit", "1"))
        capsys.readouterr()
        message = refusal(capsys, *arguments(server, out, "--limit", "1", "--blind"))
        assert "has answers made with options.blind false, not true" in message
        sidecar = out.with_name("answers.jsonl.meta.json")
        older = json.loads(sidecar.read_text())
        del older["options"]["blind"], older["options"]["logprobs"]
        sidecar.write_text(json.dumps(older))
        main(arguments(server, out, "--limit", "1"))
        capsys.readouterr()
        assert "options.blind null, not true" in refusal(capsys, *arguments(server, out, "--limit", "1", "--blind"))


def test_each_question_is_a_conversation_of_its_own(gold, out):
    with ChatServer(gold) as server:
        main(arguments(server, out, "--concurrency", "1"))
    assert [len(asked.body["messages"]) for asked in server.requests] == [1] * len(gold.ids)
    # Nothing in a request refers to an earlier one.
    assert all({*asked.body} == {"model", "messages", "temperature", "max_tokens"} for asked in server.requests)


def test_probabilities_are_asked_for_and_kept(gold, out, capsys):
    def answer(asked):
        text = gold(asked)
        parts = re.findall(r"[0-9]+|[^0-9]+", text)
        return {"content": text, "logprobs": {"content": [{"token": part, "logprob": -0.25} for part in parts]}}

    with ChatServer(answer) as server:
        main(arguments(server, out, "--config", "referring", "--logprobs"))
    assert all(asked.body["logprobs"] is True for asked in server.requests)
    capsys.readouterr()
    main(["score", str(out), "--references", str(small_build()), "--detection", "--format", "json"])
    (row,) = json.loads(capsys.readouterr().out)["tables"][-1]["rows"]
    assert row["AP@0.5:0.95"] == row["mAP_nc"] == row["mF1"] == 100
