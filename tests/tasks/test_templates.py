"""The wordings: enough of them, well formed, and with nothing in them that belongs in a placeholder."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib.resources import files
from string import Formatter

import pytest
import yaml
from corpora import Picture, live_records, random_corpus, write_corpus
from oracle import NAMES, TAGS, TASKS

from builders.corpus.info import DEFAULT, known_corpus

KEYS = {
    "classification": {"tag", "questions", "answers"},
    "description": {"tag", "questions", "answers", "phrases"},
    "counting": {"tag", "questions", "answer"},
    "grounding": {
        *("tag", "questions", "openings", "singles", "several", "places", "relations", "concentric"),
    },
    "identification": {"tag", "target", "pair", "orientation"},
    "referring": {"tag", "questions", "answer"},
    "presence": {"tag", "questions", "answers"},
}
# The placeholders that a list of wordings must use, and those that it may.
PLACEHOLDERS = {
    "classification/questions": ({"candidates"}, set()),
    "classification/answers": ({"categories"}, set()),
    "description/questions": (set(), set()),
    "description/answers": ({"targets"}, set()),
    "description/phrases": ({"target", "cell"}, set()),
    "counting/questions": (set(), {"one", "many", "a"}),
    "grounding/questions": (set(), set()),
    "grounding/openings": (set(), set()),
    "grounding/singles": ({"cell", "box"}, {"a", "A"}),
    "grounding/several": ({"n", "many", "places"}, set()),
    "grounding/relations": ({"first", "second", "proximity", "direction"}, set()),
    "grounding/concentric": ({"first", "second", "proximity"}, set()),
    "identification/target/questions": ({"box"}, set()),
    "identification/target/answers": ({"size", "category", "shape", "cell"}, set()),
    "identification/pair/questions": ({"box", "other_box"}, set()),
    "identification/pair/answers": ({"size", "category", "other", "direction", "proximity"}, set()),
    "identification/pair/concentric": ({"size", "category", "other", "proximity"}, set()),
    "identification/orientation": ({"orientation"}, set()),
    "referring/questions": (set(), {"one", "many", "a"}),
    "presence/questions": ({"cell"}, {"one", "many", "a"}),
    "presence/answers": ({"cell"}, {"one", "many", "a"}),
}
LEAST = {
    "classification/questions": 20,
    "classification/answers": 20,
    "counting/questions": 15,
    "grounding/questions": 15,
    "identification/target/questions": 20,
    "identification/target/answers": 20,
    "identification/pair/questions": 20,
    "identification/pair/answers": 20,
    "referring/questions": 30,
    "presence/questions": 20,
    "presence/answers": 20,
}
# No sentences: a phrase stands inside one.
PHRASES = "description/phrases"
RESERVED = {
    "a category": r"ships?|vessels?|boats?|aircrafts?|airplanes?|planes?|cars?|vehicles?|automobiles?|tanks?|bridges?"
    r"|harbou?rs?|ports?",
    "a cell": r"left|right|cent(?:er|re)|central|middle|top|bottom|upper|lower|corner",
    "a size": r"small|medium|large",
    "a shape": r"wide|tall|square",
    "a direction or distance": r"above|below|near|far|north|south|east|west",
    "a number": r"\d+|zero|two|three|four|five|six|seven|eight|nine|ten",
}


@cache
def load(task: str) -> dict:
    text = files("builders").joinpath(f"tasks/{task}.yaml").read_text(encoding="utf-8")
    for noun, name in known_corpus(DEFAULT).nouns:
        text = text.replace(f"{{{noun}}}", name)
    templates = yaml.safe_load(text)
    del templates["about"]
    return templates


def wordings(path: str) -> list:
    found = load(path.split("/")[0])
    for key in path.split("/")[1:]:
        found = found[key]
    return found


def texts(path: str) -> list[str]:
    """Return each form of each wording."""
    listed = wordings(path)
    return [text for entry in listed for text in (entry.values() if isinstance(entry, dict) else [entry])]


def placeholders(text: str) -> Counter:
    return Counter(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("task", TASKS)
def test_template_file_has_its_keys_and_tag(task):
    templates = load(task)
    assert set(templates) == KEYS[task]
    assert templates["tag"] == (TAGS[task].strip() if task in TAGS else None)
    if task == "identification":
        assert set(templates["target"]) == {"questions", "answers"}
        assert set(templates["pair"]) == {"questions", "answers", "concentric"}


@pytest.mark.parametrize("path", LEAST)
def test_there_are_enough_wordings(path):
    assert len(wordings(path)) >= LEAST[path]


def test_there_are_enough_wordings_of_descriptions():
    assert len(wordings("description/questions")) + len(wordings("description/answers")) >= 40


@pytest.mark.parametrize("path", PLACEHOLDERS)
def test_wordings_differ(path):
    plain = [re.sub(r"\W+", " ", text).casefold().strip() for text in texts(path)]
    entries = [repr(entry) for entry in wordings(path)]
    assert len(set(entries)) == len(entries)
    # Within an entry both forms may read the same; two entries may not.
    owners = {}
    for entry in wordings(path):
        for text in {*entry.values()} if isinstance(entry, dict) else [entry]:
            assert owners.setdefault(re.sub(r"\W+", " ", text).casefold(), repr(entry)) == repr(entry)
    assert all(plain)


@pytest.mark.parametrize("path", PLACEHOLDERS)
def test_placeholders_are_known_and_none_is_lacking(path):
    needed, allowed = PLACEHOLDERS[path]
    for text in texts(path):
        used = placeholders(text)
        assert needed <= set(used) <= needed | allowed, text
        assert set(used.values()) <= {1}, text


@pytest.mark.parametrize("path", PLACEHOLDERS)
def test_forms_are_one_and_many(path):
    for entry in wordings(path):
        assert isinstance(entry, str) or set(entry) == ({"yes", "no"} if "presence" in path else {"one", "many"})


@pytest.mark.parametrize("path", ["counting/questions", "referring/questions"])
def test_question_names_the_category_once_and_has_one_form(path):
    for text in wordings(path):
        assert isinstance(text, str)
        assert len(placeholders(text)) == 1, text


@pytest.mark.parametrize("path", PLACEHOLDERS)
@pytest.mark.parametrize("kind", RESERVED)
def test_nothing_stands_outside_its_placeholder(path, kind):
    for text in texts(path):
        fixed = "".join(literal + "_" for literal, *_ in Formatter().parse(text))
        assert not re.search(rf"\b(?:{RESERVED[kind]})\b", fixed, re.IGNORECASE), text
        assert not set("[]<>") & set(fixed), text


@pytest.mark.parametrize("path", [path for path in PLACEHOLDERS if path != PHRASES])
def test_wordings_are_sentences(path):
    for text in texts(path):
        assert re.match(r"[A-Z]|\{a\}|\{A\}", text), text
        assert text[-1] in ".?:", text
        assert not re.search(r"\s\s|^\s|\s$|\s[.,;:?!]|[.?!][A-Za-z]", text), text
        assert text[-1] == "?" or not re.match(r"(What|Where|Which|How|Who|In which|Can)\b", text) or "." in text, text


def test_identification_names_the_asked_box_size_and_category_first():
    for text in texts("identification/pair/questions"):
        assert text.index("{box}") < text.index("{other_box}")
    for kind in ("target/answers", "pair/answers", "pair/concentric"):
        for text in texts(f"identification/{kind}"):
            assert "{size} {category}" in text
            assert text.index("{category}") < min(text.find(f"{{{name}}}") % 10_000 for name in ("other", "direction"))


def test_relation_leads_from_the_first_to_the_second():
    for text in texts("grounding/relations") + texts("grounding/concentric"):
        assert text.index("{first}") < text.index("{second}")


def test_answers_of_counting_and_referring_are_as_defined():
    assert load("counting")["answer"] == {
        "one": "There is {n} instance. {boxes}",
        "many": "There are {n} instances. {boxes}",
    }
    assert load("referring")["answer"] == "{box} ({cell})"


def test_words_cover_categories_directions_and_shapes():
    info = known_corpus(DEFAULT)
    assert info.names == tuple(NAMES)
    assert info.plurals == tuple(name if name == "aircraft" else f"{name}s" for name in NAMES)
    assert info.with_article == tuple(f"an {name}" if name == "aircraft" else f"a {name}" for name in NAMES)
    words = yaml.safe_load(files("builders").joinpath("tasks/words.yaml").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"above|below|to the .+ of", phrase) for phrase in words["directions"].values())
    assert len(set(words["directions"].values())) == 8
    shapes = {"wide": "wide", "square": "approximately square", "tall": "tall", "elongated": "elongated"}
    assert words["shapes"] == shapes
    assert len(set(words["orientations"].values())) == 4


COUNTABLE = "(?:ship|car|tank|bridge|harbor)"
WRONG = {
    "an article": r"\ban (?![aeioAEIO]|SAR)\w|\b[Aa] [aeio]\w*",
    "one of many": rf"\b(?:1|one|single|every|each|another|an?|small|medium) {COUNTABLE}s\b",
    "many of one": rf"\b(?:0|[2-9]|\d\d+|many|several|all|both) {COUNTABLE}\b",
    "many that is": rf"\b{COUNTABLE}s (?:is|does|lies|occurs)\b",
    "one that are": rf"\b(?:1|a|the) {COUNTABLE} are\b",
    "verb and number": rf"\b(?:Where|There|What) are (?:the )?(?:1 |{COUNTABLE}\b)"
    rf"|\b(?:Where|There) is (?:the )?(?:[02-9]|\d\d|{COUNTABLE}s\b)",
    "a word twice": r"\b(\w+) \1\b",
    "a mark twice": r"[.,:;?]\s*[.,:;?]|\(\)|\s[.,:;?]",
    "a small letter": r"[.?] (?!ship, aircraft, car)[a-z]",
    "a placeholder": r"\{[a-zA-Z_]*\}",
    "a None": r"\bNone\b",
}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> list[str]:
    """Everything that is said about corpora in which each category occurs alone, twice, and with others."""
    pictures = []
    for index in range(72):
        name, other = NAMES[index % 6], NAMES[(index // 6 + 1) % 6]
        boxes = [(name, 20, 20, 120, 90), (name, 150, 120, 100, 130), (other, 180, 10, 70, 70)][: 1 + index % 3]
        pictures.append(Picture(f"{index:07d}.bmp", 256, 256, boxes))
    folder = tmp_path_factory.mktemp("spoken")
    corpora = [write_corpus(folder / "plain", {"train": pictures}), random_corpus(folder / "random", 5, number=24)]
    return [
        message["content"]
        for corpus in corpora
        for seed in range(3)
        for record in live_records(corpus, "train", TASKS, seed)
        for message in record["messages"]
    ]


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_said_is_free_of(spoken, fault):
    found = {match[0]: text for text in spoken if (match := re.search(WRONG[fault], text))}
    assert not found


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("an article", "There is a aircraft."),
        ("an article", "An ship lies there.".lower()),
        ("one of many", "Find 1 ships."),
        ("many of one", "Locate 3 ship."),
        ("many that is", "The cars is there."),
        ("one that are", "In which area the ship are."),
        ("verb and number", "Where are the ship?"),
        ("verb and number", "There is 2 ships."),
    ],
)
def test_faults_are_seen(fault, text):
    assert re.search(WRONG[fault], text)
