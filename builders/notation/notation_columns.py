"""Reading an answer by the columns of its record that name the notation of boxes and the categories.

`sarchat export` writes these columns beside the records; rewards and evaluation harnesses read answers with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.notation.formats import NATIVE, get_format, read_notation
from builders.notation.input_size import InputSize
from builders.notation.translate import translate
from sarchat_metric import Vocabulary, vocabulary

NOTATION_COLUMNS = ("box_format", "width", "height", "input_width", "input_height", "categories")


def categories_of(columns: Mapping[str, Any]) -> Vocabulary | None:
    """Return the categories by which the answer to a record is read, as the metric takes them.

    They are in the column `categories`, as JSON, where they are not the metric's own.

    Raises:
        SARChatError: if the text is not a list of categories as JSON.
    """
    text = columns.get("categories")
    # Harnesses fill in what a table lacks.
    return _parse(text) if text and isinstance(text, str) else None


@lru_cache(maxsize=8)
def _parse(text: str) -> Vocabulary:
    try:
        return vocabulary(load_json(text))
    except ValueError as error:
        raise SARChatError(f"the column 'categories' cannot be read: {error}; export the records again") from error


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
    width, height = _size_of(columns, name)
    size = None
    if columns.get("input_width") is not None and columns.get("input_height") is not None:
        size = InputSize(columns["input_width"], columns["input_height"])
    return translate(answer, get_format(name), width, height, size).text


def _size_of(columns: Mapping[str, Any], name: str) -> tuple[int, int]:
    width, height = columns.get("width"), columns.get("height")
    if width is None or height is None:
        raise SARChatError(
            f"boxes in the notation {name} need the image's width and height, but at least one is missing"
        )
    return width, height


def translate_prediction(
    prediction: object,
    reference: object,
    box_format: str,
    input_size: str | None = None,
    resize: str | None = None,
) -> object:
    """Return an answer in the data set's own notation, for the metric, which checks types itself.

    Args:
        prediction: the answer.
        reference: `width` and `height` of its image, with `input_width` and `input_height` if the notation depends on
            them and neither `input_size` nor `resize` is given; all in pixels.
        box_format: the notation in which the model wrote boxes.
        input_size: `WxH`, if the model saw every image in one size.
        resize: `factor,min_pixels,max_pixels` of the model's processor.

    Raises:
        SARChatError: if the notation is unknown, or lacks a size.
    """
    if not isinstance(prediction, str) or not isinstance(reference, Mapping):
        return prediction
    if input_size is None and resize is None:
        return translate_by_columns(prediction, {**reference, "box_format": box_format})
    notation = read_notation(box_format, input_size, resize)
    width, height = _size_of(reference, box_format)
    return translate(prediction, notation.format, width, height, notation.input_size).text
