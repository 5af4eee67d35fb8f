"""The figures of a build's card, which are drawn if Matplotlib is installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.build.card.contents import Contents
from builders.data.analysis.targets import add_counts
from builders.drawing.figures import NEEDS_MATPLOTLIB, has_matplotlib

_WORDS = 30
_LOG = logging.getLogger(__name__)
FOLDER = "pictures"


@dataclass(frozen=True)
class Chart:
    """A figure of the card.

    Attributes:
        path: its file in the built folder.
        caption: its description, used as alternative text.
    """

    path: str
    caption: str


def draw_charts(folder: Path, contents: Contents, names: Sequence[str]) -> dict[str, Chart]:
    """Draw a build's figures into the folder `pictures`; without Matplotlib, log a warning and draw none.

    `names` are those of the categories, in the order of their class labels.

    Returns:
        The figures by name; those of targets are left out if no task contains every target.
    """
    if not has_matplotlib():
        _LOG.warning("The card has no pictures; %s", NEEDS_MATPLOTLIB)
        return {}
    from builders.drawing.figures import style

    drawn = {}
    (folder / FOLDER).mkdir()
    with style.styled():
        for name, draw, caption in _list_charts(contents, names):
            chart = drawn[name] = Chart(f"{FOLDER}/{name}.png", caption)
            style.save(draw(), folder / chart.path, signed=False)
    return drawn


def _list_charts(contents: Contents, names: Sequence[str]) -> Iterator[tuple[str, Callable[[], Any], str]]:
    """Yield each figure's name, the function that draws it, and its caption."""
    from builders.drawing.figures import charts, record, style

    examples, targets = contents.examples, contents.targets
    records = {split: {task: contents.count([task], split) for task in contents.tasks} for split in contents.splits}
    yield (
        "examples",
        lambda: record.draw_panels(examples, names),
        "An example of each task: image, boxes, question and answer",
    )
    yield "records", lambda: charts.draw_bars(records, "records"), "Records per task in each split"
    split, texts = contents.splits[-1], contents.texts
    title = f"{split}: {texts.words:,} words in {texts.messages:,} messages"
    yield (
        "words",
        lambda: charts.draw_words(texts.most_common(_WORDS), title),
        f"The most frequent words of questions and answers in the split {split}, function words left out",
    )
    if targets:
        boxes = {split: counts.boxes() for split, counts in targets.items()}
        every = add_counts(targets.values())
        yield (
            "categories",
            lambda: charts.draw_bars(boxes, "boxes", style.category_colors(names)),
            "Boxes per category in each split",
        )
        yield "shapes", lambda: charts.draw_shares(every), "Shapes and sizes of the targets of each category"
        yield (
            "positions",
            lambda: charts.draw_positions(every),
            "Positions of the targets of each category in their images",
        )
