"""Presence: which cells are asked for, and how a yes or no is read and scored."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from corpora import Picture, live_records, write_corpus
from oracle import CELLS, read_split

from builders.corpus.corpus import locate
from sarchat_metric import read_answer, score

SIDE = 300
NO = "No, there is no ship in the top left."
YES = "Yes, there is a ship in the top left."


def asked(folder, boxes, names=("0000001.png",), category="ship"):
    """The cells of the questions about a category, by their answer, over images of the same boxes."""
    pictures = [Picture(name, SIDE, SIDE, [("car", 1, 1, 9, 9), *boxes]) for name in names]
    corpus = write_corpus(folder, {"train": pictures})
    found = {"Yes": set(), "No": set()}
    for record in live_records(corpus, "train", ["presence"]):
        question, answer = (message["content"] for message in record["messages"])
        if category in question:
            found[answer[: answer.index(",")]].update(cell for cell in CELLS if cell in question)
    return found


MANY = tuple(f"{number:07d}.png" for number in range(150))


def test_every_cell_that_may_be_asked_for_is_asked_for_and_no_other(tmp_path):
    found = asked(tmp_path, [("ship", 120, 120, 60, 60), ("ship", 190, 20, 50, 20)], MANY)
    assert found["Yes"] == {"middle center", "top right"}
    assert found["No"] == {*CELLS} - {"middle center", "top right", "top center"}


@pytest.mark.parametrize(
    ("box", "is_asked"),
    [((60, 20, 80, 20), True), ((59, 20, 80, 20), True), ((60, 60, 80, 80), False), ((50, 20, 80, 90), True)],
)
def test_yes_needs_the_centre_and_half_of_a_target(tmp_path, box, is_asked):
    assert bool(asked(tmp_path, [("ship", *box)])["Yes"]) == is_asked


LEFT_OUT = {
    "crowd": ("ship", 10, 210, 20, 20, {"iscrowd": 1}),
    "ignored": ("ship", 10, 210, 20, 20, {"ignore": 1}),
    "without a height": ("ship", 10, 210, 20, 0),
    "written backwards": ("ship", 30, 230, -20, -20),
    "beyond the edge": ("ship", -50, 210, 50, 20),
    "over the line": ("ship", 101, 210, 20, 20, {"iscrowd": 1}),
    "at the line": ("ship", 100, 210, 20, 20, {"iscrowd": 1}),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_box_that_was_left_out_is_no_safe_no(tmp_path, name):
    found = asked(tmp_path, [("ship", 250, 20, 20, 20), LEFT_OUT[name]], MANY)
    assert ("bottom left" in found["No"]) == (name == "over the line")
    assert "top center" in found["No"] and found["Yes"] == {"top right"}


def test_a_category_that_the_user_leaves_out_is_no_safe_no(tmp_path):
    pictures = [Picture(name, SIDE, SIDE, [("ship", 250, 20, 20, 20), ("tank", 10, 210, 20, 20)]) for name in MANY]
    corpus = write_corpus(tmp_path, {"train": pictures})
    location = locate(str(corpus), drop=["tank"])
    found = live_records(location, "train", ["presence"])
    texts = " ".join(record["messages"][0]["content"] for record in found)
    assert len(found) == 2 * len(MANY) and "bottom left" not in texts and "top center" in texts


def test_a_category_everywhere_is_not_asked_for(tmp_path):
    assert asked(tmp_path, [("ship", 0, 0, 300, 300), ("ship", 120, 120, 60, 60)]) == {"Yes": set(), "No": set()}


def test_the_oracle_knows_a_wrong_no(tmp_path):
    """The checks that run on every record see a box that no target is."""
    boxes = [("ship", 250, 20, 20, 20), LEFT_OUT["crowd"]]
    view = read_split(write_corpus(tmp_path, {"train": [Picture("0000001.png", SIDE, SIDE, boxes)]}), "train")[0]
    assert not view.is_free("ship", "bottom left") and view.is_free("car", "bottom left")
    assert view.is_free("ship", "bottom center")


@pytest.mark.parametrize(
    ("text", "answer", "hedged"),
    [
        ("Yes.", "yes", False),
        ("**No**", "no", False),
        ("yes", "yes", False),
        ('{"answer": "no"}', "no", False),
        ("Is there a ship in the top left? No.", "no", False),
        ("The answer is: YES!", "yes", False),
        ("<think>No, wait.</think> Yes, there is one.", "yes", False),
        ("There is a ship in the top left.", "yes", False),
        ("There is one.", "yes", False),
        ("I see two vessels there.", "yes", False),
        ("There isn\u2019t any ship there.", "no", False),
        ("I don't see a ship in the top left of the image.", "no", False),
        ("A ship cannot be seen in the top left.", "no", False),
        ("Ships are not visible in that part.", "no", False),
        ("The top left does not contain a ship.", "no", False),
        ("There is nothing in the top left.", "no", False),
        ("It is absent.", "no", False),
        ("None.", "no", False),
        ("No doubt, there is a ship in the top left.", "yes", False),
        ("Nope, only water; a ship is in the middle center.", "no", False),
        ("The statement is false.", "no", False),
        ("Maybe.", None, True),
        ("Yes or no.", None, True),
        ("I am not sure, it could be a ship.", None, True),
        ("I can't tell from this image.", None, True),
        ("It is impossible to say whether a ship is there.", None, True),
        ("There may be a ship in the top left.", None, True),
        ("Yes, it could be a large ship.", "yes", False),
        ("Top left", None, False),
        ("{<1><2><3><4>}", None, False),
        ("", None, False),
        ("Nothing but noise, nosy, eyes.", "no", False),
    ],
)
def test_an_answer_is_read_as_a_reader_would(text, answer, hedged):
    assert read_answer(text, "presence") == {"answer": answer, "hedged": hedged}


def figures(answers, golds):
    references = [{"task": "presence", "scenario": "multi", "answer": gold} for gold in golds]
    result = score(answers, references)
    assert score(answers, references, average="corpus") == result
    return {key.partition("/")[2]: value for key, value in result.items() if key.startswith("presence/")}, result


@pytest.mark.parametrize("n", [1, 7, 50])
def test_constant_answers_and_coins_have_their_closed_forms(n):
    """Half of N = 2n golds are yes; a coin that is right for half of either says yes to half."""
    golds = [YES, NO] * (2 * n)
    always_yes, result = figures(["Yes"] * 4 * n, golds)
    assert always_yes == pytest.approx({"accuracy": 50, "precision": 50, "recall": 100, "f1": 200 / 3, "yes": 100})
    assert result["presence"] == 50 and result["n"] == {"presence": 4 * n}
    assert "overall" not in result and "balanced" not in result
    always_no, _ = figures(["No"] * 4 * n, golds)
    assert always_no == {"accuracy": 50, "recall": 0, "f1": 0, "yes": 0}
    coin, _ = figures(["Yes", "Yes", "No", "No"] * n, golds)
    assert coin == pytest.approx({"accuracy": 50, "precision": 50, "recall": 50, "f1": 50, "yes": 50})
    mute, result = figures(["?"] * 4 * n, golds)
    assert mute == {"accuracy": 0, "recall": 0, "f1": 0, "yes": 0} and result["unparsed"] == {"presence": 4 * n}


def test_figures_by_hand():
    """Of 3 yes and 4 no: 2 hits, 1 missed, 1 false alarm, 2 right no, 1 unread."""
    golds = [YES, YES, YES, NO, NO, NO, NO]
    found, _ = figures(["yes", "yes", "no", "yes", "no", "no", "hm"], golds)
    assert found == pytest.approx(
        {"accuracy": 400 / 7, "precision": 200 / 3, "recall": 200 / 3, "f1": 200 / 3, "yes": 300 / 7}
    )


def test_presence_does_not_change_the_averages():
    own = {"task": "referring", "scenario": "single", "answer": "{<1><2><30><40>} (top left)"}
    other = {"task": "classification", "scenario": "single", "answer": "A ship."}
    alone = score([own["answer"], "A car.", "A car."], [own, other, other])
    with_it = score(
        [own["answer"], "A car.", "A car.", "no"],
        [own, other, other, {"task": "presence", "scenario": "single", "answer": YES}],
    )
    assert alone["overall"] == with_it["overall"] == pytest.approx(100 / 3)
    assert alone["balanced"] == with_it["balanced"] == 50 and with_it["presence"] == 0
    assert json.loads(json.dumps(with_it)) == with_it and Counter(with_it["n"])["presence"] == 1
