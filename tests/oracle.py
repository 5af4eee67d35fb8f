"""The COCO files read a second time, by brute force and from the definitions alone; nothing of `builders` is used.

`read_split` gives each image with its targets; `expected_keys` the records that must be there; `check_record` whether
a record says what is so.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from pathlib import Path

TASKS = ("classification", "description", "counting", "grounding", "identification", "referring", "presence")
# A dialogue is made of records of these.
EVERY_TASK = (*TASKS, "dialogue")
# Those of the config `all`, and whose scores are averaged.
IN_ALL = TASKS[:-1]
TAGS = {"counting": "[count] ", "grounding": "[grounding] ", "identification": "[identify] ", "referring": "[refer] "}
TAGS["presence"] = "[presence] "
CELLS = [f"{row} {column}" for row in ("top", "middle", "bottom") for column in ("left", "center", "right")]
NAMES = ("ship", "aircraft", "car", "tank", "bridge", "harbor")
NOUNS = {noun: name for name in NAMES for noun in (name, name + ("" if name == "aircraft" else "s"))}
SECTORS = ("right", "upper right", "above", "upper left", "left", "lower left", "below", "lower right")

BOX = re.compile(r"\{<(\d+)><(\d+)><(\d+)><(\d+)>\}")
CELL = re.compile(r"\b((?:top|middle|bottom) (?:left|center|right))\b")
NOUN = re.compile(rf"\b({'|'.join(NOUNS)})\b")
DIRECTION = re.compile(r"\bto the ((?:upper |lower )?(?:left|right)) of\b|\b(above|below)\b")
PROXIMITY = re.compile(r"\b(near|far from)\b")
SIZE = re.compile(r"\b(very small|small|medium|very large|large)\b")
SHAPE = re.compile(r"\b(wide|approximately square|tall)\b")


@dataclass(frozen=True)
class Seen:
    """A target: its category, its box in the image, and whether the box lay in the image as it was written."""

    category: str
    x1: float
    y1: float
    x2: float
    y2: float
    inside: bool

    @property
    def w(self) -> Fraction:
        return Fraction(self.x2) - Fraction(self.x1)

    @property
    def h(self) -> Fraction:
        return Fraction(self.y2) - Fraction(self.y1)

    @property
    def center(self) -> tuple[Fraction, Fraction]:
        return (Fraction(self.x1) + Fraction(self.x2)) / 2, (Fraction(self.y1) + Fraction(self.y2)) / 2

    @property
    def key(self) -> tuple:
        return (self.category, *(round(float(v), 6) for v in (self.x1, self.y1, self.w, self.h)))


@dataclass(frozen=True)
class View:
    """An image and its targets."""

    image_id: int
    file_name: str
    width: int
    height: int
    targets: tuple[Seen, ...]
    annotated: tuple[tuple[str, float, float, float, float], ...] = ()

    def share(self, target: Seen) -> Fraction:
        return target.w * target.h / (self.width * self.height)

    def cell(self, target: Seen) -> str:
        x, y = target.center
        row = [r for r in range(3) if Fraction(r * self.height, 3) <= y][-1]
        column = [c for c in range(3) if Fraction(c * self.width, 3) <= x][-1]
        return f"{('top', 'middle', 'bottom')[row]} {('left', 'center', 'right')[column]}"

    def bounds(self, cell: str) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        row, column = divmod(CELLS.index(cell), 3)
        across = [Fraction(self.width * (column + end), 3) for end in (0, 1)]
        down = [Fraction(self.height * (row + end), 3) for end in (0, 1)]
        return across[0], down[0], across[1], down[1]

    def inside(self, category: str, cell: str) -> list[Seen]:
        """The targets of a category that have their centre and half of their area in a cell."""
        left, top, right, bottom = self.bounds(cell)
        found = []
        for target in self.of(category):
            w = min(Fraction(target.x2), right) - max(Fraction(target.x1), left)
            h = min(Fraction(target.y2), bottom) - max(Fraction(target.y1), top)
            is_half = w > 0 and h > 0 and 2 * w * h >= target.w * target.h * (1 - Fraction(1, 10**8))
            found += [target] if is_half and self.cell(target) == cell else []
        return found

    def is_free(self, category: str, cell: str) -> bool:
        """Whether no annotation of a category, target or not, has a point in the image and in the cell."""
        left, top, right, bottom = self.bounds(cell)
        for name, x, y, w, h in self.annotated:
            x1, x2 = sorted((x, x + w))
            y1, y2 = sorted((y, y + h))
            is_seen = x1 <= self.width and x2 >= 0 and y1 <= self.height and y2 >= 0
            if name == category and is_seen and x1 <= right and x2 >= left and y1 <= bottom and y2 >= top:
                return False
        return True

    def near(self, one: Seen, other: Seen) -> bool:
        return _distance_squared(one, other) < Fraction(self.width + self.height, 8) ** 2

    @property
    def described(self) -> list[Seen]:
        """The targets that a description mentions."""
        if self.width < 224 or self.height < 224:
            return []
        return [
            target
            for target in self.targets
            if target.inside
            and self.share(target) >= Fraction(1, 100)
            and max(target.w / target.h, target.h / target.w) <= 10
        ]

    def of(self, category: str) -> list[Seen]:
        return [target for target in self.targets if target.category == category]


def read_split(corpus: Path, split: str) -> dict[int, View]:
    coco = json.loads((corpus / "Annotations" / f"{split}.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    views = {}
    for image in coco["images"]:
        width, height = image["width"], image["height"]
        kept, seen = [], set()
        own = [annotation for annotation in coco["annotations"] if annotation["image_id"] == image["id"]]
        annotated = tuple((names[annotation["category_id"]], *annotation["bbox"]) for annotation in own)
        for annotation in sorted(coco["annotations"], key=lambda a: a["id"]):
            x, y, w, h = annotation["bbox"]
            this = (names[annotation["category_id"]], x, y, w, h)
            if annotation["image_id"] != image["id"] or annotation.get("iscrowd") or annotation.get("ignore"):
                continue
            if w <= 0 or h <= 0 or x >= width or y >= height or x + w <= 0 or y + h <= 0 or this in seen:
                continue
            seen.add(this)
            inside = x >= 0 and y >= 0 and x + w <= width and y + h <= height
            kept.append(Seen(this[0], max(x, 0), max(y, 0), min(x + w, width), min(y + h, height), inside))
        views[image["id"]] = View(image["id"], image["file_name"], width, height, tuple(kept), annotated)
    return views


def expected_keys(views: dict[int, View], task: str) -> Counter:
    """What there must be a record for: `(image, ...)`, with the category or the targets that it asks for."""
    keys: Counter = Counter()
    for view in views.values():
        if task in ("classification", "grounding"):
            keys.update([(view.image_id,)] if view.targets else [])
        elif task == "description":
            keys.update([(view.image_id,)] if view.described else [])
        elif task in ("counting", "referring"):
            keys.update((view.image_id, name) for name in {target.category for target in view.targets})
        elif task == "presence":
            for name in {target.category for target in view.targets}:
                if any(view.inside(name, cell) for cell in CELLS) and any(view.is_free(name, cell) for cell in CELLS):
                    keys.update([(view.image_id, name, True), (view.image_id, name, False)])
        else:
            keys.update((view.image_id, target.key) for target in view.targets)
            pairs = ((a, b) for i, a in enumerate(view.targets) for j, b in enumerate(view.targets) if i != j)
            keys.update((view.image_id, a.key, b.key) for a, b in pairs)
    return keys


def key_of(record: dict) -> tuple:
    """Return the key of what a record asks for, by its columns."""
    objects = objects_of(record)
    if record["task"] == "presence":
        return record["image_id"], nouns(record["messages"][0]["content"])[0], bool(objects)
    if record["task"] in ("counting", "referring"):
        return record["image_id"], objects[0][0]
    return (record["image_id"], *(objects if record["task"] == "identification" else ()))


def objects_of(record: dict) -> list[tuple]:
    columns = record["objects"]
    return [
        (NAMES[category], *(round(v, 6) for v in box))
        for category, box in zip(columns["category"], columns["bbox"], strict=True)
    ]


def check_record(record: dict, view: View, split: str) -> None:
    """Raise an AssertionError if anything in the record is not so."""
    task = record["task"]
    assert set(record) == {
        *("id", "image", "file_name", "image_id", "width", "height", "task", "scenario", "messages", "objects")
    }
    assert re.fullmatch(rf"{task}/{split}/[^/]+(/[^/]+)*/\d+", record["id"]), record["id"]
    assert (record["file_name"], record["width"], record["height"]) == (view.file_name, view.width, view.height)
    assert record["scenario"] == ("single" if len(view.targets) == 1 else "multi")
    assert [message["role"] for message in record["messages"]] == ["user", "assistant"]
    question, answer = (message["content"] for message in record["messages"])
    tag = TAGS.get(task, "")
    assert question.startswith(tag) and "[" not in question[len(tag) :] and "[" not in answer
    assert "<image>" not in question + answer
    assert question == question.strip() and answer == answer.strip() and "  " not in question + answer
    for unread in re.split(BOX, question + answer)[::5]:
        assert not set("{}<>") & set(unread), unread
    globals()[f"_check_{task}"](record, view, question, answer)


def _check_classification(record: dict, view: View, question: str, answer: str) -> None:
    assert sorted(nouns(question)) == sorted(NAMES)
    assert sorted(nouns(answer)) == sorted({target.category for target in view.targets})
    assert "{" not in question + answer
    assert objects_of(record) == [target.key for name in nouns(answer) for target in view.of(name)]


def _check_description(record: dict, view: View, question: str, answer: str) -> None:
    assert "{" not in question + answer
    sizes = [_size(view.share(target)) for target in view.described]
    phrases = re.findall(rf"\b(an?) {SIZE.pattern} {NOUN.pattern}[^,]*?{CELL.pattern}", answer)
    described = [(size, target.category, view.cell(target)) for size, target in zip(sizes, view.described, strict=True)]
    assert [phrase[1:] for phrase in phrases] == described
    assert len(SIZE.findall(answer)) == len(NOUN.findall(answer)) == len(CELL.findall(answer)) == len(described)
    assert not NOUN.search(question) and not CELL.search(question) and not SIZE.search(question)
    assert objects_of(record) == [target.key for target in view.described]


def _check_counting(record: dict, view: View, question: str, answer: str) -> None:
    targets = _asked_category(record, view, question)
    there_are = "There is 1 instance. " if len(targets) == 1 else f"There are {len(targets)} instances. "
    assert answer.startswith(there_are)
    boxes = BOX.findall(answer)
    assert answer == there_are + "".join("{{<{}><{}><{}><{}>}}".format(*box) for box in boxes)
    _check_boxes(view, boxes, targets)


def _check_referring(record: dict, view: View, question: str, answer: str) -> None:
    targets = _asked_category(record, view, question)
    pairs = re.findall(rf"{BOX.pattern} \({CELL.pattern}\)", answer)
    assert answer == "".join("{{<{}><{}><{}><{}>}} ({})".format(*pair) for pair in pairs)
    assert [pair[4] for pair in pairs] == [view.cell(target) for target in targets]
    _check_boxes(view, [pair[:4] for pair in pairs], targets)
    assert not re.search(r"\d", question)


def _asked_category(record: dict, view: View, question: str) -> list[Seen]:
    (category,) = set(nouns(question))
    targets = view.of(category)
    assert objects_of(record) == [target.key for target in targets]
    assert "{" not in question and not CELL.search(question)
    return targets


def _check_grounding(record: dict, view: View, question: str, answer: str) -> None:
    assert not NOUN.search(question) and "{" not in question
    placed, related = [], answer[answer.rindex("}") + 1 :]
    start, noun = 0, None
    for box in BOX.finditer(answer):
        between = answer[start : box.start()]
        noun = (NOUN.findall(between) or [noun])[-1]
        (cell,) = CELL.findall(between)
        assert not DIRECTION.search(between)
        placed.append((NOUNS[noun], cell, box.groups()))
        start = box.end()
    of_category: dict[str, list[Seen]] = {name: view.of(name) for name in NAMES if view.of(name)}
    order = list(dict.fromkeys(category for category, _, _ in placed))
    described = [target for name in order for target in of_category[name]]
    assert [(category, cell) for category, cell, _ in placed] == [(t.category, view.cell(t)) for t in described]
    _check_boxes(view, [box for _, _, box in placed], described)
    assert objects_of(record) == [target.key for target in described]
    numbers = re.findall(rf"\b(\d+) {NOUN.pattern}", BOX.sub("", answer))
    assert {NOUNS[noun]: int(n) for n, noun in numbers} == {
        name: len(targets) for name, targets in of_category.items() if len(targets) > 1
    }

    sentences = [sentence for sentence in related.split(".") if sentence.strip()]
    pairs = []
    for sentence in sentences:
        first, second = nouns(sentence)
        pairs.append(frozenset([first, second]))
        ((proximity,), direction) = PROXIMITY.findall(sentence), directions(sentence)
        candidates = [(a, b) for a in of_category[first] for b in of_category[second]]
        closest = min(_distance_squared(a, b) for a, b in candidates)
        assert (proximity, *direction) in {
            ("near" if view.near(a, b) else "far from", *_direction(a, b))
            for a, b in candidates
            if _distance_squared(a, b) == closest
        }
    assert Counter(pairs) == Counter(frozenset(pair) for pair in combinations(of_category, 2))


def _check_identification(record: dict, view: View, question: str, answer: str) -> None:
    assert "{" not in answer
    by_key = {target.key: target for target in view.targets}
    asked, *others = (by_key[key] for key in objects_of(record))
    _check_boxes(view, BOX.findall(question), [asked, *others])
    assert not NOUN.search(question) and not SIZE.search(question) and not CELL.search(question)
    assert not directions(question) and not PROXIMITY.search(question)
    share = view.share(asked)
    assert SIZE.findall(answer) == [_identified_size(share)]
    assert SIZE.search(answer).start() < NOUN.search(answer).start()
    if not others:
        assert nouns(answer) == [asked.category]
        assert SHAPE.findall(answer) == [_shape(asked)] and CELL.findall(answer) == [view.cell(asked)]
        assert not directions(answer) and not PROXIMITY.search(answer)
    else:
        (other,) = others
        assert nouns(answer) == [asked.category, other.category]
        assert PROXIMITY.findall(answer) == ["near" if view.near(asked, other) else "far from"]
        assert directions(answer) == _direction(asked, other)
        assert not SHAPE.search(answer) and not CELL.search(answer)


def _check_presence(record: dict, view: View, question: str, answer: str) -> None:
    assert "{" not in question + answer and not re.search(r"\b(?:yes|no)\b", question.lower().replace("yes or no", ""))
    (category,), (cell,) = nouns(question), CELL.findall(question)
    assert nouns(answer) == [category] and CELL.findall(answer) == [cell]
    present = view.inside(category, cell)
    assert objects_of(record) == [target.key for target in present]
    assert answer.startswith("Yes, ") if present else answer.startswith("No, ") and view.is_free(category, cell)


def nouns(text: str) -> list[str]:
    return [NOUNS[noun] for noun in NOUN.findall(text)]


def directions(text: str) -> list[str]:
    return ["".join(groups) for groups in DIRECTION.findall(text)]


def _check_boxes(view: View, texts: list[tuple], targets: list[Seen]) -> None:
    assert len(texts) == len(targets)
    for text, target in zip(texts, targets, strict=True):
        x1, y1, x2, y2 = map(int, text)
        _check_side(x1, x2, target.x1, target.x2, view.width)
        _check_side(y1, y2, target.y1, target.y2, view.height)


def _check_side(low: int, high: int, true_low: float, true_high: float, length: int) -> None:
    """Rounded, a half to either side; where that leaves nothing, one pixel of the image, beside or on the target."""
    assert 0 <= low < high <= length
    if not {low, high} <= _rounded(true_low) | _rounded(true_high) or low not in _rounded(true_low):
        assert _rounded(true_low) & _rounded(true_high), "not rounded"
        assert high == low + 1 and abs(Fraction(low) - Fraction(true_low)) <= 1


def _rounded(value: float) -> set[int]:
    return {math.ceil(Fraction(value) - Fraction(1, 2)), math.floor(Fraction(value) + Fraction(1, 2))}


def _distance_squared(one: Seen, other: Seen) -> Fraction:
    (x1, y1), (x2, y2) = one.center, other.center
    return (x1 - x2) ** 2 + (y1 - y2) ** 2


def _direction(one: Seen, other: Seen) -> list[str]:
    """Where `one` is as seen from `other`; nothing where both have the same centre."""
    (x1, y1), (x2, y2) = one.center, other.center
    if (x1, y1) == (x2, y2):
        return []
    angle = math.degrees(math.atan2(y2 - y1, x1 - x2))
    return [SECTORS[round(angle / 45) % 8]]


def _size(share: Fraction) -> str:
    return "small" if share < Fraction(5, 100) else "large" if share > Fraction(30, 100) else "medium"


def _identified_size(share: Fraction) -> str:
    for least, name in ((40, "very large"), (25, "large"), (10, "medium"), (3, "small")):
        if share >= Fraction(least, 100):
            return name
    return "very small"


def _shape(target: Seen) -> str:
    ratio = target.w / target.h
    return "wide" if ratio > Fraction(3, 2) else "tall" if ratio < Fraction(67, 100) else "approximately square"
