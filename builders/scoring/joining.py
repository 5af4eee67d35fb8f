"""Joins answers to records: by id, or in order if every row repeats its record's gold answer or question.

Public name: `join_answers(answers, records, source, notation) -> dict[str, Answer]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from builders.core.errors import SARChatError
from builders.notation.formats import Notation
from builders.notation.render import render_text
from builders.scoring.readers import Answer
from sarchat_metric import BOX, Categories, final_answer


def join_answers(
    answers: Iterable[Answer],
    records: Mapping[str, Mapping[str, Any]],
    location: str,
    notation: Notation,
    categories: Categories = None,
) -> dict[str, Answer]:
    """Return the answers by the id of their record.

    Args:
        answers: the answers in the order of their file.
        records: the records in their order, by id, with `messages`, `width` and `height`.
        location: the file, for messages.
        notation: the box format in which the model was asked; the tool's copy of the gold or the question may be
            written in it.
        categories: the corpus's categories as the metric takes them.

    Raises:
        SARChatError: if there is no answer, an id appears twice, only some rows have an id, or a row without an id does
            not repeat the gold answer or the question of the record at its position.
    """
    joined: dict[str, Answer] = {}
    ids = list(records)
    ordered = 0
    for number, answer in enumerate(answers):
        ordered += answer.id is None
        if ordered not in (0, number + 1):
            raise SARChatError(f"{answer.place}: some rows have an id and some have none; give every row its own")
        record_id = (
            _match_in_order(answer, number, ids, records, answer.notation or notation, categories)
            if answer.id is None
            else answer.id
        )
        if answer.notation is not None and answer.notation.format != notation.format:
            raise SARChatError(
                f"{answer.place}: its question was written with boxes in {answer.notation.format.name}, not in "
                f"{notation.format.name}; use --box-format {answer.notation.format.name}"
            )
        if record_id in joined:
            raise SARChatError(
                f"{answer.place}: id {record_id!r} appears more than once, first in {joined[record_id].place}; keep one"
            )
        joined[record_id] = answer
    if not joined:
        raise SARChatError(f"{location} contains no answer; expected one row per record")
    return joined


def _match_in_order(
    answer: Answer,
    number: int,
    ids: list[str],
    records: Mapping[str, Mapping[str, Any]],
    notation: Notation,
    categories: Categories,
) -> str:
    """Return the id of the record at the row's position, after comparing the two."""
    place = number if answer.number is None else answer.number
    if not 0 <= place < len(ids):
        raise SARChatError(
            f"{answer.place}: there is no record {place + 1:,} to join it to, only {len(ids):,}; choose the config, "
            "split and limit that the model was run on, and keep the rows of one run"
        )
    record = records[ids[place]]
    question, gold = (record["messages"][index]["content"] for index in (0, -1))
    for name, copy, expected in (("gold answer", answer.gold, gold), ("question", answer.question, question)):
        if isinstance(copy, str):
            spellings = _spellings(expected, record, notation, categories)
            if not _is_copy(copy, spellings, whole=name == "gold answer"):
                raise SARChatError(
                    f"{answer.place}: its {name} is {_shorten(copy)}, but that of record {ids[place]} is "
                    f"{_shorten(expected)}; without ids the rows must be in the records' order"
                )
            return ids[place]
    raise SARChatError(
        f"{answer.place}: it has no id, and neither a gold answer nor a question that identifies its record; name the "
        "column of the id with --id-field"
    )


def _is_copy(copy: str, spellings: Iterable[str], whole: bool) -> bool:
    seen = _squeeze(final_answer(copy) if whole else copy)
    return any(seen == spelling if whole else spelling in seen for spelling in spellings)


def _spellings(text: str, record: Mapping[str, Any], notation: Notation, categories: Categories) -> Iterator[str]:
    """Yield the forms of a text in tools' files: unchanged, in the box format, without its tokens, with `<bbox>`."""
    yield _squeeze(text)
    fmt = notation.format
    rendered = render_text(text, fmt, record["width"], record["height"], notation.input_size, categories)
    yield _squeeze(rendered)
    for token in fmt.tokens:
        rendered = rendered.replace(token, "")
    yield _squeeze(rendered)
    yield _squeeze(BOX.sub("<bbox>", text))


def _squeeze(text: str) -> str:
    """Remove white space, which chat templates and tokenizers change."""
    return "".join(text.split())


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}...")
