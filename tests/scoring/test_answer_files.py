"""Files of answers in every container and of every tool score as the plain file of the same answers does."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from built_fixture import sample_build
from hub_server import Blob, LoopbackHub
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from support import mostly_slow, refusal

from builders.cli.demo import add_noise
from builders.core.errors import SARChatError
from builders.corpus.info import DEFAULT, Category, known_corpus
from builders.data.open_data import open_data
from builders.notation.formats import read_notation
from builders.notation.render import Phrasing, render_text
from builders.scoring.joining import join_answers
from builders.scoring.readers import TOOLS, Answer, AnswerSource, read_answers
from builders.scoring.scoring import evaluate_file

COLUMNS = ("id", "task", "scenario", "messages", "width", "height")
# What readers of tables like to take for a number or for nothing.
ODD = ("NA", "None", "nan", "", "2", "3.0", "null", '"', "a,b\tc\nd", "-", "007")


@pytest.fixture(scope="module")
def records():
    data = open_data(str(sample_build()))
    return [row for task in data.select("all", "test") for row in data.rows(task, "test", None, COLUMNS)]


@pytest.fixture(scope="module")
def answers(records):
    """Noisy answers, and the odd ones among them."""
    texts = [add_noise(gold_of(record), record["id"]) for record in records]
    return [ODD[index // 5 % len(ODD)] if index % 5 == 0 else text for index, text in enumerate(texts)]


def gold_of(record):
    return record["messages"][-1]["content"]


def question_of(record):
    return record["messages"][0]["content"]


def lines_of(entries):
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode()


def plain_rows(records, answers):
    return [{"id": record["id"], "prediction": text} for record, text in zip(records, answers, strict=True)]


@pytest.fixture(scope="module")
def expected(records, answers, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "answers.jsonl"
    path.write_bytes(lines_of(plain_rows(records, answers)))
    return score(path)


def score(source, **options):
    return replace(evaluate_file(source, sample_build(), "all", "test", "sample", **options), name="answers")


def as_csv(rows, delimiter=","):
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def as_parquet(rows):
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream, row_group_size=50)
    return stream.getvalue()


def as_excel(rows):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


CONTAINERS = {
    "a.jsonl": lines_of,
    "a.txt": lines_of,
    "mark.jsonl": lambda rows: b"\xef\xbb\xbf" + lines_of(rows),
    "returns.jsonl": lambda rows: lines_of(rows).replace(b"\n", b"\r\n\r\n"),
    "a.jsonl.gz": lambda rows: gzip.compress(lines_of(rows), mtime=0),
    "gzip without the name.jsonl": lambda rows: gzip.compress(lines_of(rows), mtime=0),
    "a.json": lambda rows: json.dumps(rows, indent=1).encode(),
    "mark.json": lambda rows: b"\xef\xbb\xbf" + json.dumps(rows).encode(),
    "a.csv": as_csv,
    "mark.csv": lambda rows: b"\xef\xbb\xbf" + as_csv(rows),
    "a.csv.gz": lambda rows: gzip.compress(as_csv(rows), mtime=0),
    "a.tsv": lambda rows: as_csv(rows, "\t"),
    "a.parquet": as_parquet,
    "a.xlsx": as_excel,
}


# Each format, and one of those with a mark or compressed.
@pytest.mark.parametrize(
    "name",
    mostly_slow(CONTAINERS, "mark.jsonl", "a.jsonl.gz", "a.json", "mark.csv", "a.tsv", "a.parquet", "a.xlsx"),
)
def test_every_container_scores_as_the_plain_file(name, records, answers, expected, tmp_path):
    path = tmp_path / name
    path.write_bytes(CONTAINERS[name](plain_rows(records, answers)))
    assert [answer.text for answer in read_answers(AnswerSource(str(path)))] == answers
    assert score(path) == expected
    # Columns of other names, among columns that say nothing.
    rows = [
        {"n": str(number), "key": row["id"], "output": row["prediction"]}
        for number, row in enumerate(plain_rows(records, answers))
    ]
    path.write_bytes(CONTAINERS[name](rows))
    assert score(AnswerSource(str(path), id_field="key", prediction_field="output")) == expected


@pytest.mark.parametrize(("name", "options"), [("a.jsonl", []), ("a.jsonl.gz", []), ("a.csv", ["--from", "csv"])])
def test_standard_input(name, options, records, answers, expected, tmp_path, monkeypatch, sarchat):
    out = tmp_path / "scores.json"
    given = io.BufferedReader(io.BytesIO(CONTAINERS[name](plain_rows(records, answers))))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(given))
    run = sarchat("score", "-", "--references", sample_build(), *options, "--output", out)
    assert run.returncode == 0, run.stderr
    assert json.loads(out.read_text())["overall"] == expected.overall


READ_FROM_THE_HUB = """
import json, sys
from builders.scoring.readers import AnswerSource, read_answers
source = AnswerSource("alice/answers", id_field="key", prediction_field="output")
print(json.dumps([(answer.id, answer.text) for answer in read_answers(source, "test")]))
"""


@pytest.mark.slow
def test_a_column_of_a_data_set_on_the_hub(records, answers, tmp_path):
    rows = [{"key": row["id"], "output": row["prediction"], "n": 1} for row in plain_rows(records, answers)]
    with LoopbackHub() as hub:
        blob = Blob(as_parquet(rows), lfs=True)
        hub.store[blob.etag] = blob.data
        hub.create("dataset", "alice/answers").commit("main", {"data/test-00000-of-00001.parquet": blob}, "answers")
        environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
        line = [sys.executable, "-c", READ_FROM_THE_HUB]
        run = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [[row["key"], row["output"]] for row in rows]


# ---- the files of tools, as their documentation and source have them ----


def ms_swift(records, answers):
    for record, text in zip(records, answers, strict=True):
        messages = [
            {"role": "user", "content": f"<image>{question_of(record)}"},
            {"role": "assistant", "content": text},
        ]
        images = [{"bytes": None, "path": "/images/1.jpg"}]
        yield {"response": text, "labels": gold_of(record), "logprobs": None, "messages": messages, "images": images}


def llama_factory(records, answers):
    for record, text in zip(records, answers, strict=True):
        prompt = (
            f"<|im_start|>user\n<|vision_start|><|vision_end|>{question_of(record)}<|im_end|>\n<|im_start|>assistant\n"
        )
        yield {"prompt": prompt, "predict": text, "label": gold_of(record) + "\n"}


def openai_batch(records, answers):
    for number, (record, text) in enumerate(zip(records, answers, strict=True)):
        # An empty answer of the API: no content, a refusal beside it.
        message = ChatCompletionMessage(role="assistant", content=text or None, refusal=None if text else "I cannot.")
        choice = Choice(index=0, message=message, finish_reason="stop")
        body = ChatCompletion(id="chatcmpl-1", object="chat.completion", created=1, model="m", choices=[choice])
        response = {"status_code": 200, "request_id": f"r{number}", "body": body.to_dict(mode="json")}
        yield {"id": f"batch_req_{number}", "custom_id": record["id"], "response": response, "error": None}


def lmms_eval(records, answers):
    for number, (record, text) in enumerate(zip(records, answers, strict=True)):
        sample = {"doc_id": number, "target": gold_of(record), "input": question_of(record), "doc_hash": "ab"}
        if number % 2:
            sample |= {"resps": [f"<think>2 or 3?</think>{text}"]}
        yield sample | {"filtered_resps": text, "token_counts": [None], "sarchat": {"overall": 1.0}}


def vlmevalkit(records, answers):
    for number, (record, text) in enumerate(zip(records, answers, strict=True)):
        yield {"index": number, "question": question_of(record), "answer": gold_of(record), "prediction": text}


def evalscope(records, answers):
    for number, (record, text) in enumerate(zip(records, answers, strict=True)):
        score = {"value": {"x": 1.0}, "prediction": text, "extracted_prediction": text.upper()}
        sample = {"score": score, "sample_id": number, "sample_metadata": {"id": record["id"], "task": record["task"]}}
        yield {"index": number, "target": [gold_of(record)], "messages": [], "sample_score": sample}


def inspect(records, answers):
    for record, text in zip(records, answers, strict=True):
        choices = [{"message": {"role": "assistant", "content": text}, "stop_reason": "stop"}]
        yield {
            "id": record["id"],
            "epoch": 1,
            "target": gold_of(record),
            "output": {"choices": choices, "completion": text},
        }


def csv_without_id(records, answers):
    for record, text in zip(records, answers, strict=True):
        yield {"question": question_of(record), "gold": gold_of(record), "prediction": text}


WRITERS = {
    "ms-swift": [(ms_swift, "result.jsonl", lines_of)],
    "llama-factory": [(llama_factory, "generated_predictions.jsonl", lines_of)],
    "evalscope": [(evalscope, "sarchat_referring.jsonl", lines_of)],
    "inspect": [(inspect, "log.json", lambda rows: json.dumps({"status": "success", "samples": rows}).encode())],
    "openai-batch": [(openai_batch, "output.jsonl", lines_of)],
    "lmms-eval": [(lmms_eval, "20261121_samples_sarchat.jsonl", lines_of)],
    "vlmevalkit": [
        (vlmevalkit, "model_SARChat.tsv", lambda rows: as_csv(rows, "\t")),
        (vlmevalkit, "model_SARChat.json", lambda rows: json.dumps(rows).encode()),
        (vlmevalkit, "model_SARChat.xlsx", as_excel),
    ],
    "csv": [(csv_without_id, "answers.csv", as_csv)],
}
CASES = [(tool, *case) for tool, cases in WRITERS.items() for case in cases]


def test_every_tool_has_a_file():
    assert set(WRITERS) == set(TOOLS)


@pytest.mark.parametrize(
    ("tool", "write", "name", "pack"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_file_of_a_tool_scores_as_the_plain_file(tool, write, name, pack, records, answers, expected, tmp_path):
    path = tmp_path / name
    rows = list(write(records, answers))
    path.write_bytes(pack(rows))
    assert score(AnswerSource(str(path), tool)) == expected
    # The first rows alone: the other records have no answer.
    path.write_bytes(pack(rows[:40]))
    assert score(AnswerSource(str(path), tool)).missing == len(records) - 40


@pytest.mark.parametrize("tool", sorted(set(TOOLS) - {"evalscope", "inspect", "openai-batch"}))
def test_rows_in_another_order_are_refused_with_the_first_that_differs(tool, records, answers, tmp_path):
    write, name, pack = WRITERS[tool][0]
    turned = [*records[:60], *reversed(records[60:])]
    rows = list(write(turned, answers))
    path = tmp_path / name
    path.write_bytes(pack(rows))
    with pytest.raises(
        SARChatError, match=rf"{name}, (line|row) 61: its gold answer is .*, but that of record {records[60]['id']} is"
    ):
        score(AnswerSource(str(path), tool))


def test_order_follows_the_numbers_that_a_harness_keeps(records, answers, expected, tmp_path):
    for tool in ("lmms-eval", "vlmevalkit"):
        write, name, pack = WRITERS[tool][0]
        path = tmp_path / name
        path.write_bytes(pack(list(write(records, answers))[::-1]))
        assert score(AnswerSource(str(path), tool)) == expected


def test_without_the_gold_the_question_is_compared(records, answers, expected, tmp_path):
    path = tmp_path / "answers.csv"
    rows = [
        {"prompt": f"Look. {question_of(record)} Be brief.", "prediction": text}
        for record, text in zip(records, answers, strict=True)
    ]
    path.write_bytes(as_csv(rows))
    assert score(AnswerSource(str(path), "csv")) == expected
    path.write_bytes(as_csv([rows[0], rows[20], *rows[2:]]))
    with pytest.raises(SARChatError, match="row 2: its question is 'Look"):
        score(AnswerSource(str(path), "csv"))


def test_two_runs_in_one_file_are_reported(records, answers, tmp_path):
    path = tmp_path / "result.jsonl"
    path.write_bytes(lines_of(ms_swift(records, answers)) * 2)
    with pytest.raises(SARChatError, match=rf"line {len(records) + 1}: there is no record .* keep the rows of one run"):
        score(AnswerSource(str(path), "ms-swift"))


def test_a_limited_run_without_ids(records, answers, tmp_path):
    """Rows of the subset alone, or of the whole split: the same scores."""
    subset = open_data(str(sample_build())).subset(["counting", "referring"], "test", 2)
    path = tmp_path / "result.jsonl"
    found = []
    for chosen in (lambda record: record["id"] in subset, lambda record: record["task"] in ("counting", "referring")):
        kept = [(record, text) for record, text in zip(records, answers, strict=True) if chosen(record)]
        for task in ("counting", "referring"):
            own = [pair for pair in kept if pair[0]["task"] == task]
            path.write_bytes(lines_of(ms_swift(*zip(*own, strict=True))))
            source = AnswerSource(str(path), "ms-swift")
            found.append(evaluate_file(source, sample_build(), task, "test", "sample", limit=2))
    assert [scores.left_out > 0 for scores in found] == [False, False, True, True]
    assert found[:2] == [replace(scores, left_out=0) for scores in found[2:]]
    assert not any(scores.missing for scores in found)


@pytest.mark.parametrize("name", ["qwen3-vl", "qwen2-vl", "internvl"])
@pytest.mark.parametrize("tool", ["ms-swift", "llama-factory"])
def test_the_tools_copy_of_the_gold_may_be_in_the_box_format(name, tool, records, answers, tmp_path):
    notation = read_notation(name)

    def written(record, text):
        return render_text(text, notation.format, record["width"], record["height"])

    def turn(record):
        contents = [written(record, message["content"]) for message in record["messages"]]
        if tool == "llama-factory":  # decoded without special tokens
            for token in notation.format.tokens:
                contents[-1] = contents[-1].replace(token, "")
        roles = ("user", "assistant")
        return record | {
            "messages": [{"role": role, "content": text} for role, text in zip(roles, contents, strict=True)]
        }

    write, file_name, pack = WRITERS[tool][0]
    path = tmp_path / file_name
    golds = [written(record, gold_of(record)) for record in records]
    path.write_bytes(pack(write(map(turn, records), golds)))
    scores = score(AnswerSource(str(path), tool, notation=notation))
    assert scores.flat["overall"] == 100


def test_ms_swifts_own_marks_for_boxes_are_known_in_its_copy_of_the_gold(records, tmp_path):
    path = tmp_path / "result.jsonl"
    rows = list(ms_swift(records, map(gold_of, records)))
    for row in rows:
        for box in {*row["labels"].split("{")[1:]}:
            row["labels"] = row["labels"].replace("{" + box.partition("}")[0] + "}", "<bbox>")
    path.write_bytes(lines_of(rows))
    assert score(AnswerSource(str(path), "ms-swift")).overall == 100


@pytest.mark.parametrize("tool", ["lmms-eval", "vlmevalkit"])
def test_messages_of_failed_requests_are_no_answers(tool, records, answers, tmp_path):
    failure = {
        "lmms-eval": "[LMMS_EVAL_REQUEST_FAILED after 5 retries] Error code: 429 - 3 ships",
        "vlmevalkit": "Failed to obtain answer via API. 3 ships",
    }[tool]
    write, name, pack = WRITERS[tool][0]
    path = tmp_path / name
    path.write_bytes(pack(list(write(records, [failure if index % 2 == 0 else "" for index in range(len(records))]))))
    scores = score(AnswerSource(str(path), tool))
    assert scores.total("failed") == (len(records) + 1) // 2
    assert scores.flat["overall"] == 0 and scores.flat["unparsed"] == scores.flat["n"]


def test_a_batch_tells_of_errors_and_of_cut_answers(records, tmp_path):
    rows = list(openai_batch(records, map(gold_of, records)))
    rows[0]["response"]["body"]["choices"][0]["finish_reason"] = "length"
    rows[1] |= {"response": None, "error": {"code": "batch_expired", "message": "3 ships"}}
    rows[2]["response"] |= {"status_code": 400, "body": {"error": {"message": "too long"}}}
    rows[3]["response"]["body"]["choices"][0]["message"]["content"] = [{"type": "text", "text": gold_of(records[3])}]
    path = tmp_path / "output.jsonl"
    path.write_bytes(lines_of(rows))
    scores = score(AnswerSource(str(path), "openai-batch"))
    assert (scores.total("truncated"), scores.total("failed"), scores.missing) == (1, 2, 0)
    assert sum(scores.flat["unparsed"].values()) == 2


def test_finish_reason_of_a_plain_file_is_read(records, tmp_path):
    rows = [row | {"finish_reason": "length"} for row in plain_rows(records, map(gold_of, records))]
    path = tmp_path / "answers.jsonl"
    path.write_bytes(lines_of(rows))
    scores = score(path)
    assert scores.counts["truncated"] == scores.flat["n"] and scores.flat["overall"] == 100


# ---- what is refused ----


def refuse(capsys, *arguments):
    return refusal(capsys, "score", *arguments)


def test_reversed_arguments_are_reported(capsys, records, answers, tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(lines_of(plain_rows(records, answers)))
    message = refuse(capsys, sample_build(), "--references", path)
    assert "is a folder, not a file of answers; give the answers first" in message
    message = refuse(capsys, path, "--references", path)
    assert "is a file of answers or of records, not a data set" in message


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.csv", b"id,prediction\na\n", [], "row 1: expected 2 cells"),
        ("a.csv", b"id,prediction\na,b,c\n", [], "row 1: expected 2 cells"),
        ("a.csv", b'id,prediction\na,"b\n', [], "a.csv: unexpected end of data after line"),
        ("a.csv", b"id,prediction\na,\xff\n", [], "is not UTF-8"),
        ("a.csv", b"", [], "contains no answer"),
        ("a.parquet", b"PAR1", [], "is not a complete Parquet file"),
        ("a.pkl", b"x", [], "is a pickle"),
        ("a.jsonl.gz", gzip.compress(b'{"id": "a"}' * 9, mtime=0)[:-4], [], "is not a complete gzip file"),
        ("a.jsonl", b'{"id": "a", "text": "b"}', ["--prediction-field", "b"], "there is no 'b', only id, text"),
        ("a.jsonl", b'{"id": "a", "prediction": "b"}', ["--id-field", "key"], "there is no 'key', only id, prediction"),
        ("a.jsonl", b'{"response": "a"}', [], "name the tool that wrote the file with --from"),
        ("a.jsonl", b'{"response": "a"}', ["--from", "swift"], "unknown tool 'swift' (did you mean 'ms-swift'?)"),
        ("a.jsonl", b'{"response": "a"}', ["--from", "ms-swift"], "line 1: it has no id, and neither a gold answer"),
        ("a.jsonl", b'{"response": "a"}', ["--from", "openai-batch"], "line 1: this is not a row of openai-batch"),
        ("a.jsonl", b'{"predict": 3, "label": ""}', ["--from", "llama-factory"], "line 1: predict must be text, got 3"),
        ("a.jsonl", b'{"doc_id": 0, "target": "a"}', ["--from", "lmms-eval"], "line 1: the answer must be text"),
        ("a.jsonl", b'{"messages": 3, "response": ""}', ["--from", "ms-swift"], "this is not a row of ms-swift"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_reported_in_one_line(name, content, options, message, capsys, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    assert message in refuse(capsys, path, "--references", sample_build(), *options)


def test_a_file_that_is_not_there(capsys):
    assert "cannot read nowhere.jsonl: No such file" in refuse(capsys, "nowhere.jsonl", "--references", sample_build())


@pytest.mark.parametrize("latency", ["1" + "0" * 400, "1e308", "Infinity", "NaN", "-1", '"2"'])
def test_what_is_no_measurement_is_none(latency, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"id": "a", "prediction": "", "latency_s": {latency}, "prompt_tokens": true}}\n')
    (answer,) = read_answers(AnswerSource(str(path)))
    assert answer.latency is None and answer.prompt_tokens is None


def test_a_copy_of_the_gold_is_recognized_by_the_categories_of_its_corpus():
    question, gold = {"content": "[grounding] Where?"}, {"content": "A windmill {<10><10><90><90>} is in the center."}
    records = {"a": {"messages": [question, gold], "width": 100, "height": 100}}
    copy = "A <ref>windmill</ref><box>[[100, 100, 900, 900]]</box> is in the center."
    arguments = [Answer("line 1", "", gold=copy)], records, "a.jsonl", read_notation("internvl")
    assert [*join_answers(*arguments, ["windmill"])] == ["a"]
    with pytest.raises(SARChatError, match="its gold answer is"):
        join_answers(*arguments)


def test_a_question_is_sent_with_the_categories_of_its_corpus():
    phrasing = Phrasing(read_notation("internvl"), "")
    info = replace(known_corpus(DEFAULT), categories=(Category("windmill"),))
    question = {"content": "Is the windmill {<10><10><90><90>} large?"}
    sent = phrasing.phrase(question["content"], (100, 100), info, asks_for_boxes=False)
    assert sent == "Is the <ref>windmill</ref><box>[[100, 100, 900, 900]]</box> large?"
