"""Statistics of a data set: boxes per category, records per task, aspect ratios, shapes, words.

Words and sentences: a box `{<x1><y1><x2><y2>}` and a tag such as `[count]` are not words. A word is a run of ASCII
letters and digits, with hyphens or apostrophes inside. A sentence ends with `.`, `!` or `?` before a space or the end
of its message, or with the message, and has a word. The average caption length is the number of words per message,
questions and answers alike: only then do the numbers on the paper's page agree (43,978,559 words in 2 x 2,063,548
messages are 10.66).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builders.core.resources import read_yaml
from builders.core.schema import ALL, IN_ALL, SPLITS, TASKS
from builders.data.analysis.targets import count_targets, read_targets
from builders.data.records import Records
from builders.tasks.geometry import SHAPES

# What is no word, for Arrow's engine, RE2.
_NO_WORDS = r"\{<[^{}]*\}|^\[[a-z]+\]"
_WORD = re.compile(r"[A-Za-z0-9]+(?:[-'][A-Za-z0-9]+)*", re.ASCII)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
BANDS = {"low": (0.0, 0.67), "middle": (0.67, 1.5), "high": (1.5, float("inf"))}


class TextStatistics(NamedTuple):
    """Counts of texts.

    Attributes:
        messages: the number of messages, two per record.
        sentences: the number of sentences in them.
        frequencies: how often each word occurs, in lower case.
    """

    messages: int
    sentences: int
    frequencies: Counter[str]

    @property
    def words(self) -> int:
        """The number of words."""
        return self.frequencies.total()

    @property
    def average_length(self) -> float:
        """Words per message."""
        return self.words / self.messages if self.messages else 0.0

    def most_common(self, number: int) -> list[tuple[str, int]]:
        """Return the most frequent words that are not function words; those of equal frequency by name."""
        left_out = function_words()
        counted = [(word, count) for word, count in self.frequencies.items() if word not in left_out]
        return sorted(counted, key=lambda entry: (-entry[1], entry[0]))[:number]


@cache
def function_words() -> frozenset[str]:
    """Return the words that say nothing about an image, which frequencies leave out, as word clouds do."""
    return frozenset(read_yaml("data/analysis/function_words.yaml"))


def count_texts(data: Records, split: str) -> TextStatistics:
    """Count the texts of a split of a data set over the tasks of `all`, or over those beside it if it has no other.

    No image is read.
    """
    texts: Counter[str] = Counter()
    tasks = [task for task in data.tasks if data.has(task, split)]
    for task in [task for task in tasks if task in IN_ALL] or tasks:
        for batch in data.batches(task, split, ["messages"]):
            texts.update(_distinct(batch.column("messages")))
    return describe_texts(texts)


def describe_texts(texts: Counter[str]) -> TextStatistics:
    """Count words and sentences of texts without boxes and tags, each with the number of its occurrences."""
    frequencies: Counter[str] = Counter()
    sentences = 0
    for text, times in texts.items():
        for word in _WORD.findall(text.lower()):
            frequencies[word] += times
        sentences += times * sum(_WORD.search(part) is not None for part in _SENTENCE_END.split(text))
    return TextStatistics(texts.total(), sentences, frequencies)


def add_up(parts: Iterable[TextStatistics]) -> TextStatistics:
    """Return the statistics of several splits as one; of none, they are empty."""
    messages, sentences, frequencies = 0, 0, Counter[str]()
    for part in parts:
        messages += part.messages
        sentences += part.sentences
        frequencies.update(part.frequencies)
    return TextStatistics(messages, sentences, frequencies)


def _distinct(messages: pa.ListArray) -> Counter[str]:
    """Return the texts without boxes and tags, of which few differ, with the number of each."""
    contents = messages.flatten().field("content")
    counted = pc.value_counts(pc.replace_substring_regex(contents, _NO_WORDS, " "))
    return Counter(dict(zip(*(counted.field(name).to_pylist() for name in ("values", "counts")), strict=True)))


class Statistics(NamedTuple):
    """The statistics of a split, with the names of `dataset_card/paper/statistics.yaml`.

    Attributes:
        records: the number of records by task built, and of `all` if all of its tasks were.
        boxes: the number of targets by category; empty if no task with every target was built.
        aspect_ratio: mean, median and standard deviation of width over height; empty if there is no target.
        inverse_ratio: the same for height over width.
        by_category: for each category with targets, their number and the result of `describe_ratios`.
        shapes: the number of targets of each shape, which is that of the identification records that name it; empty if
            there is no target.
        texts: words and sentences of the records.
    """

    records: dict[str, int]
    boxes: dict[str, int]
    aspect_ratio: dict[str, float]
    inverse_ratio: dict[str, float]
    by_category: dict[str, dict[str, float]]
    shapes: dict[str, int]
    texts: TextStatistics


def compute_statistics(data: Records) -> dict[str, Statistics]:
    """Compute the statistics of every split of a data set; no image is read."""
    return {split: _compute(data, split) for split in SPLITS if split in data.splits()}


def describe_ratios(ratios: np.ndarray) -> dict[str, float]:
    """Return mean, median, standard deviation (dividing by N) and percentage in each band of N ratios."""
    shares = {
        band: 100 * float(np.mean((ratios > above) & (ratios <= up_to))) for band, (above, up_to) in BANDS.items()
    }
    return {
        "mean": float(ratios.mean()),
        "median": float(np.median(ratios)),
        "sd": float(ratios.std()),
        **shares,
    }


def _compute(data: Records, split: str) -> Statistics:
    records = {task: data.count(task, split) for task in TASKS if data.has(task, split)}
    if {*IN_ALL} <= {*data.tasks}:
        records[ALL] = sum(records.get(task, 0) for task in IN_ALL)
    targets, texts = read_targets(data, split), count_texts(data, split)
    if targets is None:
        return Statistics(records, {}, {}, {}, {}, {}, texts)
    ratios = targets.aspect_ratio
    by_category = {}
    for index, category in enumerate(data.info.names):
        chosen = ratios[targets.category == index]
        if len(chosen):
            by_category[category] = {"boxes": len(chosen), **describe_ratios(chosen)}
    counts = count_targets(targets, data.info.names)
    return Statistics(
        records,
        counts.boxes(),
        describe_ratios(ratios),
        describe_ratios(1 / ratios),
        by_category,
        dict(zip(SHAPES, counts.shapes.sum(axis=0).tolist(), strict=True)),
        texts,
    )
