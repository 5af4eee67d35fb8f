"""The form in which a model is asked a question."""

from __future__ import annotations

from typing import NamedTuple

from builders.corpus.info import CorpusInfo
from builders.notation.formats import Notation
from builders.notation.render import render_text


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
