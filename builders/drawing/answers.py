"""A gold answer and a model's answer beside each other: their boxes as a drawing, and what was read of both as texts.

One place decides where labels stand, for pictures (Matplotlib) and pages (SVG). A label stands beside its box, where it
covers neither a box nor another label. Where there is no room for it, a short mark stands there in its place, if need
be at the end of a line, and the drawing's legend says what the mark means.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape as escape_html
from typing import Any, NamedTuple

import numpy as np

from builders.core.errors import printable
from builders.core.polygons import bounds, canonical, to_points
from builders.core.schema import Box
from sarchat_metric import Match, box_iou

# A box (x1, y1, x2, y2), or the corners (x1, y1, ..., x4, y4) of an oriented one.
Shape = tuple[float, ...]

# At most this many boxes are drawn, and at most this many have labels: with more, no box has one.
MOST_BOXES, MOST_LABELS = 200, 30
_FARTHEST = 1e100
# In heights of a letter: a label's height, its baseline, the room at its ends, and its distance to boxes.
HEIGHT, BASELINE, PADDING, _GAP = 1.3, 1.0, 0.25, 0.2
# A canvas holds at least some letters in width and height.
_LEAST_CANVAS = 8
_RINGS, _DIRECTIONS = 16, 16
_ROUNDING = 1e-6
# Of letters that are much narrower or wider than others.
_WIDTHS = {"ijl.,:;|'I ": 0.4, "frst()": 0.6, "mwMW@%#&": 1.11}
# Entries of a reading under other names, and those that are not shown: labels are those of the boxes, and whether an
# answer offers a choice is said by its scores.
_NAMES = {"proximity": "distance", "count": "number"}
_HIDDEN = {"labels", "hedged"}


class Marked(NamedTuple):
    """A box or four corners to draw: the kind, such as `gold`, a label (or none), and a mark that may stand for it."""

    kind: str
    box: Shape
    label: str = ""
    mark: str = ""


class Label(NamedTuple):
    """A text of a drawing: its kind, the rectangle that it fills, and the line from it to its box, if it is far."""

    kind: str
    text: str
    place: Box
    line: Box | None = None


class Scene(NamedTuple):
    """A drawing in pixels of the image.

    Attributes:
        canvas: what is visible: the image, and room around it if it is very narrow.
        letter: the height of a letter.
        boxes: kind and box or corners, without parts far outside of the canvas.
        labels: the texts.
        legend: kind, marks and what they mean, for all marks that stand for a label.
    """

    canvas: Box
    letter: float
    boxes: list[tuple[str, Shape]]
    labels: list[Label]
    legend: list[tuple[str, str, str]]


def is_proper(shape: Shape) -> bool:
    """Return whether a box or corners can be drawn: neither inverted nor empty nor out of range."""
    if not all(abs(edge) < _FARTHEST for edge in shape):
        return False
    if len(shape) == 8:
        return canonical(shape) is not None
    return shape[0] < shape[2] and shape[1] < shape[3]


def outer_box(shape: Shape) -> Box:
    """Return the upright box around a box or corners."""
    return bounds(to_points(shape))


def estimate_width(text: str) -> float:
    """Return how wide a text is at most in a browser's bold sans-serif font, in heights of a letter."""
    return sum(next((width for signs, width in _WIDTHS.items() if sign in signs), _other_width(sign)) for sign in text)


def _other_width(sign: str) -> float:
    is_wide = sign.isupper() or not sign.isascii() or unicodedata.category(sign).startswith("S")
    return 1.1 if unicodedata.east_asian_width(sign) in "WF" else 0.88 if is_wide else 0.73


def compose(
    boxes: Iterable[Marked],
    width: float,
    height: float,
    letter: float,
    measure: Callable[[str], float] = estimate_width,
) -> Scene:
    """Place boxes and their labels in a drawing; no label covers a box or leaves the canvas.

    Only where not even a mark has room outside of all boxes, it stands inside its own.

    Args:
        boxes: proper boxes; the labels of the first ones are placed first. A label stands above its box where it can,
            one of the kind `read` below.
        width: of the image, in pixels.
        height: likewise.
        letter: the height of a letter, in pixels.
        measure: gives the width of a text, in heights of a letter.
    """
    least = _LEAST_CANVAS * letter
    across, down = (max(least - side, 0.0) / 2 for side in (width, height))
    canvas = (0.0 - across, 0.0 - down, width + across, height + down)
    # Browsers may fail for numbers far outside the visible range.
    drawn = []
    for item in boxes:
        # Corners that cross are drawn as they are read, as their convex hull.
        found = canonical(item.box) if len(item.box) == 8 else None
        shape = np.reshape(found[0] if found else item.box, (-1, 2))
        drawn.append(item._replace(box=tuple(np.clip(shape, [-width, -height], [2 * width, 2 * height]).ravel())))
    obstacles = np.array([outer_box(item.box) for item in drawn]).reshape(-1, 4)
    taken = np.empty((0, 4))
    labels: list[Label] = []
    meanings: dict[tuple[str, str], list[str]] = {}
    for item in drawn:
        if not item.label:
            continue
        mark = item.mark or item.label
        own = _as_box(np.clip(outer_box(item.box), canvas[:2] * 2, canvas[2:] * 2))
        sizes = {text: ((measure(text) + 2 * PADDING) * letter, HEIGHT * letter) for text in (item.label, mark)}
        gap = _GAP * letter
        tries = (
            (text, places)
            for text, find in ((item.label, _beside), (mark, _beside), (mark, _around))
            if len(places := _visible(find(own, sizes[text], canvas, gap, item.kind != "read"), canvas))
        )
        free = ((text, place) for text, places in tries for place in places[~_covers(places, obstacles, taken)][:1])
        text, place = next(free, (mark, _least_covering(own, sizes[mark], canvas, obstacles, taken)))
        taken = np.vstack([taken, place])
        line = _join(_as_box(place), own)
        is_far = max(abs(line[2] - line[0]), abs(line[3] - line[1])) > 2 * gap
        labels.append(Label(item.kind, text, _as_box(place), line if is_far else None))
        if text != item.label:
            meanings.setdefault((item.kind, item.label.removeprefix(f"{mark} ")), []).append(mark)
    legend = [(kind, ", ".join(marks), meaning) for (kind, meaning), marks in meanings.items()]
    return Scene(canvas, letter, [(item.kind, item.box) for item in drawn], labels, legend)


# Both find rectangles of a size for the label of a box, the best first: floats of shape (K, 4).


def _beside(box: Box, size: tuple[float, float], canvas: Box, gap: float, above: bool) -> np.ndarray:
    """Return rectangles right beside a box: at the ends and middles of its edges, then between and past them."""
    (x1, y1, x2, y2), (width, height) = box, size
    rows = sorted((y1 - gap - height, y2 + gap), reverse=not above)
    columns = (x2 + gap, x1 - gap - width)
    corners: list[tuple[float, float]] = []
    for parts in ((0.0, 1.0, 0.5), (0.25, 0.75, -0.4, 1.4)):
        across = np.clip(
            [x1 + part * (x2 - x1 - width) for part in parts], canvas[0], max(canvas[2] - width, canvas[0])
        )
        down = np.clip(
            [y1 + part * (y2 - y1 - height) for part in parts], canvas[1], max(canvas[3] - height, canvas[1])
        )
        corners += [*((x, y) for y in rows for x in across), *((x, y) for x in columns for y in down)]
    return np.hstack([corners, np.array(corners) + size])


def _around(box: Box, size: tuple[float, float], _: Box, gap: float, __: bool) -> np.ndarray:
    """Return rectangles in rings around a box; later rings lie farther apart, so that the last ones reach far."""
    (x1, y1, x2, y2), (width, height) = box, size
    angles = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS - np.pi / 2
    far = 3 * gap * np.arange(1, _RINGS + 1)[:, None] ** 1.4
    x = (x1 + x2) / 2 + np.cos(angles) * ((x2 - x1 + width) / 2 + far) - width / 2
    y = (y1 + y2) / 2 + np.sin(angles) * ((y2 - y1 + height) / 2 + far) - height / 2
    corners = np.column_stack([x.ravel(), y.ravel()])
    return np.hstack([corners, corners + size])


def _visible(places: np.ndarray, canvas: Box) -> np.ndarray:
    low, high = np.array(canvas[:2]) - _ROUNDING, np.array(canvas[2:]) + _ROUNDING
    return places[(places[:, :2] >= low).all(1) & (places[:, 2:] <= high).all(1)]


def _covers(places: np.ndarray, *others: np.ndarray) -> np.ndarray:
    return np.asarray((_overlaps(places, np.vstack(others)) > 0).any(axis=1))


def _least_covering(
    box: Box, size: tuple[float, float], canvas: Box, obstacles: np.ndarray, taken: np.ndarray
) -> np.ndarray:
    """Return the rectangle in a corner of a box that covers the least of labels, and then of boxes; shape (4,)."""
    (x1, y1, x2, y2), (width, height) = box, size
    corners = np.array([(x, y) for y in (y1, y2 - height) for x in (x1, x2 - width)])
    corners = np.clip(corners, canvas[:2], np.maximum(np.array(canvas[2:]) - size, canvas[:2]))
    places = np.hstack([corners, corners + size])
    return places[np.lexsort((_overlaps(places, obstacles).sum(1), _overlaps(places, taken).sum(1)))[0]]


def _overlaps(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the area that each of K rectangles shares with each of M others; floats of shape (K, M)."""
    shared = np.minimum(places[:, None, 2:], others[None, :, 2:]) - np.maximum(places[:, None, :2], others[None, :, :2])
    return np.clip(shared, 0, None).prod(2)


def _join(place: Box, box: Box) -> Box:
    """Return the shortest line from a label to a box, as its two ends."""
    ends = []
    for (low, high), (first, last) in ((place[::2], box[::2]), (place[1::2], box[1::2])):
        start = min(max((first + last) / 2, low), high)
        ends.append((start, min(max(start, first), last)))
    (x1, x2), (y1, y2) = ends
    return x1, y1, x2, y2


def _as_box(values: np.ndarray) -> Box:
    x1, y1, x2, y2 = values.tolist()
    return x1, y1, x2, y2


def mark_answers(
    gold: Sequence[Shape],
    names: Sequence[str],
    read: Sequence[Shape],
    matches: Sequence[Match],
    size: tuple[float, float],
) -> tuple[list[Marked], list[str]]:
    """Return the boxes to draw of a gold answer and of a model's, and notes on what is not drawn.

    Gold boxes are numbered if there are several, and have the names of their targets; a model's boxes have their IoU,
    and letters for marks. They are drawn last: the gold boxes under them are visible between their dashes.

    Args:
        gold: the boxes of the gold answer.
        names: what is in each; ignored unless there is one for each.
        read: the boxes of the model's answer, which may be improper.
        matches: which boxes of both match.
        size: width and height of the image, in pixels.
    """
    known = list(names) if len(names) == len(gold) else [""] * len(gold)
    numbers = [str(place) for place in range(1, len(gold) + 1)]
    labels = [f"{number} {name}".strip() for number, name in zip(numbers, known, strict=True)]
    if len(gold) == 1:
        labels = [known[0] or "1"]
    # With many boxes, labels and IoUs would take too long.
    ious = label_ious(read, gold, matches) if len(read) <= MOST_LABELS else [""] * len(read)
    letters = [_letters(place) for place in range(len(read))]
    marked, notes = [], []
    for kind, owner, boxes, texts, marks in (
        ("gold", "gold answer", gold, labels if len(gold) <= MOST_LABELS else [""] * len(gold), numbers),
        ("read", "answer", read, ious, letters),
    ):
        shown = zip(boxes[:MOST_BOXES], texts, marks, strict=False)
        marked += [Marked(kind, box, label, mark) for box, label, mark in shown if is_proper(box)]
        if len(boxes) > MOST_BOXES:
            notes.append(f"Of {len(boxes):,} boxes in the {owner}, the first {MOST_BOXES} are drawn.")
        if len(boxes) > MOST_LABELS:
            notes.append(f"The {owner} has more than {MOST_LABELS} boxes, so they have no labels.")
    improper = sum(not is_proper(box) for box in read)
    if improper:
        notes.append(f"{_count(improper)} of the answer cannot be drawn: inverted, empty or out of range.")
    outside = 0
    for left, top, right, bottom in map(outer_box, filter(is_proper, read)):
        outside += not (left >= 0 and top >= 0 and right <= size[0] and bottom <= size[1])
    if outside:
        notes.append(f"{_count(outside)} of the answer reach beyond the {size[0]:g} x {size[1]:g} pixels drawn.")
    return marked, notes


def _letters(place: int) -> str:
    """Return `a` to `z`, and then `aa`, `ab` and so on."""
    return (_letters(place // 26 - 1) if place >= 26 else "") + chr(ord("a") + place % 26)


def _count(number: int) -> str:
    return f"{number:,} box" if number == 1 else f"{number:,} boxes"


def to_svg(scene: Scene, escape: Callable[[str], str] = lambda text: escape_html(printable(text))) -> str:
    """Return boxes and labels as SVG elements of the classes `rim`, `box`, `line` and `label`, with their kinds."""
    parts = []
    for kind, shape in scene.boxes:
        if len(shape) == 4:
            x1, y1, x2, y2 = shape
            drawn = f'rect x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"'
        else:
            drawn = f'polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in to_points(shape))}"'
        parts.append(f'<{drawn} class="rim"/><{drawn} class="box {kind}"/>')
    for label in scene.labels:
        if label.line is not None:
            x1, y1, x2, y2 = label.line
            ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            parts.append(f'<line {ends} class="line {label.kind}"/>')
    for label in scene.labels:
        x, y = (label.place[0] + label.place[2]) / 2, label.place[1] + BASELINE * scene.letter
        parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" class="label {label.kind}">{escape(label.text)}</text>'
        )
    return "".join(parts)


def view_box(scene: Scene) -> str:
    """Return the `viewBox` of a drawing."""
    x1, y1, x2, y2 = scene.canvas
    return f"{x1:.6g} {y1:.6g} {x2 - x1:.6g} {y2 - y1:.6g}"


def answer_ious(answer: Sequence[Shape], gold: Sequence[Shape], matches: Sequence[Match]) -> list[float]:
    """Return for each box of an answer the IoU of its match, or its highest IoU with any gold box if unmatched."""
    matched = {index: iou for index, _, iou in matches}
    best = box_iou(answer, gold).max(axis=1, initial=0.0).tolist()
    return [matched.get(index, iou) for index, iou in enumerate(best)]


def label_ious(answer: Sequence[Shape], gold: Sequence[Shape], matches: Sequence[Match]) -> list[str]:
    """Return a label for each box of an answer: the IoU of `answer_ious`, and whether it is that of a match."""
    matched = {index for index, _, _ in matches}
    ious = answer_ious(answer, gold, matches)
    return [f"IoU {iou:.2f}" if index in matched else f"no match ({iou:.2f})" for index, iou in enumerate(ious)]


class Items(NamedTuple):
    """The first texts of one side, each with whether the other side has it too, and the number of further ones."""

    marked: list[tuple[str, bool]]
    more: int


class Entry(NamedTuple):
    """An entry of both readings, such as the categories, with its name."""

    name: str
    gold: Items
    read: Items


def list_entries(gold: Mapping[str, Any], read: Mapping[str, Any], most: int) -> Iterator[Entry]:
    """Yield what is in either of two readings of one task, with up to `most` texts a side; of boxes only their number.

    Args:
        gold: what `sarchat_metric.read_answer` read of the gold answer.
        read: likewise, of the model's answer.
        most: the maximum number of texts.
    """
    for name in gold:
        wanted, found = (_list_items(len(side[name]) if name == "boxes" else side[name]) for side in (gold, read))
        if (wanted or found) and name not in _HIDDEN:
            yield Entry(_NAMES.get(name, name), _mark_shared(wanted, found, most), _mark_shared(found, wanted, most))


def _list_items(value: Any) -> list[str]:  # noqa: ANN401
    """Return an entry of a reading (a number, a word, a list or a list of pairs) as texts."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [f"{item[0]}, {item[1] or 'no cell'}" if isinstance(item, tuple) else str(item) for item in values]


def _mark_shared(items: Sequence[str], others: Sequence[str], most: int) -> Items:
    """Mark the items that the other side has too, counting repetitions."""
    left = Counter(others)
    marked = []
    for item in items[:most]:
        marked.append((item, left[item] > 0))
        left[item] -= 1
    return Items(marked, max(len(items) - most, 0))
