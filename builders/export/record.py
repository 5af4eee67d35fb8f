"""The record that every export format converts, made from a row of the data set, and JSON text.

A format whose rows all have one structure writes it directly, in half the time of encoding a dict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from builders.core.schema import asks_for_boxes
from builders.corpus.info import CorpusInfo
from builders.notation.formats import NATIVE
from builders.notation.render import Phrasing, render_text

# A record in the form that a consumer reads: a dict of JSON types or, for a file of JSON, its text.
Row = dict[str, Any] | str
# The JSON text of a value, and of a string.
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
quote = encode_basestring


class ExportRecord(NamedTuple):
    """A conversation about one image, in the box format of the export.

    Attributes:
        id: the record's id, unique in the whole data set.
        task: its task.
        scenario: `single` or `multi`.
        question: the user's message, without an image placeholder.
        answer: the assistant's message.
        gold: the answer in SARChat's own notation, for rewards and scores.
        image: the path of the image file for the consumer.
        width: of the image, in pixels.
        height: of the image, in pixels.
        input_size: width and height at which the model sees the image, where the notation depends on it.
        box_format: the notation's name; `None` if the export format marks boxes itself.
        categories: those of the corpus as JSON, for rewards and scores; `None` for SARDet-100K's.
        further: the questions and answers after the first ones, of a dialogue.
    """

    id: str
    task: str
    scenario: str
    question: str
    answer: str
    gold: str
    image: str
    width: int
    height: int
    input_size: tuple[int, int] | None = None
    box_format: str | None = None
    categories: str | None = None
    further: tuple[tuple[str, str], ...] = ()

    @property
    def turns(self) -> list[tuple[str, str]]:
        """All questions, each with its answer."""
        return [(self.question, self.answer), *self.further]


def make_record(row: Mapping[str, Any], image: str, phrasing: Phrasing | None, info: CorpusInfo) -> ExportRecord:
    """Return a row of the data set as an export format gets it.

    Args:
        row: the columns `id`, `task`, `scenario`, `width`, `height` and `messages`.
        image: where the image is for the consumer.
        phrasing: how questions are asked and boxes written; `None` if the format of export marks boxes itself.
        info: what the corpus is about.
    """
    golds = [message["content"] for message in row["messages"][1::2]]
    turns = phrase_turns(row, phrasing, info)
    notation = None if phrasing is None else phrasing.notation
    return ExportRecord(
        id=row["id"],
        task=row["task"],
        scenario=row["scenario"],
        question=turns[0][0],
        answer=turns[0][1],
        gold=golds[0],
        further=tuple(turns[1:]),
        image=image,
        width=row["width"],
        height=row["height"],
        input_size=notation.input_size.of(row["width"], row["height"]) if notation and notation.input_size else None,
        box_format=notation.format.name if notation else None,
        categories=to_json(info.words) if info.words is not None else None,
    )


def phrase_turns(row: Mapping[str, Any], phrasing: Phrasing | None, info: CorpusInfo) -> list[tuple[str, str]]:
    """Return the questions of a row, each with its answer, in a model's notation.

    Args:
        row: the columns `task`, `width`, `height` and `messages`.
        phrasing: how questions are asked and boxes written; `None` for the text of the data set.
        info: what the corpus is about.
    """
    texts = [message["content"] for message in row["messages"]]
    turns = list(zip(texts[::2], texts[1::2], strict=True))
    if phrasing is None:
        return turns
    size, notation = (row["width"], row["height"]), phrasing.notation
    # A dialogue has questions of several tasks.
    with_boxes = [asks_for_boxes(row["task"]) if len(turns) == 1 else "{" in answer for _, answer in turns]
    return [
        (
            phrasing.phrase(question, size, info, asks_for_boxes=asked),
            render_text(answer, notation.format, *size, notation.input_size, info.vocabulary),
        )
        for (question, answer), asked in zip(turns, with_boxes, strict=True)
    ]


def reward_columns(record: ExportRecord) -> dict[str, Any]:
    """Return what `builders.rewards` needs to know of a record besides the completion."""
    columns: dict[str, Any] = {"task": record.task, "solution": record.gold}
    if record.box_format not in (None, NATIVE):
        columns |= {"box_format": record.box_format, "width": record.width, "height": record.height}
    if record.input_size is not None:
        columns |= {"input_width": record.input_size[0], "input_height": record.input_size[1]}
    if record.categories is not None:
        columns["categories"] = record.categories
    return columns


def harness_row(record: ExportRecord) -> dict[str, Any]:
    """Return what the plugins of evaluation harnesses ask and score with: all columns of a record except its image."""
    return {
        "id": record.id,
        "scenario": record.scenario,
        "question": record.question,
        "answer": record.answer,
        **reward_columns(record),
    }


def write_messages(turns: Sequence[tuple[str, str]]) -> str:
    """Return questions with their answers as OpenAI's list of messages, as JSON; the image comes first."""
    (first, reply), *further = turns
    messages = (
        f'{{"role":"user","content":{quote(question)}}},{{"role":"assistant","content":{quote(answer)}}}'
        for question, answer in [(f"<image>{first}", reply), *further]
    )
    return f"[{','.join(messages)}]"
