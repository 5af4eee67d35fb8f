"""ms-swift: messages and images; boxes as `<bbox>` with corners in a column, which it rescales for the model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from builders.export.format import Export, Format
from builders.export.record import ExportRecord, reward_columns
from sarchat_metric import BOX

_PLACEHOLDER = "<bbox>"


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row of ms-swift's standard format.

    With boxes as text, it also has the columns of the reward; `<bbox>` is for supervised training.
    """
    question, answer, more = record.question, record.answer, {}
    if record.box_format is None:
        question, boxes = _take_boxes(question)
        answer, in_answer = _take_boxes(answer)
        boxes += in_answer
        if boxes:
            more = {"objects": {"ref": [], "bbox": boxes}}
    else:
        more = reward_columns(record)
    # No `channel`: `swift infer` (4.6.0) hands it to the model's `generate`, which refuses it.
    return {
        "id": record.id,
        "messages": [
            {"role": "user", "content": f"<image>{question}"},
            {"role": "assistant", "content": answer},
        ],
        "images": [record.image],
        **more,
    }


def values(export: Export) -> Mapping[str, str]:
    """Return the arguments that name the data."""
    files = [
        f"$HERE/{table.name}" + (f"#{table.use}" if table.use < table.records else "") for table in export.training
    ]
    return {"datasets": " ".join(f'"{name}"' for name in files)}


def _take_boxes(text: str) -> tuple[str, list[list[int]]]:
    """Return a text with a placeholder for each box, and the boxes; the data set's are in whole pixels."""
    # Most answers have no box, and searching for a box takes longer than for a brace.
    if "{" not in text:
        return text, []
    # Words and the four numbers of a box in turn.
    pieces = BOX.split(text)
    boxes = [list(map(_whole, pieces[at : at + 4])) for at in range(1, len(pieces), 5)]
    return _PLACEHOLDER.join(pieces[::5]), boxes


# The same few thousand numbers recur millions of times.
@lru_cache(maxsize=2**14)
def _whole(number: str) -> int:
    return round(float(number))


FORMAT = Format("ms-swift", convert, values, box_format=None)
