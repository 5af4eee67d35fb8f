"""The categories of any corpus: names of several words and with digits, the longest first, and what is refused."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import sarchat_metric
from sarchat_metric import (
    CATEGORIES,
    CATEGORY_OF,
    SARChatMetric,
    Vocabulary,
    read_answer,
    score,
    score_record,
    vocabulary,
)

BOX = "{<10><10><50><50>}"
# Names as real corpora have them.
NAMES = [
    *("A320/321", "Boeing 737", "other", "small-vehicle", "large-vehicle", "storage_tank", "tank", "tank car", "car"),
    *(
        "Expressway-Service-area",
        "Expressway-toll-station",
        "Ground_Track_Field",
        "Truck w/Box",
        "Truck w/Flatbed",
        "two-seater",
    ),
    *("ship", "ship shed", "bridge", "overpass", "tennis court", "ore-oil", "Truck"),
]
MIXED = [*NAMES, {"name": "people", "many": "people"}, {"name": "Fishing", "say": "fishing ship", "also": ["trawler"]}]


def named(text, categories=MIXED):
    return read_answer(text, "classification", categories)["categories"]


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("an A320/321 and a Boeing 737", ["A320/321", "Boeing 737"]),
        ("two Boeing 737s, a BOEING-737", ["Boeing 737"]),
        ("a small vehicle, a large vehicle, small-vehicles, a large_vehicle", ["small-vehicle", "large-vehicle"]),
        ("a storage tank; storage_tanks", ["storage_tank"]),
        ("a tank car", ["tank car"]),
        ("tank cars", ["tank car"]),
        ("a tank, a car", ["tank", "car"]),
        ("a tank beside a tank car", ["tank", "tank car"]),
        ("ship sheds", ["ship shed"]),
        ("an expressway service area", ["Expressway-Service-area"]),
        ("an expressway", []),
        ("a truck w/box and a truck", ["Truck w/Box", "Truck"]),
        ("people; a crowd", ["people"]),
        ("a fishing ship; trawlers", ["Fishing"]),
        ("no tank car but a tank", ["tank"]),
        ("no small vehicles, Boeing 737s or tank cars", []),
        ("A320", []),
    ],
)
def test_names_of_several_words_and_with_digits(text, categories):
    assert named(text) == categories


def test_an_ignored_name_means_nothing_and_neither_do_names_within_it():
    categories = ["ship", "tank", {"name": "tank car", "ignore": True}, {"name": "DontCare: 5", "ignore": True}]
    assert vocabulary(categories).names == ("ship", "tank")
    assert named("a tank car, tank-cars and a ship", categories) == ["ship"]
    assert named("a tank beside a tank car", categories) == ["tank"]
    assert read_answer("DontCare: 5, ships: 3", "counting", categories)["count"] == 3
    # A name that no answer can hold is no fault where it is ignored.
    assert named("ship", ["ship", {"name": "St. John", "ignore": True}]) == ["ship"]


def test_size_words_within_a_name_are_no_size():
    read = read_answer("This is a medium small vehicle in the top left.", "identification", MIXED)
    assert (read["category"], read["size"], read["cell"]) == ("small-vehicle", "medium", "top left")
    read = read_answer("a very small small vehicle", "identification", MIXED)
    assert (read["category"], read["size"]) == ("small-vehicle", "very small")
    assert read_answer("a very small vehicle", "identification", MIXED)["category"] == "small-vehicle"
    read = read_answer("a small vehicle or an A320/321", "identification", MIXED)
    assert (read["category"], read["hedged"]) == (None, True)
    assert read_answer("an A320/321", "identification", MIXED)["hedged"] is False


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The Boeing 737: 4 of them", 4),
        ("Boeing-737s are there: 4", 4),
        ("There are 2 A320/321", 2),
        ("A320/321s: three", 3),
        ("A320/321", None),
        ("737 of them", 737),
        ("Two-seaters: there are 4", 4),
        ("two of them", 2),
        (f"Boeing 737 {BOX}{BOX}", 2),
    ],
)
def test_digits_within_a_name_are_no_count(text, count):
    assert read_answer(text, "counting", MIXED)["count"] == count


letters = st.text("abcdefghij", min_size=1, max_size=3)
nouns = st.lists(st.one_of(letters, st.integers(0, 99).map(str)), min_size=1, max_size=3).map(" ".join)
names = st.lists(nouns, min_size=1, max_size=6, unique=True)
# None of these is a word with a meaning, a number or a negation.
SAFE = re.compile(r"[b-j]")


@given(names, st.data())
def test_of_overlapping_names_the_longest_is_read(names, data):
    plurals = {f"{name}s" for name in names}
    assume(all(SAFE.search(name) for name in names) and not plurals & {*names})
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=5))
    # By brute force: from the left, the longest name that stands there.
    assert named(", ".join(chosen), names) == list(dict.fromkeys(chosen))
    words = " ".join(chosen).split()
    expected, place = [], 0
    while place < len(words):
        here = [name for name in {*names, *plurals} if words[place : place + len(name.split())] == name.split()]
        name = max(here, key=len, default=None)
        expected += [name.removesuffix("s") if name in plurals else name] if name else []
        place += len(name.split()) if name else 1
    assert named(" ".join(words), names) == list(dict.fromkeys(expected))


@given(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(["{}", "{}s", "many {}s"]))
def test_gold_in_any_words_scores_100(one, other, form):
    one, other = (name.replace("-", " ").replace("_", " ") for name in (one, other))
    assume(one != other)
    golds = {
        "classification": f"The image shows {form.format(one)} and {form.format(other)}.",
        "description": f"A small {one} lies in the top left, and a large {other} in the center.",
        "counting": f"There are 3 instances. {BOX}",
        "grounding": f"There is a {one} in the top left {BOX}. There is a {other} in the center {{<60><60><90><90>}}.",
        "identification": f"This is a very large {one} to the left of the {other} and near it.",
        "referring": f"{BOX} (top left)",
    }
    references = [{"task": task, "scenario": "multi", "answer": gold} for task, gold in golds.items()]
    results = score(list(golds.values()), references, categories=MIXED)
    assert {value for value in results.values() if isinstance(value, float)} == {100.0}
    assert set(results["hedged"].values()) == {0}


def test_the_same_list_is_compiled_once_and_the_default_is_sardet_100k():
    assert vocabulary(MIXED) is vocabulary([*MIXED]) is vocabulary(vocabulary(MIXED))
    assert vocabulary(None) is vocabulary() is not vocabulary(MIXED)
    assert vocabulary().names == CATEGORIES and vocabulary().category_of == CATEGORY_OF
    assert {CATEGORY_OF[word] for word in ("vessels", "jets", "seaport", "automobile")} == {*CATEGORIES} - {
        "tank",
        "bridge",
    }


def test_every_function_takes_the_categories(tmp_path):
    reference = {"task": "classification", "scenario": "single", "answer": "a tank car"}
    for categories in (MIXED, tuple(MIXED), Vocabulary(MIXED)):
        assert score(["a tank car"], [reference], categories=categories)["overall"] == 100
        assert score(["a tank and a car"], [reference], categories=categories)["overall"] == 0
        assert score_record("a tank car", reference, categories).accuracies == {"classification/accuracy": 100}
        assert sarchat_metric.tally(["a tank car"], [reference], categories).parsed.all()
    assert score(["a tank car"], [reference])["overall"] == 100  # tank and car, of the default's categories
    metric = SARChatMetric(cache_dir=str(tmp_path))
    assert metric.compute(predictions=["a car"], references=[reference], categories=MIXED)["overall"] == 0
    assert metric.compute(predictions=["a car"], references=[reference])["overall"] == 50


def test_a_description_of_a_corpus_is_taken_as_it_is():
    entry = {"name": "oil rig", "many": "oil rigs", "article": "an", "also": ("platform",), "group": "sea"}
    assert named("platforms, an oil rig", [entry, "buoy"]) == ["oil rig"]


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([], "categories is empty"),
        ("ship", "categories must be a list, got str"),
        ({"ship": {}}, "categories must be a list, got dict"),
        ([3], "a category must be a name or a dict with 'name', got 3"),
        ([{"many": "ships"}], "a category must be a name or a dict with 'name', got {'many'"),
        ([{"name": "ship", "plural": "ships"}], "category 'ship' has unknown keys ['plural']; known are ['also'"),
        ([{"name": "ship", "also": "vessel"}], "category 'ship': say and many must be strings, and also a list"),
        ([{"name": "ship", "many": 3}], "category 'ship': say and many must be strings"),
        (["ship", "Ship"], "categories 'ship' and 'Ship' are both called 'ship'"),
        ([{"name": "ship", "many": "boats"}, "boats"], "categories 'ship' and 'boats' are both called 'boats'"),
        (["ship", "--"], "no answer can name '--'"),
        (["St. John"], "no answer can name 'St. John'"),
        ([{"name": "ship", "also": [object]}], "categories must be plain data"),
    ],
)
def test_wrong_categories_are_named(categories, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        vocabulary(categories)


def test_odd_names_stay_in_linear_time_and_read_themselves():
    long = " ".join(["tank"] * 50)
    assert named(f"{long} {long}", [long, "tank"]) == [long]
    assert named("a " + "tank " * 5_000, [long, "tank"]) == [long]
    assert named("鸟 and a c++", ["鸟", "c++"]) == ["鸟", "c++"]
