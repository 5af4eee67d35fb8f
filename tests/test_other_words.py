"""The categories of eight corpora through the wordings and the metric: right answers score 100, wrong ones do not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from support import mostly_slow, slow

import sarchat_metric
from builders.corpus.info import known_corpus, known_names, parse_info
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.registry import generate_records
from builders.tasks.templating import Chooser

_FILE = Path(__file__).parent / "corpus/category_names.yaml"
NAMES = {corpus: text.split(", ") for corpus, text in yaml.safe_load(_FILE.read_text()).items()}
# Top left, centre and bottom right; the last two overlap, and share a category.
BOXES = (
    (10.0, 20.0, 130.0, 90.0),
    (230.0, 180.0, 290.0, 330.0),
    (260.0, 300.0, 500.0, 490.0),
    (300.0, 310.0, 470.0, 500.0),
)


def describe(corpus: str):
    """Describe a corpus by names alone, or where these cannot be said, with the words that are proposed for them."""
    if corpus != "HRSC2016":
        return parse_info({"name": corpus, "modality": "optical", "categories": NAMES[corpus]}, corpus)
    return draft(corpus)


def draft(corpus: str):
    pytest.importorskip("inflect")
    from builders.corpus.words import draft_categories

    drafted = draft_categories(dict.fromkeys(NAMES[corpus], 1))
    entries = [words.entry for words, _ in drafted]
    return parse_info({"name": corpus, "modality": "optical", "categories": json.loads(json.dumps(entries))}, corpus)


def records(info, seed: int):
    """Return questions and references: for each category an image with it, the next two, and again the last."""
    number = len(info.names)
    for category in range(number):
        labels = [category, (category + 1) % number, (category + 2) % number, (category + 2) % number]
        image = AnnotatedImage(
            category,
            f"{category:07d}.png",
            512,
            512,
            tuple(Target(*pair, True) for pair in zip(labels, BOXES, strict=True)),
        )
        for task in sarchat_metric.TASKS:
            for record in generate_records(task, "train", image, Chooser(seed, info)):
                yield record.question, {"task": task, "scenario": "multi", "answer": record.answer}


def check_gold(info, seed: int) -> None:
    references = [reference for _, reference in records(info, seed)]
    scores = sarchat_metric.score([one["answer"] for one in references], references, categories=info.words)
    # Half of the right answers are yes.
    assert scores.pop("presence/yes") == 50
    wrong = {key: value for key, value in scores.items() if isinstance(value, float) and value != 100}
    assert not wrong
    assert not any(scores["unparsed"].values()) and not any(scores["hedged"].values())


def test_there_are_203_names():
    assert sum(map(len, NAMES.values())) == 203


@pytest.mark.parametrize("seed", [0, *slow(*range(1, 8))])
# The names of HRSC2016 need inflect, whose import takes more than a second.
@pytest.mark.parametrize("corpus", [name for name in NAMES if name != "HRSC2016"] + slow("HRSC2016"))
def test_gold_scores_100(corpus, seed):
    check_gold(describe(corpus), seed)


@pytest.mark.parametrize("corpus", slow(*NAMES))
def test_gold_scores_100_in_proposed_words(corpus):
    check_gold(draft(corpus), 1)


@pytest.mark.parametrize("name", mostly_slow(known_names(), "dota-1.5", "fair1m", "hit-uav", "sar-aircraft-1.0"))
def test_gold_scores_100_in_the_words_of_known_corpora(name):
    check_gold(known_corpus(name), 2)


def test_two_sizes_do_not_follow_each_other():
    texts = [reference["answer"] for seed in range(3) for _, reference in records(known_corpus("dota-1.0"), seed)]
    sizes = [size for text in texts for size in re.findall(r"(\S+) (?:small|large) vehicle", text) if size != "the"]
    assert {"small-sized", "medium-sized"} <= set(sizes) and not {"small", "medium", "large"} & set(sizes)


@pytest.mark.parametrize("info", [*map(known_corpus, known_names())], ids=known_names())
def test_every_word_names_its_own_category_alone(info):
    for category in info.targets:
        for word in category.words[:-1]:
            assert info.vocabulary.tokens(word.lower()) == [("category", category.say)]
