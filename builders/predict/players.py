"""Blind players: answers from the training split's records and the question alone, without any pixel.

A player finds the training records whose questions are like the asked one, and gives the answer that scores best on
them. The kinds of players, in the registry `KINDS`, differ in what of a question they look at.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from builders.core.polygons import bounds, rectangle, to_points
from builders.core.schema import Box
from builders.corpus.info import CorpusInfo
from builders.corpus.targets import Target
from builders.predict.best_sets import best_boxes, best_labels, halves, spread
from builders.tasks import geometry
from builders.tasks.phrases import DIRECTION_PHRASES, ORIENTATION_PHRASES, PROXIMITY_PHRASES, SHAPE_PHRASES, box_text
from sarchat_metric import BOX, IOU_THRESHOLDS, SUB_SCORES, parse_boxes, read_answer, score_record

# From fewer records than this nothing is learned of a kind of question; a more general kind is looked at.
_FEWEST = 8
# The most records on which the answers to a kind of question and to a more general one are compared.
_MOST_COMPARED = 150
_NEIGHBOURS = (5, 15, 50)
# Added to distances, so that an equal box does not outvote all others.
_NEAR = 0.05
# Of a task without a guess of its own: answers that are tried, and records that they are tried on.
_ANSWERS, _RECORDS = 12, 60
_NUMBER = re.compile(r"\d+")
_THRESHOLDS = tuple(IOU_THRESHOLDS.values())

# A text, or a box in shares of the image's sides.
Part = str | Box


class Asked(NamedTuple):
    """All that a blind player gets of a record: `width` and `height` are those of the image, in pixels."""

    task: str
    question: str
    width: int
    height: int


class Example(NamedTuple):
    """A record of the training split.

    Attributes:
        asked: its question.
        scenario: its scenario.
        answer: its answer.
        boxes: the targets' boxes in shares of the image's sides; float array of shape (n, 4).
        labels: the targets' categories; int array of shape (n,).
    """

    asked: Asked
    scenario: str
    answer: str
    boxes: np.ndarray
    labels: np.ndarray

    def cells(self) -> list[tuple[int, str]]:
        """Return category and cell of each target."""
        size = self.asked.width, self.asked.height
        boxes = self.boxes * (*size, *size)
        return [(label, geometry.cell(tuple(box), *size)) for label, box in zip(self.labels, boxes, strict=True)]


def _targets_in(asked: Asked) -> list[Target]:
    """Return the targets whose boxes are in a question, of the category 0."""
    boxes = parse_boxes(asked.question)
    return [Target(0, bounds(to_points(box)), False, box if len(box) == 8 else None) for box in boxes]


def _look_at_nothing(asked: Asked, info: CorpusInfo) -> list[Hashable]:
    return [len(_targets_in(asked))]


def _look_at_names(asked: Asked, info: CorpusInfo) -> list[Hashable]:
    (boxes,) = _look_at_nothing(asked, info)
    return [boxes, (boxes, *read_answer(asked.question, "description", info.vocabulary)["phrases"])]


def _look_at_everything(asked: Asked, info: CorpusInfo) -> list[Hashable]:
    boxes, named = _look_at_names(asked, info)
    size, told = (asked.width, asked.height), _number_told(asked, info)
    return [boxes, named, (named, size), (named, told), (named, size, told)]


def _number_told(asked: Asked, info: CorpusInfo) -> Hashable:
    """Return what a question says of the number of targets: numbers, and whether it has a plural."""
    text = BOX.sub("", asked.question)
    return tuple(_NUMBER.findall(text)), _plural(info).search(text) is not None


@cache
def _plural(info: CorpusInfo) -> re.Pattern[str]:
    """Return what finds a plural that differs from its singular."""
    plurals = [re.escape(many) for name, many in zip(info.names, info.plurals, strict=True) if many != name]
    return re.compile(rf"\b(?:{'|'.join(plurals) or '(?!)'})\b")


class Kind(NamedTuple):
    """What a player looks at.

    Attributes:
        contexts: returns what it sees of a question, as keys from the most general to the most specific.
        at_boxes: whether it also looks at the boxes in a question: size, shape and place.
    """

    contexts: Callable[[Asked, CorpusInfo], list[Hashable]]
    at_boxes: bool = False


# `majority` gives one answer to all questions of a task (and to those about one box and about two); `prior` one for
# each category, or category and position, that is asked for; `question` looks at everything: the size of the image, the
# boxes in the question, and whether a number or a plural gives the number of targets away.
KINDS = {
    "majority": Kind(_look_at_nothing),
    "prior": Kind(_look_at_names),
    "question": Kind(_look_at_everything, at_boxes=True),
}


class Player:
    """A blind player that has seen the training split."""

    def __init__(self, kind: str, examples: Iterable[Example], info: CorpusInfo) -> None:
        """Learn from examples, of any tasks; `kind` is one of `KINDS`."""
        self._kind = KINDS[kind]
        self._info = info
        self._examples: dict[tuple[str, Hashable], list[Example]] = defaultdict(list)
        self._guesses: dict[tuple[tuple[str, Hashable], ...], list[Part]] = {}
        for example in examples:
            for context in self._kind.contexts(example.asked, info):
                self._examples[example.asked.task, context].append(example)
        self._boxed: dict[int, _Neighbours] = {}

    def answer(self, asked: Asked) -> str:
        """Return the answer to a question; an empty one if the training split has no record of its kind."""
        contexts = [(asked.task, context) for context in self._kind.contexts(asked, self._info)]
        if not self._examples.get(contexts[0]):
            return ""
        if self._kind.at_boxes and asked.task == "identification" and _targets_in(asked):
            return self._identify(asked)
        known = (contexts[0], *(context for context in contexts[1:] if len(self._examples.get(context, ())) >= _FEWEST))
        if known not in self._guesses:
            self._guesses[known] = self._choose(known)
        return _write(self._guesses[known], asked)

    def _choose(self, contexts: Sequence[tuple[str, Hashable]]) -> list[Part]:
        """Return the answer to the most specific kind of question that is better than those to more general ones.

        Better on training records from which it was not learned: half of a kind's records, and then the other half.
        """
        guess = _GUESSES.get(contexts[0][0], _guess_any)
        chosen = guess(self._examples[contexts[0]], self._info)
        seen = {len(self._examples[contexts[0]])}
        for context in contexts[1:]:
            examples = self._examples[context]
            # The same records are looked at once.
            if len(examples) in seen:
                continue
            seen.add(len(examples))
            parts = [[examples[index] for index in half] for half in halves(len(examples))]
            own = sum(self._value(guess(learned, self._info), others) for learned, others in (parts, parts[::-1]))
            if own > sum(self._value(chosen, half) for half in parts):
                chosen = guess(examples, self._info)
        return chosen

    def _value(self, guess: Sequence[Part], examples: Sequence[Example]) -> float:
        """Return the mean accuracy of an answer to some of the given examples."""
        some = [examples[index] for index in spread(len(examples), _MOST_COMPARED)]
        return sum(_accuracy(_write(guess, example.asked), example, self._info) for example in some) / len(some)

    def _identify(self, asked: Asked) -> str:
        """Name the category of the boxes most like the asked one; everything else follows from the boxes."""
        targets = _targets_in(asked)
        if len(targets) not in self._boxed:
            self._boxed[len(targets)] = _Neighbours(self._examples[asked.task, len(targets)])
        name = self._info.names[self._boxed[len(targets)].category(asked)]
        size = asked.width, asked.height
        target, others = targets[0], targets[1:]
        largeness = geometry.identification_size(geometry.covered_share(target, *size))
        text = f"This is a {largeness} {name}"
        for other in others[:1]:
            toward = geometry.offset(target.box, other.box)
            text += f", {PROXIMITY_PHRASES[geometry.is_near(*toward, *size)]} the other target"
            direction = geometry.direction(*toward)
            return f"{text} and {DIRECTION_PHRASES[direction]} it." if direction else f"{text}."
        shape, _, orientation = geometry.outline(target)
        text = f"{text}, {SHAPE_PHRASES[shape]} in shape, in the {geometry.cell(target.box, *size)}."
        return f"{text} Its long axis is {ORIENTATION_PHRASES[orientation]}." if orientation else text


class _Neighbours:
    """Categories of boxes by size, shape, place and the image's size: those of the most similar training boxes."""

    def __init__(self, examples: Sequence[Example]) -> None:
        labels = np.array([example.labels[0] for example in examples])
        features = np.array([_describe(example.asked) for example in examples])
        spreads = features.std(axis=0)
        self._middle, self._scale = features.mean(axis=0), np.where(spreads > 0, spreads, 1.0)
        points = (features - self._middle) / self._scale
        # The number of neighbours is the best one for each half of the boxes if the other half is known; none if the
        # most common category is right as often.
        self._common = _most_common(labels.tolist())
        right = np.zeros(1 + len(_NEIGHBOURS))
        parts = halves(len(labels))
        for known, asked in (parts, parts[::-1]):
            if known and asked:
                vote = _Vote(points[known], labels[known])
                guesses: list[Any] = [_most_common(labels[known].tolist())]
                guesses += [vote.label(points[asked], count) for count in _NEIGHBOURS]
                right += [np.sum(guess == labels[asked]) for guess in guesses]
        self._count = (0, *_NEIGHBOURS)[int(right.argmax())]
        self._vote = _Vote(points, labels)

    def category(self, asked: Asked) -> int:
        if not self._count:
            return self._common
        point = (_describe(asked) - self._middle) / self._scale
        return int(self._vote.label(point[None], self._count)[0])


class _Vote:
    def __init__(self, points: np.ndarray, labels: np.ndarray) -> None:
        self._tree, self._labels = cKDTree(points), labels

    def label(self, points: np.ndarray, count: int) -> np.ndarray:
        """Return the label that most of the nearest known points have, the nearer the more votes, for each point."""
        distances, places = self._tree.query(points, k=[*range(1, min(count, len(self._labels)) + 1)])
        weights, labels = 1 / (distances + _NEAR), self._labels[places]
        votes = [(weights * (labels == label)).sum(axis=1) for label in range(self._labels.max() + 1)]
        return np.stack(votes).argmax(axis=0)


def _describe(asked: Asked) -> np.ndarray:
    """Return the features of a question's boxes."""
    features: list[Any] = [np.log([asked.width, asked.height])]
    for _, (x1, y1, x2, y2), _, eight in _targets_in(asked):
        lengths = (x2 - x1, y2 - y1) if eight is None else rectangle(eight)[2:4]
        sides = np.log([max(length, 0.5) for length in lengths])
        shape = sides[0] - sides[1]
        center = (x1 + x2) / 2 / asked.width, (y1 + y2) / 2 / asked.height
        features += [sides, [shape], sides - np.log([asked.width, asked.height]), center]
    return np.concatenate(features)


def _write(parts: Iterable[Part], asked: Asked) -> str:
    """Return an answer whose boxes fit the image that is asked about."""
    width, height = asked.width, asked.height
    return "".join(
        part
        if isinstance(part, str)
        else box_text((part[0] * width, part[1] * height, part[2] * width, part[3] * height), width, height)
        for part in parts
    )


def _accuracy(answer: str, example: Example, info: CorpusInfo) -> float:
    """Return the score of an answer to a training record: the mean of its sub-scores."""
    reference = {"task": example.asked.task, "scenario": example.scenario, "answer": example.answer}
    counts = score_record(answer, reference, info.vocabulary).counts
    own = [counts[key] for key in SUB_SCORES[example.asked.task] if key in counts]
    return sum(tp / (tp + fp + fn) for tp, fp, fn in own) / len(own)


def _most_common(values: Iterable[int]) -> int:
    """Return the most common number; of those that are as common, the smallest."""
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0]))[0]


def _guess_classification(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    return [", ".join(info.names[label] for label in best_labels([sorted({*example.labels}) for example in examples]))]


def _guess_description(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    return [_tell(best_labels([example.cells() for example in examples]), info)]


def _tell(phrases: Iterable[tuple[int, str]], info: CorpusInfo) -> str:
    return " ".join(f"There is a {info.names[label]} in the {cell}." for label, cell in phrases)


def _guess_counting(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    return [f"{_most_common(len(example.boxes) for example in examples)} ", *_guess_boxes(examples, info)]


def _guess_boxes(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    # Whatever the category: only boxes are compared.
    samples = [(example.boxes, np.zeros(len(example.boxes), dtype=int)) for example in examples]
    return [box for _, box in best_boxes(samples, _THRESHOLDS)]


def _guess_referring(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    parts: list[Part] = []
    for box in _guess_boxes(examples, info):
        parts += [box, f" ({geometry.cell(box, 1, 1)})"]
    return parts


def _guess_grounding(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    parts: list[Part] = [_tell(best_labels([example.cells() for example in examples]), info)]
    for label, box in best_boxes([(example.boxes, example.labels) for example in examples], _THRESHOLDS[:1]):
        parts += [f" A {info.names[label]} ", box, "."]
    return parts


def _guess_identification(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    return [f"This is a {info.names[_most_common(example.labels[0] for example in examples)]}."]


def _guess_any(examples: Sequence[Example], info: CorpusInfo) -> list[Part]:
    """Return the training answer that scores best on other training records."""
    common = Counter(example.answer for example in examples).most_common(_ANSWERS)
    some = [examples[index] for index in spread(len(examples), _RECORDS)]

    return [max((answer for answer, _ in common), key=lambda answer: sum(_accuracy(answer, one, info) for one in some))]


_GUESSES: dict[str, Callable[[Sequence[Example], CorpusInfo], list[Part]]] = {
    "classification": _guess_classification,
    "description": _guess_description,
    "counting": _guess_counting,
    "grounding": _guess_grounding,
    "identification": _guess_identification,
    "referring": _guess_referring,
}
