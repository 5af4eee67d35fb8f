"""Translation of an answer by the columns of its record that name the notation of boxes.

`sarchat export` writes these columns beside the records; rewards and evaluation harnesses read answers with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builders.box_formats.formats import NATIVE, get_format
from builders.box_formats.input_size import InputSize
from builders.box_formats.translate import translate
from builders.errors import SARChatError

NOTATION_COLUMNS = ("box_format", "width", "height", "input_width", "input_height")


def translate_by_columns(answer: str, columns: Mapping[str, Any]) -> str:
    """Return an answer in the data set's own notation.

    Args:
        answer: any text.
        columns: if the model writes boxes in another notation than the data set, its name as `box_format` and the
            image's size as `width` and `height`, with `input_width` and `input_height` if the notation depends on them;
            all in pixels. Other entries are ignored.

    Raises:
        SARChatError: if the notation is unknown, or lacks a size.
    """
    name = columns.get("box_format")
    if name in (None, NATIVE):
        return answer
    if columns.get("width") is None or columns.get("height") is None:
        raise SARChatError(f"boxes in the notation {name} need the image's width and height, but got neither or one")
    size = None
    if columns.get("input_width") is not None and columns.get("input_height") is not None:
        size = InputSize(columns["input_width"], columns["input_height"])
    return translate(answer, get_format(name), columns["width"], columns["height"], size).text
