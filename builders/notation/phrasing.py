"""The form in which a model is asked a question."""

from __future__ import annotations

from typing import NamedTuple

from builders.notation.formats import Notation
from builders.notation.render import render_text
from sarchat_metric import Categories


class Phrasing(NamedTuple):
    """The form in which questions are sent to the model.

    Attributes:
        notation: the notation of boxes, with the input size of the model if the format needs it.
        suffix: the text after every question; `None` for the format's own sentence if an answer contains boxes.
    """

    notation: Notation
    suffix: str | None = None

    def phrase(self, text: str, width: int, height: int, categories: Categories, *, asks_for_boxes: bool) -> str:
        """Return a question, with boxes in SARChat's notation in pixels, in the form that is sent.

        The categories are the corpus's, as the metric takes them.
        """
        text = render_text(text, self.notation.format, width, height, self.notation.input_size, categories)
        suffix = self.suffix
        if suffix is None:
            suffix = self.notation.format.prompt_suffix if asks_for_boxes else ""
        return f"{text} {suffix}" if suffix else text
