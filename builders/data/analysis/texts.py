"""Words and sentences of the records' texts.

The counting rule: a box `{<x1><y1><x2><y2>}` and a tag such as `[count]` are not words. A word is a run of ASCII
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

import pyarrow as pa
import pyarrow.compute as pc

from builders.core.resources import read_yaml
from builders.core.schema import IN_ALL
from builders.data.records import Records

# For Arrow's engine, RE2.
_NO_WORDS = r"\{<[^{}]*\}|^\[[a-z]+\]"
_WORD = re.compile(r"[A-Za-z0-9]+(?:[-'][A-Za-z0-9]+)*", re.ASCII)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


class TextStatistics(NamedTuple):
    """Counts of texts.

    Attributes:
        messages: the number of messages, two per record.
        words: the number of words in them.
        sentences: the number of sentences in them.
        frequencies: how often each word occurs, in lower case.
    """

    messages: int
    words: int
    sentences: int
    frequencies: Counter[str]

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
    return TextStatistics(texts.total(), frequencies.total(), sentences, frequencies)


def add_up(parts: Iterable[TextStatistics]) -> TextStatistics:
    """Return the statistics of several splits as one."""
    listed = list(parts)
    frequencies: Counter[str] = Counter()
    for part in listed:
        frequencies.update(part.frequencies)
    return TextStatistics(
        messages=sum(part.messages for part in listed),
        words=sum(part.words for part in listed),
        sentences=sum(part.sentences for part in listed),
        frequencies=frequencies,
    )


def _distinct(messages: pa.ListArray) -> Counter[str]:
    """Return the texts without boxes and tags, of which few differ, with the number of each."""
    contents = messages.flatten().field("content")
    counted = pc.value_counts(pc.replace_substring_regex(contents, _NO_WORDS, " "))
    return Counter(dict(zip(*(counted.field(name).to_pylist() for name in ("values", "counts")), strict=True)))
