"""ms-swift: messages and images; boxes as `<bbox>` with corners in a column, which it rescales for the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from builders.export.format import Export, Format
from builders.export.record import ExportRecord, quote, reward_columns, to_json, write_messages
from builders.notation.models import family_of
from sarchat_metric import BOX

_PLACEHOLDER = "<bbox>"
# Box formats of families whose boxes ms-swift spells with special tokens; all others as lists.
_OLD = ("qwen-vl", "qwen2-vl")
_BRACED = re.compile(r"(\{[^{}]*\})")


def convert(record: ExportRecord) -> str:
    """Return a row of ms-swift's standard format as JSON.

    With boxes as text, it also has the columns of the reward; `<bbox>` is for supervised training.
    """
    turns, more = record.turns, ""
    if record.box_format is None:
        taken = [(_take_boxes(question), _take_boxes(answer)) for question, answer in turns]
        turns = [(question, answer) for (question, _), (answer, _) in taken]
        boxes = [box for (_, asked), (_, told) in taken for box in asked + told]
        if boxes:
            more = f',"objects":{{"ref":[],"bbox":[{",".join(boxes)}]}}'
    elif not record.further:
        more = f",{to_json(reward_columns(record))[1:-1]}"
    # No `channel`: `swift infer` (4.6.0) hands it to the model's `generate`, which refuses it.
    messages = write_messages(turns)
    return f'{{"id":{quote(record.id)},"messages":{messages},"images":[{quote(record.image)}]{more}}}'


def values(export: Export) -> Mapping[str, str]:
    """Return the arguments that name the data."""
    files = [table.name + (f"#{table.use}" if table.use < table.records else "") for table in export.training]
    family = family_of(export.choice.model)
    is_old = family is not None and family.format in _OLD
    # Without a file of its own, ms-swift evaluates on nothing.
    evaluation = [f"--val_dataset {table.name} --eval_strategy steps" for table in export.evaluation]
    return {
        "datasets": " ".join(files),
        "evaluation": " ".join(evaluation) or "--split_dataset_ratio 0 --eval_strategy no",
        "box_style": "legacy" if is_old else "new",
    }


def _take_boxes(text: str) -> tuple[str, list[str]]:
    """Return a text with a placeholder for each box, and the boxes as JSON."""
    # Most answers have no box, and searching for a box takes longer than for a brace.
    if "{" not in text:
        return text, []
    # Words and what is in braces in turn.
    pieces = _BRACED.split(text)
    found = [_read_box(piece) for piece in pieces[1::2]]
    pieces[1::2] = [_PLACEHOLDER if box else piece for box, piece in zip(found, pieces[1::2], strict=True)]
    return "".join(pieces), [box for box in found if box]


# The pairs of identification repeat each box of an image.
@lru_cache(maxsize=2**14)
def _read_box(text: str) -> str | None:
    """Return the corners of an upright box in whole pixels, as all are in the data set; `None` for any other text."""
    match = BOX.fullmatch(text)
    # The last four of eight numbers are missing in a box of four, which is all that ms-swift takes.
    return to_json([round(float(number)) for number in match.groups()[:4]]) if match and not match[5] else None


FORMATS = [Format("ms-swift", convert, values, box_format=None, dialogue=convert)]
