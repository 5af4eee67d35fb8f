"""Whatever a model answers is scored, in time that grows no faster than the answer."""

import math
import random
import time

import pytest
from support import slow

from sarchat_metric import score, score_record

BOX = "{<10><10><50><50>}"
GOLD = {
    "classification": "The image shows a ship.",
    "description": "A small ship lies in the top left.",
    "counting": f"There are 2 instances. {BOX}{{<60><60><90><90>}}",
    "grounding": f"There are 2 ships: one in the top left {BOX}, another in the middle center {{<60><60><90><90>}}.",
    "identification": "This is a very small ship in the top left of the image, wide in shape.",
    "referring": f"{BOX} (top left){{<60><60><90><90>}} (middle center)",
}
UNREADABLE = {
    "empty": "",
    "blank": " \n\t ",
    "refusal": "I'm sorry, but I can't help with that.",
    "brackets": "<" * 200_000,
    "braces": "{<" * 100_000,
    "nul": "\x00" * 1000,
    "surrogate": "\ud800\udfff",
    "chinese": "图像中有三艘船和一架飞机。",
    "arabic": "توجد ٣ سفن في أعلى اليسار {<١><٢><٣><٤>}",  # noqa: RUF001
    "emoji": "🚢" * 1000,
    "newlines": "\r\n" * 1000,
    "only reasoning": "<think>There is 1 ship in the top left " + BOX,
}
READABLE = {
    "long number": f"{'9' * 30} ships top left {{<{'9' * 30}><0><{'9' * 31}><1>}}",
    "thousands": f"{'9' * 3}{',999' * 2000} ships top left {{<0><0><1><1>}}",
    "very long number": f"{'9' * 5000} ships top left {{<{'9' * 5000}><0><{'9' * 5001}><1>}}",
    "no number": f"ship top left {{<-{'9' * 5000}><-{'9' * 5000}><{'9' * 5000}><{'9' * 5000}>}}",
    "inverted": "1 ship top left {<50><50><10><10>}",
    "tiny": f"1 ship top left {{<0><0><.{'0' * 200}1><.{'0' * 200}1>}}",
    "nul inside": f"a\x00ship\x00 2\x00 top left\x00{BOX}\x00",
    "many words": "ship top left " * 10_000 + BOX,
}


def reference(task, answer=None):
    return {"task": task, "scenario": "multi", "answer": answer or GOLD[task]}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_answers_score_0_and_are_counted(text):
    results = score([text] * len(GOLD), [reference(task) for task in GOLD])
    assert results.pop("n") == results.pop("unparsed") == dict.fromkeys(GOLD, 1)
    assert results.pop("hedged") == dict.fromkeys(GOLD, 0)
    assert set(results.values()) == {0.0}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_odd_answers_score_between_0_and_100(text):
    results = score([text] * len(GOLD), [reference(task) for task in GOLD])
    assert results.pop("n") == dict.fromkeys(GOLD, 1)
    assert results.pop("unparsed") == results.pop("hedged") == dict.fromkeys(GOLD, 0)
    assert all(0 <= value <= 100 for value in results.values())  # false for nan
    assert results["classification"] == 100


@pytest.mark.parametrize("seed", range(20))
def test_noise_never_raises(seed):
    rng = random.Random(seed)
    words = "{ < > } - . 9 12 ship to the left of very top hundred a no not n't or , 3,000 but tank / : absent".split()
    text = "".join(rng.choices([*words, " ", "\n", "\x00", "é", "٣", "\u202f", "\u2019", "\ud800", BOX], k=2000))
    for task in GOLD:
        record = score_record(text, reference(task))
        assert all(math.isfinite(value) for value in record.accuracies.values())


@pytest.mark.parametrize("task", ["counting", *slow("grounding", "referring")])
def test_a_box_repeated_counts_each_time(task):
    text = ("ship top left " if task == "grounding" else "") + BOX * 20_000
    record = score_record(text, reference(task))
    assert {counts for key, counts in record.counts.items() if "iou" in key} == {(1, 19_999, 1)}


REPEATED = {
    "open": "<",
    "brace": "{",
    "box start": "{<1",
    "half box": "{<1><2><3>",
    "long half box": "{<1><2><3>" + " " * 50,
    "spaces": " ",
    "digits": "1",
    "dots": "1.",
    "dashes": "-",
    "to the": "to the ",
    "to": "to  ",
    "very": "very ",
    "top": "top ",
    "twenty": "twenty ",
    "hundred": "one hundred and ",
    "no": "no ",
    "not": "not one, ",
    "isn't": "isn't ",
    "or": "ship or ",
    "list": "ship, ",
    "numbers": "1, ",
    "or numbers": "1 or",
    "thousands": "1,000,",
    "gap": "1  ,  ",
    "cells": "left ",
    "categories": "ship ",
    "sentences": "ship.",
    "phrases": "a ship in the top left ",
    "boxes": BOX,
    "letters": "a",
    "script": "船",
    "thinking": "<think>",
    "thought": "</think>{<",
}


def seconds(text):
    """The CPU time of one run over all tasks."""
    start = time.process_time()
    for task in GOLD:
        score_record(text, reference(task))
    return time.process_time() - start


@pytest.mark.slow
@pytest.mark.parametrize("opening", ["", "{<1><1", "{<", "top", "one hundred", "not a ", "no ship "])
def test_time_grows_with_length_and_not_with_its_square(opening):
    slow_bits = []
    for name, bit in REPEATED.items():
        # 16 times the text: 16 times the time, where a quadratic reader takes 256 times
        short, long = (opening + bit * (size // len(bit)) for size in (2_000, 32_000))
        limit = 64 * min(seconds(short) for _ in range(3)) + 0.05
        # Three tries, since other work on the machine can only slow one down.
        if not any(seconds(long) < limit for _ in range(3)):
            slow_bits.append(name)
    assert slow_bits == []


@pytest.mark.slow
def test_many_boxes_against_many():
    rng = random.Random(0)

    def some(number):
        places = [(rng.randrange(400), rng.randrange(400)) for _ in range(number)]
        return "".join(f"{{<{x}><{y}><{x + 40}><{y + 40}>}}" for x, y in places)

    record = score_record(some(20_000), reference("referring", some(100)))
    tp, fp, fn = record.counts["referring/multi/iou@0.5"]
    assert (tp + fp, tp + fn) == (20_000, 100)
