"""A corpus as data: what is read back, what is refused, and records in other words than SARDet-100K's."""

import pickle
import re

import pytest

import sarchat_metric
from builders.core.errors import SARChatError
from builders.corpus.info import DEFAULT, known_corpus, parse_info
from builders.corpus.targets import AnnotatedImage, Target
from builders.tasks.registry import generate_records
from builders.tasks.templating import Chooser

WIND = {
    "name": "Wind",
    "modality": "infrared",
    "categories": [
        {"name": "windmill"},
        {"name": "oil rig", "article": "an", "also": ["platform"]},
        {"name": "people", "many": "people"},
    ],
}
TARGETS = (
    Target(0, (10.0, 10.0, 200.0, 200.0), True),
    Target(1, (250.0, 250.0, 400.0, 330.0), True),
    Target(1, (20.0, 400.0, 180.0, 500.0), True),
    Target(2, (420.0, 30.0, 500.0, 120.0), True),
)


def test_the_metric_reads_the_words_of_the_default_corpus():
    info = known_corpus(DEFAULT)
    assert info.names == sarchat_metric.CATEGORIES
    assert {word: info.names[label] for word, label in info.label_of.items()} == sarchat_metric.CATEGORY_OF
    assert info.words is None


def test_a_description_is_read_back():
    info = parse_info(WIND, "wind.yaml")
    assert parse_info(info.as_data(), "build.json") == info
    assert info.vocabulary.names == info.names
    assert pickle.loads(pickle.dumps(info)) == info


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"catgories": []}, "unknown key 'catgories' (did you mean 'categories'?)"),
        ({"modality": "infra-red"}, "modality is 'infra-red' (did you mean 'infrared'?)"),
        ({"categories": []}, "categories must be a list"),
        ({"categories": [{"many": "ships"}]}, "category 0: the key 'name' is missing"),
        ({"nouns": {"picture": "photo"}}, "nouns: unknown key 'picture'"),
        ({"categories": [{"name": "windmill", "also": "turbine"}]}, "category 0: also must be a list of words"),
        ({"categories": ["car", "ship", "Car"]}, "the category 'Car' is listed twice"),
    ],
)
def test_a_wrong_description_is_one_line(change, message):
    with pytest.raises(SARChatError, match=re.escape(message)):
        parse_info({**WIND, **change}, "wind.yaml")


@pytest.mark.parametrize("task", sarchat_metric.TASKS)
def test_records_are_in_the_words_of_their_corpus(task):
    image = AnnotatedImage(1, "0000001.png", 512, 512, TARGETS)
    texts = set()
    for seed in range(60):
        for record in generate_records(task, "train", image, Chooser(seed, parse_info(WIND, "wind.yaml"))):
            texts |= {record.question, record.answer}
    foreign = r"\b(?:SAR|radar|backscatter|speckled|ship|aircraft|peoples|a oil)\b"
    assert not any(re.search(foreign, text) for text in texts)
    assert any("windmill" in text for text in texts) and any("oil rig" in text for text in texts)
    assert all("{" not in re.sub(r"\{<\d+><\d+><\d+><\d+>\}", "", text) for text in texts)
