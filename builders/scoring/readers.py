"""Readers of the tools that run models: one small function per tool, from a row of its file to an `Answer`.

Public names: `TOOLS`, `COSTS`, `Answer`, `read_answers(source, split) -> Iterator[Answer]`, `AnswerSource`,
`is_failure` and `measured`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from builders.core.errors import SARChatError, check_name
from builders.notation.formats import NATIVE, InputSize, Notation, get_format
from builders.scoring.answer_rows import INSPECT_LOG, STDIN, read_rows

SARCHAT_NOTATION = Notation(get_format(NATIVE))
# The maximum number of characters in an Excel cell.
_LONGEST_EXCEL_CELL = 32_767
# Names of the gold answer and the question in CSV files without an id.
_GOLD_NAMES = ("gold", "answer", "label", "labels", "target", "reference")
_QUESTION_NAMES = ("question", "prompt")
_LARGEST_MEASUREMENT = 1e12
_LOWEST_LOGPROB = -1e4
# What `sarchat predict` records of each answer's cost.
COSTS = ("latency_s", "prompt_tokens", "completion_tokens")


class Answer(NamedTuple):
    """One answer of a model, from one row.

    Attributes:
        place: the file and row, for messages.
        text: the answer; empty if the request failed.
        id: the record's id; None if the tool does not keep it.
        number: the record's position among those that were asked, from 0; None if only the order of the rows is known.
        gold: the row's copy of the gold answer.
        question: a text that contains the question.
        truncated: whether generation stopped at the token limit.
        failed: whether the tool got no answer.
        latency: the seconds that the request took, if the file has them.
        prompt_tokens: the tokens of question and image, likewise.
        completion_tokens: the tokens of the answer, with its reasoning, likewise.
        logprobs: of tokens with a digit, where they start and end in the text, and the logarithm of their probability.
        notation: how boxes are written, if the row says so, as those of an export do.
    """

    place: str
    text: str
    id: str | None = None
    number: int | None = None
    gold: str | None = None
    question: str | None = None
    truncated: bool = False
    failed: bool = False
    latency: float | None = None
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    logprobs: Sequence[tuple[int, int, float]] | None = None
    notation: Notation | None = None


@dataclass(frozen=True)
class AnswerSource:
    """A file of a model's answers, the tool that wrote it, and how it is read.

    Attributes:
        location: a file, `-` for standard input, or a data set on the Hub.
        tool: one of `TOOLS`; None for rows of an id and a prediction.
        id_field: the column of the record's id, if it is not the tool's default.
        prediction_field: the column of the answer, if it is not the tool's default.
        notation: the format in which the model writes boxes.
        model: the model's name; by default that of the file.
    """

    location: str
    tool: str | None = None
    id_field: str | None = None
    prediction_field: str | None = None
    notation: Notation = SARCHAT_NOTATION
    model: str = ""

    @property
    def name(self) -> str:
        """The model's name, or that of its file without its suffixes."""
        return self.model or Path(self.location).name.partition(".")[0] or self.location


@dataclass(frozen=True)
class _Tool:
    """The form of a tool's files.

    Attributes:
        read: turns a row into an answer.
        prediction: the column of the answer; empty if it is nested.
        columns: further columns that are read.
        container: the file's format, independent of its suffix; None to derive it from the suffix.
        failures: prefixes of answers that are messages of a failed request.
    """

    read: Callable[[Mapping[str, Any], str], dict[str, Any]]
    prediction: str = ""
    columns: tuple[str, ...] = ()
    container: str | None = None
    failures: tuple[str, ...] = ()


def _of_plain(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Rows of `sarchat predict`, or written by hand: `{"id", "prediction"}`, perhaps with `finish_reason`."""
    record_id = row.get("id")
    if record_id is not None and not isinstance(record_id, str):
        raise SARChatError(f"{place}: id must be text, got {record_id!r:.80}")
    return {
        "id": record_id,
        "truncated": row.get("finish_reason") == "length",
        "latency": measured(row.get("latency_s")),
        **_tokens(row),
        "logprobs": _logprobs(row.get("logprobs")),
    }


def _logprobs(value: object) -> list[tuple[int, int, float]] | None:
    """Return the tokens of `sarchat predict --logprobs`, or `None` if it is not a list of them."""
    if not isinstance(value, list):
        return None
    found = []
    for entry in value:
        is_token = isinstance(entry, list) and len(entry) == 3 and all(type(place) is int for place in entry[:2])
        if not is_token or type(entry[2]) not in (int, float) or not _LOWEST_LOGPROB <= entry[2] <= 0:
            return None
        found.append((entry[0], entry[1], float(entry[2])))
    return found


def _of_csv(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Cells named `id` and `prediction`; without an id, `gold` or `question` by one of their usual names."""
    named = {"gold": _first(row, *_GOLD_NAMES), "question": _first(row, *_QUESTION_NAMES)}
    return _of_plain(row, place) | named


def _of_ms_swift(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """`swift infer`: `{"response", "labels", "messages"}`, with the answer repeated at the end of the messages."""
    messages = row.get("messages") or ()
    asked = [message.get("content") for message in messages if message.get("role") == "user"]
    return {"id": _first(row, "id"), "gold": row.get("labels"), "question": asked[-1] if asked else None}


def _of_llama_factory(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """`llamafactory-cli train` with `do_predict`, and its `vllm_infer.py`: `{"prompt", "predict", "label"}`."""
    return {"gold": row.get("label"), "question": row.get("prompt")}


def _of_openai_batch(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A batch of the OpenAI API, or of vLLM's `run-batch`: joined by `custom_id`."""
    response = row.get("response") or {}
    choices = (response.get("body") or {}).get("choices") or [{}]
    content = (choices[0].get("message") or {}).get("content")
    if isinstance(content, list):  # parts
        content = "".join(part.get("text") or "" for part in content)
    status = response.get("status_code", 200)
    return {
        "id": _first(row, "custom_id"),
        # A refusal has no content: an empty answer.
        "text": content or "",
        "truncated": choices[0].get("finish_reason") == "length",
        "failed": row.get("error") is not None or status != 200 or "message" not in choices[0],
        **_tokens((response.get("body") or {}).get("usage") or {}),
    }


def _of_lmms_eval(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """lmms-eval's samples: `filtered_resps`, and `resps` if the filters changed the answer.

    The unfiltered answer is used: the filters remove reasoning by their own rule.
    """
    answer = row["resps"] if "resps" in row else row.get("filtered_resps")
    while isinstance(answer, list) and answer:
        answer = answer[0]
    values = [part for value in row.values() for part in (value if isinstance(value, list) else [value])]
    logged = next((value for value in values if isinstance(value, dict) and value.get("id")), {})
    return {
        "text": answer if answer != [] else "",
        "id": _first(row, "id") or logged.get("id"),
        "notation": _written_notation(logged),
        "number": row.get("doc_id"),
        "gold": row.get("target"),
        "question": row.get("input"),
    }


def _of_vlmevalkit(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """VLMEvalKit: the columns of the data set, and `prediction`; `index` counts its rows."""
    index = str(row.get("index", ""))
    return {
        "id": _first(row, "id"),
        "number": int(index) if index.isdecimal() and len(index) < 18 else None,
        "gold": row.get("answer"),
        "question": row.get("question"),
        "notation": _written_notation(row),
        "truncated": ".xlsx" in place and len(row.get("prediction") or "") >= _LONGEST_EXCEL_CELL,
    }


def _of_evalscope(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A line of EvalScope's `reviews/MODEL/sarchat_TASK.jsonl`: the answer before its filters, the record's columns."""
    sample = row["sample_score"]
    columns = sample["sample_metadata"]
    text = sample["score"]["prediction"] or ""
    return {"id": _first(columns, "id"), "text": text, "notation": _written_notation(columns)}


def _of_inspect(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A sample of Inspect AI's log: its id, what the model said without the reasoning that Inspect keeps apart."""
    if row.get("epoch", 1) != 1:
        raise SARChatError(
            f"{place}: the log has several epochs, but a record is scored once; run it without --epochs, or take the "
            "figures that Inspect shows, which are over all of them"
        )
    output = row["output"]
    choices = output.get("choices") or [{}]
    return {
        "id": _first(row, "id"),
        "text": output.get("completion") or "",
        "truncated": choices[0].get("stop_reason") == "max_tokens",
        "failed": row.get("error") is not None,
        "notation": _written_notation(row.get("metadata") or {}),
    }


def _written_notation(columns: Mapping[str, Any]) -> Notation | None:
    """Return the notation that an exported record names; `None` if it is the data set's own."""
    name = columns.get("box_format")
    if not isinstance(name, str) or not name:
        return None
    sides = [str(columns.get(key) or "").partition(".")[0] for key in ("input_width", "input_height")]
    size = InputSize(*map(int, sides)) if all(side.isdecimal() for side in sides) else None
    return Notation(get_format(name), size)


_PLAIN = _Tool(_of_plain, "prediction", ("id", "finish_reason", *COSTS, "logprobs"))
_TOOLS = {
    "csv": _Tool(_of_csv, "prediction", ("id", *_GOLD_NAMES, *_QUESTION_NAMES), container=".csv"),
    "evalscope": _Tool(_of_evalscope),
    "inspect": _Tool(_of_inspect, container=INSPECT_LOG),
    "llama-factory": _Tool(_of_llama_factory, "predict", ("prompt", "label")),
    "lmms-eval": _Tool(_of_lmms_eval, failures=("[LMMS_EVAL_REQUEST_FAILED",)),
    "ms-swift": _Tool(_of_ms_swift, "response", ("id", "labels", "messages")),
    "openai-batch": _Tool(_of_openai_batch),
    "vlmevalkit": _Tool(
        _of_vlmevalkit,
        "prediction",
        ("id", "index", "answer", "question", "box_format", "input_width", "input_height"),
        failures=("Failed to obtain answer",),
    ),
}
TOOLS: tuple[str, ...] = tuple(_TOOLS)


def read_answers(source: AnswerSource, split: str = "test") -> Iterator[Answer]:
    """Yield the answers of a file in order; `split` is that of a data set on the Hub.

    Raises:
        SARChatError: if the tool is unknown, the file cannot be read, or a row has no answer that is a text.
    """
    if source.tool is not None:
        check_name("tool", source.tool, TOOLS)
    tool = _PLAIN if source.tool is None else _TOOLS[source.tool]
    column = source.prediction_field or tool.prediction
    columns = [name for name in (column, *tool.columns, source.id_field) if name] if column else None
    container = None if source.location.lower().endswith(".tsv") else tool.container
    rows = read_rows(source.location, columns, split, container)
    for place, row in rows:
        try:
            fields = tool.read(row, place)
        except (AttributeError, KeyError, TypeError, IndexError):
            raise SARChatError(f"{place}: this is not a row of {source.tool}: {str(dict(row))[:80]}") from None
        if column:
            fields["text"] = _require(row, column, place, source)
        if source.id_field:
            fields["id"] = _require(row, source.id_field, place, source)
        yield _check(Answer(place, **fields), tool)


def notation_of(source: AnswerSource) -> Notation | None:
    """Return the notation that the first row of a file names; `None` if it names none, or is standard input."""
    if source.tool is None or source.location == STDIN:
        return None
    return next((answer.notation for answer in read_answers(source)), None)


def is_failure(answer: str, tool: str) -> bool:
    """Return whether an answer is the message that a tool writes when its request failed."""
    return answer.startswith(_TOOLS[tool].failures)


def _check(answer: Answer, tool: _Tool) -> Answer:
    if not isinstance(answer.text, str):
        raise SARChatError(f"{answer.place}: the answer must be text, got {answer.text!r:.80}")
    if answer.number is not None and type(answer.number) is not int:
        raise SARChatError(f"{answer.place}: the record's number must be a whole number, got {answer.number!r:.80}")
    if answer.failed or answer.text.startswith(tool.failures):
        return Answer(
            answer.place,
            "",
            answer.id,
            answer.number,
            answer.gold,
            answer.question,
            failed=True,
            notation=answer.notation,
        )
    return answer


def _require(row: Mapping[str, Any], column: str, place: str, source: AnswerSource) -> str:
    if column not in row:
        hint = "" if source.tool else "; name the tool that wrote the file with --from, or its column with "
        hint += "" if source.tool else "--id-field" if column == source.id_field else "--prediction-field"
        raise SARChatError(f"{place}: there is no {column!r}, only {', '.join(map(str, row)) or 'nothing'}{hint}")
    value = row[column]
    if value is None:
        raise SARChatError(f"{place}: {column} must be text, got none; write an empty text, or leave the row out")
    if not isinstance(value, str):
        raise SARChatError(f"{place}: {column} must be text, got {value!r:.80}")
    return value


def _first(row: Mapping[str, Any], *columns: str) -> str | None:
    return next((row[column] for column in columns if isinstance(row.get(column), str) and row[column]), None)


def _tokens(row: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: measured(row.get(name)) for name in ("prompt_tokens", "completion_tokens")}


def measured(value: object) -> float | None:
    """Return a measurement, or `None` if it is not a number from 0 to 1e12; no score depends on it.

    Larger ones cannot be seconds or tokens, and could make a mean or an axis infinite.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= _LARGEST_MEASUREMENT else None
