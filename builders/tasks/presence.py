"""Presence: whether a category is in a cell of the image, with as many yes as no."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from builders.core.schema import Box
from builders.corpus.targets import LEFT_OUT, AnnotatedImage, Target
from builders.tasks.geometry import CELLS, boxes_of_cells, cell
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import templates_for

# Of its area, what a target must have inside a cell to be in it, beside its centre; rounding must not decide.
_LEAST_INSIDE = 0.5 - 1e-9


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: a yes and a no for each category that has a cell for either."""
    return 2 * len(_asked(image))


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield two records for each category that has a cell with a target and one without: a yes and a no."""
    info, templates = talk.info, templates_for("presence", talk.info)
    for category, filled, free in _asked(image):
        record_id = talk.next_id()
        chosen = [talk.pick("yes", list(filled)), talk.pick("no", free)]
        # In the order of the cells, which does not give the answers away.
        for number, name in enumerate(sorted(chosen, key=CELLS.index)):
            if number:
                record_id = talk.next_id()
            words = {"one": info.names[category], "many": info.plurals[category], "a": info.with_article[category]}
            yield Record(
                record_id,
                talk.choose("question", templates["questions"]).format(cell=name, **words),
                talk.choose("answer", templates["answers"])["yes" if name in filled else "no"].format(
                    cell=name, **words
                ),
                filled.get(name, ()),
            )


# An image's records are counted, and then made.
@lru_cache(maxsize=1)
def _asked(image: AnnotatedImage) -> list[tuple[int, dict[str, list[Target]], list[str]]]:
    """Return each category that has cells of both kinds, with the targets in each filled cell, and the free cells.

    A filled cell has the centre and half of a target. A free one is touched by no target of the category, and by no
    box that was left out, of it or of a category that was left out: nobody can say that nothing is there.
    """
    boxes, found = boxes_of_cells(image.width, image.height), []
    for category, targets in image.by_category():
        filled: dict[str, list[Target]] = {}
        for target in targets:
            name = cell(target.box, image.width, image.height)
            if _share_inside(target.box, boxes[name]) >= _LEAST_INSIDE:
                filled.setdefault(name, []).append(target)
        taken = [box for other, box in image.left_out if other in (category, LEFT_OUT)]
        taken += [target.box for target in targets]
        touched = {
            name
            for x1, y1, x2, y2 in taken
            for name, (left, top, right, bottom) in boxes.items()
            if x1 <= right and left <= x2 and y1 <= bottom and top <= y2
        }
        free = [name for name in CELLS if name not in touched]
        if filled and free:
            found.append((category, filled, free))
    return found


def _share_inside(box: Box, cell: Box) -> float:
    width = min(box[2], cell[2]) - max(box[0], cell[0])
    height = min(box[3], cell[3]) - max(box[1], cell[1])
    return width * height / ((box[2] - box[0]) * (box[3] - box[1])) if min(width, height) > 0 else 0.0
