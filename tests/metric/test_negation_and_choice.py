"""Negated clauses name nothing, and a choice is no answer to a question for one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarchat_metric import CATEGORIES, CATEGORY_OF, read_answer, score, score_record

BOX = "{<10><10><50><50>}"
GOLD = {
    "classification": "The image shows CATEGORY.",
    "description": "A small CATEGORY lies in the top left.",
    "counting": f"There is 1 instance. {BOX}",
    "grounding": f"There is a CATEGORY in the top left {BOX}.",
    "identification": "This is a very small CATEGORY in the top left of the image, wide in shape.",
    "referring": f"{BOX} (top left)",
}
# As instruction-tuned models word them.
REFUSALS = {
    "sorry": "I'm sorry, I cannot identify any ship, aircraft, car, tank, bridge or harbor in this image.",
    "unable": (
        "Unfortunately, I am unable to determine whether there is a ship, an aircraft, a car, a tank, a bridge, or a "
        "harbor, as no image has been provided."
    ),
    "no ability": (
        "As an AI language model, I don\u2019t have the ability to view images, so I can\u2019t tell you the number of "
        "ships, aircraft, cars, tanks, bridges, or harbors."
    ),
    "negative finding": (
        "After careful analysis, there are no ships, aircraft, cars, tanks, bridges or harbors visible in this radar "
        "image."
    ),
    "neither": (
        "The scene contains neither ships nor aircraft, nor any cars, tanks, bridges, or harbors. It appears to be "
        "open water."
    ),
    "list": (
        "- Ship: No\n- **Aircraft**: no\n- Cars: not visible\n- Tanks: none\n- Bridge: absent\n"
        "- Harbors are not present in the image."
    ),
    "quality": (
        "The image's quality isn't sufficient to distinguish any of the six categories (ship, aircraft, car, tank, "
        "bridge, harbor) with confidence."
    ),
    "none of them": "None of the listed categories - ship, aircraft, car, tank, bridge, harbor - can be seen here.",
}
NOUNS = sorted(CATEGORY_OF)
ENDINGS = ["but a {}", "except {}", "only a {}", "however a {}", ", it is a {}"]
nouns = st.lists(st.sampled_from(NOUNS), min_size=1, max_size=6)


def named(text):
    return read_answer(text, "classification")["categories"]


def categories(words):
    return list(dict.fromkeys(CATEGORY_OF[word] for word in words))


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("text", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_scores_0_everywhere(text, category):
    references = [
        {"task": task, "scenario": "single", "answer": gold.replace("CATEGORY", category)}
        for task, gold in GOLD.items()
    ]
    results = score([text] * len(GOLD), references)
    assert {value for value in results.values() if isinstance(value, float)} == {0.0}
    assert set(results["hedged"].values()) == {0}
    assert all(results["unparsed"][task] for task in GOLD if task != "counting")  # "no ships" is the number 0


NEGATED = [
    "There is no {}.",
    "There are no {} in the image",
    "I cannot identify any {} here",
    "I can't see {}.",
    "This isn't a {}",
    "It doesn\u2019t show any {}",
    "an area without {}",
    "It has never been a {}",
    "I see nothing like {}",
    "It is impossible to find a {}",
    "the absence of {}",
    "{} are not visible",
    "The {} cannot be seen",
    "The {} is absent",
    "{}: no",
]


@given(nouns, st.sampled_from(NEGATED), st.sampled_from([", ", " or ", " and ", ", a "]))
def test_a_negated_list_names_nothing(words, sentence, between):
    text = sentence.format(between.join(words))
    assert named(text) == []
    assert read_answer(text, "identification")["category"] is None
    # A sentence stands for itself, whatever is negated before or after it.
    assert named(f"{text}. It shows a ship. {text}") == ["ship"]
    assert named(f"{text}\nship") == ["ship"]


@given(nouns, st.sampled_from(NOUNS), st.sampled_from(ENDINGS))
def test_some_words_end_a_negation(words, other, rest):
    text = f"not {', '.join(words)} {rest.format(other)}"
    assert named(text) == [CATEGORY_OF[other]]
    assert read_answer(text, "identification")["category"] == CATEGORY_OF[other]


@given(st.text(), st.text(), st.sampled_from(NOUNS))
def test_a_sentence_without_negation_names_its_category_whatever_stands_around_it(before, after, word):
    assert CATEGORY_OF[word] in named(f"{before}. This is a {word}. {after}")


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("Not only ships but also tanks", ["ship", "tank"]),
        ("There is not one but three ships", ["ship"]),
        ("not a ship but a tank", ["tank"]),
        ("neither ships nor tanks, but cars", ["car"]),
        ("No category other than ship appears here.", ["ship"]),
        ("There is no other target than a ship", ["ship"]),
        ("nothing but a ship", ["ship"]),
        ("no targets apart from a ship", ["ship"]),
        ("No doubt this is a ship", ["ship"]),
        ("No, this is a ship", ["ship"]),
        ("No, ships.", ["ship"]),
        ("a ship, not a tank", ["ship"]),
        ("a ship rather than a tank", ["ship"]),
        ("instead of a ship, I see a tank", ["tank"]),
        ("There are no ships and 2 tanks", ["tank"]),
        ("There isn't a car and there is a tank", ["tank"]),
        ("There is no ship. There is a tank", ["tank"]),
        (f"no ship {BOX} tank", ["tank"]),
        ("Ship: no, aircraft: yes, **Car**: no", ["aircraft"]),
        ("| ship | no | tank | yes |", ["tank"]),
        ("Ships: 0, aircraft: 2, tanks: zero", ["aircraft"]),
        ("0 ships and 2 tanks; zero cars", ["tank"]),
        ("The image lacks ships.", []),
        ("A ship is visible, but tanks are not present", ["ship"]),
        ("a ship that is not moving", ["ship"]),
        ("a ship whose type cannot be seen", ["ship"]),
        ("a non-ship target", []),
        ("Target No.3 is a ship", ["ship"]),
        ("CANNOT SEE A SHIP", []),
        ("a knot, a ship", ["ship"]),
    ],
)
def test_what_a_negation_covers(text, categories):
    assert named(text) == categories


def test_phrases_and_boxes_of_a_negated_clause():
    text = f"There is no ship in the top left. A tank lies in the center {BOX}."
    assert read_answer(text, "description")["phrases"] == [("tank", "middle center")]
    assert read_answer(text, "grounding")["labels"] == ["tank"]


@given(
    st.sampled_from(NOUNS), st.sampled_from(NOUNS), st.sampled_from([" or ", " or a small ", "/", ", or possibly an "])
)
def test_a_choice_of_two_categories_is_no_identification(one, other, between):
    text = f"This is a very small {one}{between}{other}, wide in shape."
    read = read_answer(text, "identification")
    if CATEGORY_OF[one] == CATEGORY_OF[other]:
        assert (read["category"], read["hedged"]) == (CATEGORY_OF[one], False)
    else:
        assert (read["category"], read["hedged"], read["size"]) == (None, True, "very small")
    # A set of categories pays for each wrong one, so that a choice needs no rule of its own.
    assert named(text) == categories([one, other])


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("either a ship or a tank", None),
        ("a ship, a tank, or a car", None),
        ("**ship** or **tank**", None),
        ("ship or tank. It is a ship", None),
        ("not a ship or a tank but a car", "car"),
        ("a ship and a tank or a car", "ship"),
        ("a ship near or above the tank", "ship"),
        ("a ship. Or a tank", "ship"),
        ("a ship, close to a tank or car", "ship"),
    ],
)
def test_what_a_choice_is(text, category):
    read = read_answer(text, "identification")
    assert (read["category"], read["hedged"]) == (category, category is None)


number = st.integers(1, 2000)
WORDS = ["one", "two", "three", "nineteen", "twenty-one"]


@given(st.integers(0, 10**12))
def test_thousands_may_be_separated(value):
    assert read_answer(f"There are {value:,} ships.", "counting")["count"] == value


@given(
    st.one_of(number.map("{:,}".format), number.map(str), st.sampled_from(WORDS)),
    st.one_of(number.map(str), st.sampled_from(WORDS)),
    st.sampled_from(
        [
            "{}-{}",
            "{} \u2013 {}",
            "{} to {}",
            "{} or {}",
            "{}, 4 or {}",
            "{} (or {})",
            "{} or maybe {}",
            "{} ships or {}",
        ]
    ),
)
def test_a_range_or_a_choice_of_numbers_is_no_count(one, other, form):
    for text in (f"There are {form.format(one, other)} ships.", f"between {one} and {other}"):
        assert read_answer(text, "counting") == {"count": None, "hedged": True, "boxes": []}
        record = score_record(text + BOX, {"task": "counting", "scenario": "multi", "answer": GOLD["counting"]})
        assert record.hedged and record.parsed
        assert record.accuracies == {"counting/count": 0, "counting/iou@0.25": 100, "counting/iou@0.5": 100}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("not one but three ships", 3),
        ("not 3 but 4", 4),
        ("I cannot identify any of the 6 categories", None),
        ("There aren't 3 ships", None),
        ("no fewer than 3", 3),
        ("No problem! There are 3", 3),
        ("1,2,3", 1),
        ("1,23 and 1,2345", 1),
        ("12,345,67", 12),
        ("3 ships, 2 tanks", 3),
        ("two to the left", 2),
        ("3 in the top or bottom", 3),
        ("3\u202fships", 3),
    ],
)
def test_other_numbers(text, count):
    assert read_answer(text, "counting") == {"count": count, "hedged": False, "boxes": []}


def test_hedged_answers_are_counted_beside_the_unparsed_ones():
    texts = {"identification": ("a ship or a tank", "a ship", "?"), "counting": ("3 or 4", "1", "?")}
    texts |= {"classification": ("a ship or a tank", "a ship", "?")}
    references, answers = [], []
    for task, own in texts.items():
        answers += own
        references += [{"task": task, "scenario": "single", "answer": GOLD[task].replace("CATEGORY", "ship")}] * len(
            own
        )
    results = score(answers, references)
    assert results["hedged"] == {"classification": 0, "counting": 1, "identification": 1}
    assert results["unparsed"] == {"classification": 1, "counting": 1, "identification": 1}
    assert results["identification"] == pytest.approx(100 / 3)
    assert results["classification"] == 50  # 1/2, 1 and 0
