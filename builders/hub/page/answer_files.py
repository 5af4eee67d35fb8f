"""Scoring of two JSON Lines files, predictions and references, which are joined by id, and the table of scores."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from comparison import MOST_CHARACTERS, MOST_PAIRS, count_pairs
from markup import escape, notice, table

from builders.core.errors import SARChatError
from builders.core.parquet_rows import read_parquet_rows
from builders.core.resources import load_json
from builders.notation.formats import FORMAT_NAMES, Notation, read_notation
from builders.notation.translate import translate
from sarchat_metric import (
    EXTRA_SCORES,
    SCENARIOS,
    SUB_SCORES,
    TASKS,
    RecordScore,
    collect,
    score_record,
    summarise,
)

# Processor time that scoring one upload may take.
MOST_SECONDS = 60.0
_TABLES = {".csv": "CSV", ".tsv": "TSV", ".xlsx": "Excel"}
# Numbers of answers that the result has per task; files by an older metric have no `hedged`.
_COUNTS = ("n", "unparsed", "hedged")
# What is read of a Parquet file of the data set.
_COLUMNS = ("id", "task", "scenario", "messages", "answer", "width", "height", "prediction")


class _Budget:
    """Limits the time of one upload, so that others get their turn; only this thread's time counts."""

    def __init__(self) -> None:
        self._end = time.thread_time() + MOST_SECONDS

    def check(self) -> None:
        """Raise `SARChatError` once the time is used up."""
        if time.thread_time() > self._end:
            raise SARChatError(
                f"these files take more than {MOST_SECONDS:g} seconds, the limit of this page; use the metric in Python"
            )


class Scores(NamedTuple):
    """The scores of two files.

    Attributes:
        result: the metric's dict, with `average` and `missing` added.
        records: the number of records of each sub-score.
    """

    result: dict[str, Any]
    records: dict[str, int]


def score_files(
    predictions: str | Path,
    references: str | Path,
    average: str = "sample",
    box_format: str = FORMAT_NAMES[0],
    model_input: str = "",
) -> Scores:
    """Score a file of predictions; a reference without a prediction scores 0 and counts as `missing`.

    Args:
        predictions: a file of `{"id", "prediction"}`.
        references: a file of `{"id", "task", "scenario"}` and `answer` or `messages`.
        average: `sample` or `corpus`.
        box_format: the format in which the model writes boxes.
        model_input: the size of the image that the model saw, `WxH`, or its processor's `FACTOR,MIN,MAX`, if the
            format needs it.

    Raises:
        SARChatError: if a file is malformed, the two do not match, the format needs a size that is not there, or there
            is too much to compare.
    """
    notation = _read_notation(box_format, model_input)
    budget = _Budget()
    places, golds = _read_references(Path(references), budget)
    answers = _read_predictions(Path(predictions), places, budget)
    texts = [
        _translate(answers.get(record_id, ""), notation, gold, places[record_id], budget)
        for record_id, gold in golds.items()
    ]
    pairs = [count_pairs(text, gold["answer"]) for text, gold in zip(texts, golds.values(), strict=True)]
    if max(pairs) > MOST_PAIRS:
        record_id = max(zip(pairs, golds, strict=True))[1]
        raise SARChatError(
            f"there are too many boxes to compare on this page, most of them at id {record_id!r}; "
            "use the metric in Python"
        )
    counts = collect(_score_each(texts, golds, places, budget))
    result = summarise(counts, average) | {"average": average, "missing": len(golds) - len(answers)}
    return Scores(result, {key: len(rows) for key, rows in counts.records.items()})


def _score_each(
    texts: list[str], golds: dict[str, dict[str, Any]], places: dict[str, str], budget: _Budget
) -> Iterator[RecordScore]:
    for text, (record_id, gold) in zip(texts, golds.items(), strict=True):
        budget.check()
        try:
            yield score_record(text, gold)
        except ValueError as error:
            raise SARChatError(f"{places[record_id]}: {error}") from error


def _read_notation(box_format: str, model_input: str) -> Notation:
    text = (model_input or "").strip()
    return read_notation(box_format, *((None, text) if "," in text else (text or None, None)))


def _translate(answer: str, notation: Notation, gold: dict[str, Any], place: str, budget: _Budget) -> str:
    """Return an answer with its boxes in SARChat's notation, in pixels of the image."""
    if notation.format.is_native:
        return answer
    budget.check()
    if "width" not in gold:
        raise SARChatError(
            f"{place}: boxes of {notation.format.name} are translated by the size of their image, so a reference needs "
            "its width and height"
        )
    try:
        return translate(answer, notation.format, gold["width"], gold["height"], notation.input_size).text
    except SARChatError as error:
        raise SARChatError(f"{place}: {error}") from error


def read_saved_scores(path: Path) -> Scores | None:
    """Read a file of `sarchat score --output`; return `None` if it is none."""
    try:
        content = json.loads(path.read_bytes()) if path.suffix == ".json" else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not _is_result(content):
        return None
    known = [*(key for keys in SUB_SCORES.values() for key in keys), *EXTRA_SCORES, *TASKS, "overall"]
    result = {key: content[key] for key in known if key in content}
    missing = content.get("missing")
    result |= {name: content[name] for name in _COUNTS if name in content}
    result["missing"] = missing if type(missing) is int else 0
    return Scores(result, {})


def _is_result(content: dict[str, Any]) -> bool:
    """Return whether a dict has the numbers of the metric's result where the table needs them."""
    tables = [content.get(name) for name in _COUNTS if name in content or name != "hedged"]
    if not all(isinstance(table, dict) and table and table.keys() <= set(TASKS) for table in tables):
        return False
    keys = ["overall", *tables[0], *(key for key in content if key in EXTRA_SCORES or "/" in key)]
    return (
        all(table.keys() == tables[0].keys() for table in tables)
        and all(type(number) is int for table in tables for number in table.values())
        and all(type(content.get(key)) in (int, float) for key in keys)
    )


def show_scores(scores: Scores) -> str:
    """Return the scores as a table, with a link to save them: HTML."""
    result = scores.result
    rows = []
    lost = [name for name in _COUNTS[1:] if name in result]
    for task in TASKS:
        if task in result["n"]:
            figures = f"{result['n'][task]:,}", f"{result[task]:.2f}", *(f"{result[name][task]:,}" for name in lost)
            rows.append([_strong(cell) for cell in (task, "mean", *figures)])
            rows += [_row(scores, task, key) + [""] * len(lost) for key in SUB_SCORES[task] if key in result]
    totals = [f"{sum(result[name].values()):,}" for name in ("n", *lost)]
    rows.append([_strong(cell) for cell in ("overall", "", totals[0], f"{result['overall']:.2f}", *totals[1:])])
    header = ["task", "sub-score", "n", "score", *lost]
    parts = [table(header, rows, "Scores", numeric=range(2, len(header)))]
    further = [_row(scores, key.partition("/")[0], key) for key in EXTRA_SCORES if key in result]
    if further:
        inner = table(header[:4], further, "Additional scores", numeric=(2, 3))
        parts.append(f"<details><summary>Additional scores, not in any average</summary>{inner}</details>")
    if result["missing"]:
        parts.insert(
            0, notice(f"{result['missing']:,} of {sum(result['n'].values()):,} records have no prediction and score 0.")
        )
    content = base64.b64encode(json.dumps(result, indent=1).encode()).decode()
    link = f'<a class="sar-save" download="scores.json" href="data:application/json;base64,{content}">'
    return f"{''.join(parts)}<p>{link}Save scores.json</a></p>"


def _row(scores: Scores, task: str, key: str) -> list[str]:
    faint = f'<span class="sar-faint">{task}</span>'
    number = f"{scores.records[key]:,}" if key in scores.records else ""
    return [faint, key.partition("/")[2], number, f"{scores.result[key]:.2f}"]


def _strong(cell: str) -> str:
    return f"<strong>{cell}</strong>"


def _read_references(path: Path, budget: _Budget) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Read the location and the reference of each id."""
    places: dict[str, str] = {}
    golds = {}
    for place, entry in _read_lines(path, budget):
        if "prediction" in entry and "task" not in entry:
            raise SARChatError(f"{place}: this is a prediction; were the two files swapped?")
        record_id = _read_id(entry, place, places)
        for key, choices in (("task", TASKS), ("scenario", SCENARIOS)):
            if entry.get(key) not in choices:
                got = _short(entry[key]) if key in entry else "none"
                raise SARChatError(f"{place}: {key} must be one of {', '.join(choices)}, got {got}")
        answer = _read_answer(entry, place)
        _check_length(answer, place)
        golds[record_id] = {"task": entry["task"], "scenario": entry["scenario"], "answer": answer}
        size = {side: entry[side] for side in ("width", "height") if type(entry.get(side)) is int and entry[side] > 0}
        if len(size) == 2:
            golds[record_id] |= size
    return places, golds


def _read_answer(entry: dict[str, Any], place: str) -> str:
    if entry.get("answer") is not None:
        if not isinstance(entry["answer"], str):
            raise SARChatError(f"{place}: answer must be text, got {_short(entry['answer'])}")
        return entry["answer"]
    messages = entry.get("messages")
    if messages is None:
        raise SARChatError(f'{place}: a reference needs the gold, as "answer" or as "messages"')
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise SARChatError(f'{place}: messages must be a list of {{"role", "content"}}, got {_short(messages)}')
    said = [message.get("content") for message in messages if message.get("role") == "assistant"]
    if not said or not isinstance(said[-1], str):
        raise SARChatError(f"{place}: messages contain no text by the assistant")
    return said[-1]


def _read_predictions(path: Path, golds: dict[str, str], budget: _Budget) -> dict[str, str]:
    places: dict[str, str] = {}
    answers = {}
    for place, entry in _read_lines(path, budget):
        if "prediction" not in entry:
            hint = "this is a reference; were the two files swapped?" if "task" in entry else "got none"
            raise SARChatError(f'{place}: expected "prediction", {hint}')
        if not isinstance(entry["prediction"], str):
            raise SARChatError(f"{place}: prediction must be text, got {_short(entry['prediction'])}")
        record_id = _read_id(entry, place, places)
        if record_id not in golds:
            raise SARChatError(f"{place}: id {_short(record_id)} is not among the references")
        _check_length(entry["prediction"], place)
        answers[record_id] = entry["prediction"]
    return answers


def _read_id(entry: dict[str, Any], place: str, places: dict[str, str]) -> str:
    record_id = entry.get("id")
    if not isinstance(record_id, str):
        raise SARChatError(f"{place}: id must be text, got {_short(record_id) if 'id' in entry else 'none'}")
    if record_id in places:
        raise SARChatError(f"{place}: id {_short(record_id)} appears more than once, first in {places[record_id]}")
    places[record_id] = place
    return record_id


def _check_length(text: str, place: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise SARChatError(f"{place}: this page takes texts of up to {MOST_CHARACTERS:,} characters, got {len(text):,}")


def _read_lines(path: Path, budget: _Budget) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the location and the object of each line that is not blank, or of each row of a Parquet file."""
    if path.suffix.lower() in _TABLES:
        raise SARChatError(
            f"{path.name} is a {_TABLES[path.suffix.lower()]} file; this page reads JSON Lines, an object such as "
            '{"id": "...", "prediction": "..."} per line. `sarchat score` reads the file as it is'
        )
    if path.suffix.lower() == ".parquet":
        yield from _read_parquet(path, budget)
        return
    is_empty = True
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            budget.check()
            place = f"{path.name}, line {number}"
            try:
                # Some editors put a byte order mark at the start of a file.
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise SARChatError(f"{place}: not UTF-8 at byte {error.start + 1}") from error
            if text.strip():
                yield place, _parse(text, place)
                is_empty = False
    if is_empty:
        raise SARChatError(f"{path.name} is empty")


def _read_parquet(path: Path, budget: _Budget) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    try:
        for number, entry in enumerate(read_parquet_rows(path, path.name, _COLUMNS), 1):
            budget.check()
            yield f"{path.name}, row {number}", entry
    except OSError as error:
        raise SARChatError(f"{path.name} is not a complete Parquet file: {error}") from error
    if not number:
        raise SARChatError(f"{path.name} is empty")


def _parse(text: str, place: str) -> dict[str, Any]:
    try:
        entry = load_json(text)
    except ValueError as error:
        hint = "; is the file one JSON list? It must have an object on each line" if text.startswith("[") else ""
        raise SARChatError(f"{place}: not JSON, {error}{hint}") from error
    if not isinstance(entry, dict):
        raise SARChatError(f'{place}: expected an object such as {{"id": ...}}, got {_short(entry)}')
    return entry


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"


def show_files(
    predictions: str | None,
    references: str | None,
    average: str,
    box_format: str = FORMAT_NAMES[0],
    model_input: str = "",
) -> str:
    """Score two uploaded files, or return what is wrong with them: HTML."""
    saved = read_saved_scores(Path(predictions)) if predictions and not references else None
    if saved is not None:
        return show_scores(saved)
    if not predictions or not references:
        missing = " and ".join(
            name for name, path in (("predictions", predictions), ("references", references)) if not path
        )
        return notice(f"Upload the file of {missing}.")
    try:
        return show_scores(score_files(predictions, references, average, box_format, model_input))
    except SARChatError as error:
        return notice(escape(error, 600), "error")
