"""SARChat's text in the notation of another family, for questions and training, and the form in which models are asked.

Public names: `render_text(text, fmt, width, height, input_size=None) -> str` and `Phrasing`. `width` and `height` are
the image's in pixels; `input_size` is an `InputSize` or a `ResizeRule`, needed by formats in pixels of the resized
image and refused by all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from string import Template
from typing import Any, NamedTuple

from builders.corpus.info import CorpusInfo
from builders.notation.coordinates import Scale, scale_of
from builders.notation.formats import BoxFormat, InputSize, Notation, ResizeRule
from sarchat_metric import BOX, Box, Categories, Vocabulary, read_answer, vocabulary

_ANY_BOX = "{<0><0><0><0>}"


def render_text(
    text: str,
    fmt: BoxFormat,
    width: int,
    height: int,
    input_size: InputSize | ResizeRule | None = None,
    categories: Categories = None,
) -> str:
    """Rewrite every box `{<x1><y1><x2><y2>}` or `{<x1><y1>...<x4><y4>}` of a text in the format's notation.

    The words do not change.

    Adjacent boxes are written together, as the family writes them. A family that marks labels (`<ref>ship</ref>`, a
    JSON key) gets the category that the text names last before the box, which is how the metric labels a box; if that
    is the word just before the box, the word itself is marked. A text that names none gets no label.

    Args:
        text: a question or an answer, boxes in pixels.
        fmt: the format.
        width: the image's width in pixels.
        height: the image's height in pixels.
        input_size: the size that the model saw, where the format needs it.
        categories: the corpus's categories as the metric takes them, which labels are among.

    Raises:
        SARChatError: if the size is missing, or the format does not use it, or it cannot write an oriented box.
    """
    scale = scale_of(fmt, width, height, input_size)
    # Most answers hold no box.
    if fmt.is_native or "{" not in text:
        return text
    written: list[str] = []
    known = vocabulary(categories)
    for words, boxes, label in _runs(text, known):
        if label and fmt.label == "before" and fmt.mark:
            words = _mark_label(words, label, fmt, known)
        written += [words, _write_run(boxes, scale, label if fmt.label == "key" else None)]
    return "".join(written)


def _runs(text: str, known: Vocabulary) -> Iterator[tuple[str, list[Box], str | None]]:
    """Yield words, the adjacent boxes after them, and the boxes' label; the last item has only words."""
    # Words and the eight groups of a box in turn.
    pieces = BOX.split(text)
    words = pieces[::9]
    boxes = [tuple(map(float, filter(None, pieces[at : at + 8]))) for at in range(1, len(pieces), 9)]
    labels = _labels_between(tuple(words), known)
    start = 0
    for end in range(1, len(words)):
        if words[end] or end == len(boxes):
            yield words[start], boxes[start:end], labels[start]
            start = end
    yield words[start], [], None


# The data set's sentences are few: they repeat with other boxes.
@lru_cache(maxsize=2**14)
def _labels_between(words: tuple[str, ...], known: Vocabulary) -> list[str | None]:
    """Return the label of each box, given the words before, between and after the boxes."""
    labels = read_answer(_ANY_BOX.join(words), "grounding", known)["labels"]
    # Boxes in a model's reasoning are in no answer.
    return labels if len(labels) == len(words) - 1 else [None] * (len(words) - 1)


def _mark_label(words: str, label: str, fmt: BoxFormat, known: Vocabulary) -> str:
    stem = words.rstrip()
    place = len(stem)
    while place and stem[place - 1].isalpha():
        place -= 1
    if read_answer(stem[place:], "classification", known)["categories"] == [label]:
        return stem[:place] + Template(fmt.mark).substitute(label=stem[place:])
    return words + Template(fmt.mark).substitute(label=label)


def _write_run(boxes: Sequence[Box], scale: Scale, label: str | None) -> str:
    if not boxes:
        return ""
    before, between, after = scale.format.boxes
    return before + between.join(_write_box(box, scale, label) for box in boxes) + after


# The pairs of identification repeat each box of an image.
@lru_cache(maxsize=2**14)
def _write_box(box: Box, scale: Scale, label: str | None) -> str:
    mark = Template(scale.format.mark).substitute(label=json.dumps(label)[1:-1]) if label else ""
    numbers: Any = scale.from_pixels(box)
    return _pattern_of(scale.format, tuple(numbers)).format(**numbers, label=mark)


@lru_cache(maxsize=64)
def _pattern_of(fmt: BoxFormat, names: Sequence[str]) -> str:
    """Return a box of the format that has numbers of these names as a pattern of `str.format`."""
    number = f"0{fmt.digits}.{fmt.decimals}f" if fmt.digits else f".{fmt.decimals}f"
    fields = {name: f"{{{name}:{number}}}" for name in names if name != "angle"}
    box = (fmt.corners if "x4" in names else fmt.box).replace("{", "{{").replace("}", "}}")
    angle = fmt.angle.replace("$angle", "{angle:.0f}") if "angle" in names else ""
    return Template(box).substitute(fields, label="{label}", angle=angle)


class Phrasing(NamedTuple):
    """The form in which questions are sent to the model.

    Attributes:
        notation: the notation of boxes, with the input size of the model if the format needs it.
        suffix: the text after every question; `None` for the format's own sentence if an answer contains boxes.
    """

    notation: Notation
    suffix: str | None = None

    def phrase(self, text: str, size: tuple[int, int], info: CorpusInfo, *, asks_for_boxes: bool) -> str:
        """Return a question in the form that is sent.

        Args:
            text: the question.
            size: width and height of its image, in pixels.
            info: what its corpus is about.
            asks_for_boxes: whether its answer contains boxes.
        """
        fmt = self.notation.format
        text = render_text(text, fmt, *size, self.notation.input_size, info.vocabulary)
        suffix = self.suffix
        if suffix is None:
            suffix = (fmt.corners_suffix if info.oriented else fmt.prompt_suffix) if asks_for_boxes else ""
        return f"{text} {suffix}" if suffix else text
