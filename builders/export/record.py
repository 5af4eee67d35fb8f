"""The record that every export format converts, and JSON text.

A format whose rows all have one structure writes it directly, in half the time of encoding a dict.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from builders.notation.formats import NATIVE

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
