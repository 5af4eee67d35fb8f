"""Scoring of two uploaded files, answers and references, which are joined by id, and the tables of scores."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from comparison import MOST_CHARACTERS, MOST_PAIRS, count_pairs
from markup import clip, notice, render

from builders.core.errors import SARChatError
from builders.core.tables import flush_right, show_cell
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus
from builders.notation.formats import FORMAT_NAMES, Notation, read_notation
from builders.scoring.answer_rows import read_rows
from builders.scoring.gold import Gold
from builders.scoring.joining import JoinedAnswers, join_answers
from builders.scoring.readers import AnswerSource, read_answers
from builders.scoring.result import Result
from builders.scoring.result_files import read_result
from builders.scoring.score_table import list_warnings, tabulate_scores
from builders.scoring.scoring import evaluate

# Processor time that scoring one upload may take.
MOST_SECONDS = 60.0
# What is read of the references.
_COLUMNS = ("id", "task", "scenario", "messages", "answer", "width", "height", "prediction")
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Uploaded:
    """What scoring asks of a data set, for references in a file."""

    location: str
    info: CorpusInfo

    def read_text(self, name: str) -> None:
        """Return none of the files that a build has."""


def _limited(items: Iterable[_T], end: float) -> Iterator[_T]:
    """Yield items until this thread's time is used up, so that other users get their turn."""
    for item in items:
        if time.thread_time() > end:
            raise SARChatError(
                f"these files take more than {MOST_SECONDS:g} seconds, the limit of this page; use the metric in Python"
            )
        yield item


def score_files(
    predictions: str | Path,
    references: str | Path,
    average: str = "sample",
    box_format: str = FORMAT_NAMES[0],
    model_input: str = "",
) -> Result:
    """Score a file of predictions; a reference without a prediction scores 0 and counts as `missing`.

    Args:
        predictions: a file of `{"id", "prediction"}`, in any format that `sarchat score` reads.
        references: a file of `{"id", "task", "scenario"}` and `answer` or `messages`, likewise.
        average: `sample` or `corpus`.
        box_format: the format in which the model writes boxes.
        model_input: the size of the image that the model saw, `WxH`, or its processor's `FACTOR,MIN,MAX`, if the
            format needs it.

    Raises:
        SARChatError: if a file is malformed, the two do not match, the format needs a size that is not there, or there
            is too much to compare.
    """
    end = time.thread_time() + MOST_SECONDS
    text = (model_input or "").strip()
    notation = read_notation(box_format, *((None, text) if "," in text else (text or None, None)))
    data = _Uploaded(str(references), known_corpus(DEFAULT))
    records = dict(_read_references(str(references), notation, end))
    source = AnswerSource(str(predictions), notation=notation)
    answers = join_answers(_limited(read_answers(source), end), records, source.location, notation)
    for record_id, answer in answers.items():
        if record_id not in records:
            raise SARChatError(f"{answer.place}: id {record_id!r} is not among the references")
        _check_length(answer.text, answer.place)
        if count_pairs(answer.text, records[record_id]["messages"][-1]["content"]) > MOST_PAIRS:
            raise SARChatError(
                f"{answer.place}: there are too many boxes to compare on this page at id {record_id!r}; use the metric "
                "in Python"
            )
    # Of a `Records`, scoring uses these two attributes alone.
    gold = Gold(data, "all", (), "", None, records)  # type: ignore[arg-type]
    clock = iter(_limited(iter(int, 1), end))
    return evaluate(JoinedAnswers(source, gold, answers), average, watch=[lambda _: next(clock)], resamples=0)


def _read_references(location: str, notation: Notation, end: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and the columns of each reference; the metric checks what they contain."""
    seen: dict[str, str] = {}
    for place, entry in _limited(read_rows(location, _COLUMNS), end):
        if "prediction" in entry and "task" not in entry:
            raise SARChatError(f"{place}: this is a prediction; were the two files swapped?")
        record_id = entry.get("id")
        if not isinstance(record_id, str):
            raise SARChatError(f"{place}: id must be text, got {record_id!r:.80}")
        if record_id in seen:
            raise SARChatError(f"{place}: id {record_id!r} appears more than once, first in {seen[record_id]}")
        seen[record_id] = place
        size = [entry.get(side) for side in ("width", "height")]
        if not all(type(side) is int and side > 0 for side in size):
            if not notation.format.is_native:
                raise SARChatError(
                    f"{place}: boxes of {notation.format.name} are translated by the size of their image, so a "
                    "reference needs its width and height, whole numbers above 0"
                )
            size = [2**31, 2**31]
        answer = _read_gold(entry, place)
        _check_length(answer, place)
        messages = [{"role": "user", "content": ""}, {"role": "assistant", "content": answer}]
        kept = {name: entry.get(name) for name in ("task", "scenario")}
        yield record_id, {**kept, "messages": messages, "width": size[0], "height": size[1]}
    if not seen:
        raise SARChatError(f"{location} contains no reference")


def _read_gold(entry: Mapping[str, Any], place: str) -> str:
    try:
        said = [message["content"] for message in entry.get("messages") or () if message["role"] == "assistant"]
    except (KeyError, TypeError):
        raise SARChatError(
            f'{place}: messages must be a list of {{"role", "content"}}, got {entry["messages"]!r:.80}'
        ) from None
    answer = entry.get("answer") if entry.get("answer") is not None else (said or [None])[-1]
    if not isinstance(answer, str):
        raise SARChatError(f'{place}: a reference needs its gold as text, "answer" or "messages"; got {answer!r:.80}')
    return answer


def _check_length(text: str, place: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise SARChatError(f"{place}: this page takes texts of up to {MOST_CHARACTERS:,} characters, got {len(text):,}")


def show_scores(result: Result, box_format: str = FORMAT_NAMES[0]) -> str:
    """Return the scores as tables, with a link to save them: HTML."""
    content = {**result.flat, "average": result.average, "missing": result.missing}
    tables = []
    for table in tabulate_scores(result):
        rows = [[show_cell(cell) for cell in row] for row in table.rows]
        numeric = [place for place, is_right in enumerate(flush_right(table.header, rows)) if is_right]
        tables.append((table, rows, numeric))
    return render(
        "scores.html",
        warnings=list_warnings(result, box_format),
        tables=tables,
        saved=base64.b64encode(json.dumps(content, indent=1).encode()).decode(),
    )


def show_files(
    predictions: str | None,
    references: str | None,
    average: str,
    box_format: str = FORMAT_NAMES[0],
    model_input: str = "",
) -> str:
    """Score two uploaded files, or return what is wrong with them: HTML."""
    try:
        if predictions and not references and predictions.endswith(".json"):
            return show_scores(read_result(Path(predictions)))
        if predictions and references:
            return show_scores(score_files(predictions, references, average, box_format, model_input), box_format)
    except SARChatError as error:
        # The page has none of the command's options; users know the names of their files, but not the folder here.
        text = str(error).partition("; name the ")[0]
        for path in filter(None, (predictions, references)):
            text = text.replace(path, Path(path).name)
        return notice(clip(text, 600), "error")
    missing = [name for name, path in (("predictions", predictions), ("references", references)) if not path]
    return notice(f"Upload the file of {' and '.join(missing)}.")
