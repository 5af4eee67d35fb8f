"""A model's answer in its family's notation as SARChat's own text, which the metric reads.

Public name: `translate(answer, fmt, width, height, input_size=None) -> Translation`. `width` and `height` are the
image's in pixels; `input_size` is an `InputSize` or a `ResizeRule`: formats in pixels of the resized image need one,
all others refuse it.

Nothing is guessed: the format's name fixes the unit, and numbers in any other notation are not boxes. Every text gives
a result, in time linear in its length.

`sarchat export` writes columns beside the records that name the notation of boxes and the categories; rewards and
evaluation harnesses read answers with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.notation.coordinates import Scale, scale_of
from builders.notation.formats import NATIVE, BoxFormat, InputSize, ResizeRule, get_format, read_notation
from builders.notation.readers import NUMBER, Group, Reading, read_lists, read_template
from sarchat_metric import BOX, Vocabulary, final_answer, parse_boxes, vocabulary

# A Markdown fence, with the line break inside it.
_FENCE = re.compile(r"```(?:json|JSON|python)[ \t]*\n?|\n?```(?!json|JSON|python)")
_SPACE, _SEPARATORS = " \t\r\n", ",;"
# A bound far beyond any image, since a coordinate could otherwise be written as "inf".
_FARTHEST = 1e9
# Pixels that a box may reach beyond the image before it counts as outside.
_MARGIN = 1.0


class Translation(NamedTuple):
    """An answer in SARChat's notation, with counts of what was found in it.

    Attributes:
        text: the answer without its reasoning; each box is `{<x1><y1><x2><y2>}` in pixels of the image, or its four
            corners, with its label before it, everything else is unchanged. Boxes are not clipped, and repeated ones
            are kept.
        boxes: the number of boxes.
        out_of_image: the number of them that reach more than a pixel beyond the image.
        rotated: the number of boxes with a rotation whose meaning is unclear in this format or image. Each is written
            `{<x1><y1><x2><y2>|<angle>}`, which the metric does not read as a box.
        not_boxes: the number of coordinates that were removed because they are not a box in this format: points,
            polygons, and boxes in SARChat's notation if another one was chosen.
        truncated: whether the answer was cut off, in its reasoning, in a box or in a list. The unfinished box or object
            is removed.
    """

    text: str
    boxes: int = 0
    out_of_image: int = 0
    rotated: int = 0
    not_boxes: int = 0
    truncated: bool = False


def translate(
    answer: str, fmt: BoxFormat, width: int, height: int, input_size: InputSize | ResizeRule | None = None
) -> Translation:
    """Translate an answer into SARChat's notation.

    Args:
        answer: any text.
        fmt: the format in which the model writes boxes.
        width: the image's width in pixels.
        height: the image's height in pixels.
        input_size: the size that the model saw, where the format needs it.

    Raises:
        SARChatError: if the size is missing, or the format does not use it.
    """
    scale = scale_of(fmt, width, height, input_size)
    text = final_answer(answer)
    unfinished = not text and "<think>" in answer.rpartition("</think>")[2]
    if fmt.is_native:
        if "{" not in text:
            return Translation(text, truncated=unfinished)
        boxes = parse_boxes(text)
        reading = read_template(text, fmt)
        return Translation(
            text, len(boxes), _count_outside(boxes, width, height), truncated=unfinished or reading.truncated
        )
    text, reading, foreign = _read(text, fmt)
    if fmt.syntax == "template":
        words, closed = _words_between(text, reading), True
    else:
        words, closed = _words_around_lists(text, reading)
    writer = _Writer(scale, width, height)
    parts = [words[0]]
    for found, following in zip(reading.found, words[1:], strict=True):
        parts += [writer.write(found.groups), following]
    return Translation(
        _join(parts),
        writer.boxes,
        writer.out_of_image,
        writer.rotated,
        writer.not_boxes + foreign,
        unfinished or reading.truncated or not closed,
    )


def _read(text: str, fmt: BoxFormat) -> tuple[str, Reading, int]:
    """Return a text without the format's tokens, the boxes in it, and the number of boxes in SARChat's own notation."""
    foreign = 0
    if not fmt.box.startswith("{<"):
        text, foreign = BOX.subn("", text)
    text = _drop_tokens(text, fmt)
    if fmt.syntax == "template":
        return text, read_template(text, fmt), foreign
    text = _FENCE.sub("", text)
    return text, read_lists(text, fmt), foreign


def box_spans(
    answer: str, fmt: BoxFormat, width: int, height: int, input_size: InputSize | ResizeRule | None = None
) -> list[tuple[int, int]]:
    """Return from where to where in an answer the numbers of each box reach, for the boxes that `translate` counts.

    Empty if the numbers of one are not found as written. Arguments and errors are those of `translate`.
    """
    scale = scale_of(fmt, width, height, input_size)
    text = final_answer(answer)
    shift = len(answer) - len(text)
    if fmt.is_native:
        return [(shift + match.start(), shift + match.end()) for match in BOX.finditer(text)]
    _, reading, _ = _read(text, fmt)
    written = [*re.finditer(NUMBER, text, re.ASCII)]
    values = [float(match[0]) for match in written]
    spans = []
    end = 0
    for box in (box for found in reading.found for group in found.groups for box in group.boxes):
        places = range(end, len(values) - len(box) + 1)
        start = next((place for place in places if tuple(values[place : place + len(box)]) == box), None)
        if start is None:
            return []
        end = start + len(box)
        if scale.to_pixels(box) is not None:
            spans.append((shift + written[start].start(), shift + written[end - 1].end()))
    return spans


class _Writer:
    """Writes boxes in SARChat's notation and counts them."""

    def __init__(self, scale: Scale, width: int, height: int) -> None:
        self.scale, self.width, self.height = scale, width, height
        self.boxes = self.out_of_image = self.rotated = self.not_boxes = 0

    def write(self, groups: Iterable[Group]) -> str:
        """Write groups of boxes, a line each, with their labels before them."""
        return "\n".join(
            " ".join(filter(None, [group.label, "".join(map(self._write_box, group.boxes))])) for group in groups
        )

    def _write_box(self, numbers: tuple[float, ...]) -> str:
        box = self.scale.to_pixels(numbers)
        angle = ""
        if box is None and len(numbers) == 5 and self.scale.format.angle:
            box, angle = self.scale.to_pixels(numbers[:4]), f"|<{_spell(numbers[4])}>"
        if box is None:
            self.not_boxes += 1
            return ""
        if angle:
            self.rotated += 1
        else:
            self.boxes += 1
            self.out_of_image += _count_outside([box], self.width, self.height)
        return f"{{{''.join(f'<{_spell(value)}>' for value in box)}{angle}}}"


def _spell(value: float) -> str:
    """Spell a coordinate to a hundredth of a pixel."""
    text = f"{min(max(value, -_FARTHEST), _FARTHEST):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _count_outside(boxes: Iterable[Sequence[float]], width: int, height: int) -> int:
    limits = (width + _MARGIN, height + _MARGIN)
    return sum(any(not -_MARGIN <= value <= limits[index % 2] for index, value in enumerate(box)) for box in boxes)


@lru_cache(maxsize=64)
def _tokens_of(fmt: BoxFormat) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, fmt.tokens)))


def _drop_tokens(text: str, fmt: BoxFormat) -> str:
    return _join(_tokens_of(fmt).split(text)) if fmt.tokens else text


def _join(parts: Iterable[str]) -> str:
    """Join texts, with a space where two words would otherwise merge, and between a word and its box."""
    joined: list[str] = []
    last = " "
    for part in filter(None, parts):
        if (last.isalnum() and part[0].isalnum()) or (part.startswith("{<") and last not in f"{_SPACE}{{}}"):
            joined.append(" ")
        joined.append(part)
        last = part[-1]
    return "".join(joined)


def _words_between(text: str, reading: Reading) -> list[str]:
    """Return the text before, between and after the boxes."""
    starts = [0, *(found.end for found in reading.found)]
    ends = [*(found.start for found in reading.found), reading.end]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def _words_around_lists(text: str, reading: Reading) -> tuple[list[str], bool]:
    """Return the text before, between and after the boxes without the brackets and commas of the lists around them.

    Returns:
        The texts, and whether every such bracket is closed where the text ends with a box.
    """
    words = _words_between(text, reading)
    last = len(words) - 1
    opened = 0
    for index, word in enumerate(words if last else ()):
        inner = _strip_closings(word) if index else word
        inner = _strip_openings(inner) if index < last else inner
        if not inner.strip(_SPACE + _SEPARATORS) and index:
            inner = "\n" if index < last and ("\n" in word or _is_labelled(reading, index)) else ""
        opened += word.count("[") - word.count("]") - inner.count("[") + inner.count("]")
        words[index] = inner
    if reading.truncated:
        words[last] = words[last].rstrip(_SPACE + _SEPARATORS + "[")
    return words, opened <= 0 or bool(words[last])


def _is_labelled(reading: Reading, index: int) -> bool:
    return any(group.label for found in reading.found[index - 1 : index + 1] for group in found.groups)


def _strip_closings(text: str) -> str:
    """Leave out the closing brackets that a text starts with."""
    inner = text.lstrip(_SPACE + _SEPARATORS + "]")
    start = text[: len(text) - len(inner)]
    return start[start.rfind("]") + 1 :] + inner


def _strip_openings(text: str) -> str:
    """Leave out the opening brackets that a text ends with."""
    inner = text.rstrip(_SPACE + "[")
    end = text[len(inner) :]
    return inner + end.partition("[")[0]


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
