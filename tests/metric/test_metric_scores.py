"""The scores: worked examples, one for each sub-score, the averages, and what is refused."""

import csv
import json

import numpy as np
import pytest
from built_fixture import sample_gold
from support import ROOT

from builders.cli.demo import add_noise
from sarchat_metric import (
    AVERAGED,
    EXTRA_SCORES,
    SCENARIOS,
    SUB_SCORES,
    averages,
    box_iou,
    match_boxes,
    overall_score,
    score,
    score_record,
    sub_scores,
    summarise,
    tally,
    task_scores,
)

CLASSIFICATION = "Two kinds of target appear here: ship and aircraft."
DESCRIPTION = "There are a small ship in the top left and a large bridge in the middle center of the image."
COUNTING = "There are 3 instances. {<0><0><10><10>}{<20><0><30><10>}{<40><0><50><10>}"
GROUNDING = (
    "There is a ship in the top right {<40><0><50><10>}. There are 2 aircraft: one in the bottom left {<0><40><10><50>}"
    " and another in the middle left {<0><20><10><30>}. The ship is far from the aircraft, to the upper right of it."
)
IDENTIFICATION = "This is a very small aircraft in the middle center of the image, approximately square in shape."
PAIR = "The first target is a small ship; it lies to the upper left of a very large bridge and near it."
REFERRING = "{<0><0><10><10>} (top left){<20><20><30><30>} (middle center)"
GOLD = [
    ("classification", "multi", CLASSIFICATION),
    ("description", "multi", DESCRIPTION),
    ("counting", "multi", COUNTING),
    ("grounding", "multi", GROUNDING),
    ("grounding", "single", "A ship lies in the top left {<0><0><10><10>}."),
    ("identification", "single", IDENTIFICATION),
    ("identification", "multi", PAIR),
    ("referring", "multi", REFERRING),
    ("referring", "single", "{<0><0><10><10>} (top left)"),
]
REFERENCES = [{"task": task, "scenario": scenario, "answer": answer} for task, scenario, answer in GOLD]
ANSWERS = [answer for _, _, answer in GOLD]


def accuracies(prediction, task, gold, scenario="multi"):
    """The accuracies of one record, to 9 digits."""
    result = score_record(prediction, {"task": task, "scenario": scenario, "answer": gold})
    return {key: round(value, 9) for key, value in result.accuracies.items()}


def test_classification():
    # named: ship, bridge; gold: ship, aircraft: TP 1, FP 1, FN 1
    assert accuracies("A ship, ships and a bridge", "classification", CLASSIFICATION) == {
        "classification/accuracy": round(100 / 3, 9)
    }


def test_description():
    # gold: (ship, top left), (bridge, middle center); the ship is right, the second ship and the cell-less bridge are
    # not: TP 1, FP 2, FN 1
    prediction = "A huge ship at the top left. Another ship, again at the top left. A bridge, too."
    assert accuracies(prediction, "description", DESCRIPTION) == {"description/phrases": 25}


def test_counting():
    # number: 2, not 3. Boxes: IoU 40 / 100, and exact: at 0.25 TP 2, FN 1; at 0.5 TP 1, FP 1, FN 2
    prediction = "There are 2 instances. {<0><0><10><4>}{<20><0><30><10>}"
    assert accuracies(prediction, "counting", COUNTING) == {
        "counting/count": 0,
        "counting/iou@0.25": round(200 / 3, 9),
        "counting/iou@0.5": 25,
    }
    assert accuracies("three", "counting", COUNTING)["counting/count"] == 100
    assert accuracies(COUNTING.replace("There are 3 instances.", ""), "counting", COUNTING)["counting/count"] == 100


def test_grounding():
    # phrases: ship wrong, aircraft bottom left right, (aircraft, middle left) missing: TP 1, FP 1, FN 2.
    # boxes: the ship's exact; one aircraft's exact; one is the missing aircraft's but called a ship: TP 2, FP 1, FN 1
    prediction = (
        "A ship lies in the top left {<40><0><50><10>}. An aircraft lies in the bottom left {<0><40><10><50>}. "
        "One more ship {<0><20><10><30>}."
    )
    assert accuracies(prediction, "grounding", GROUNDING) == {
        "grounding/position": 25,
        "grounding/multi/iou@0.25": 50,
        "grounding/multi/iou@0.5": 50,
    }
    # IoU 50 / 150 = 1 / 3
    assert accuracies("Ship, top left: {<0><5><10><15>}", "grounding", GOLD[4][2], "single") == {
        "grounding/position": 100,
        "grounding/single/iou@0.25": 100,
        "grounding/single/iou@0.5": 0,
    }


def test_identification():
    assert accuracies("A very small plane, wide, in the center.", "identification", IDENTIFICATION, "single") == {
        "identification/single/accuracy": 100,
        "identification/single/size": 100,
        "identification/single/shape": 0,
        "identification/single/cell": 100,
    }
    # the first category named is the answer
    assert accuracies("The bridge is above a small ship, close to it", "identification", PAIR) == {
        "identification/multi/accuracy": 0,
        "identification/multi/size": 100,
        "identification/multi/direction": 0,
        "identification/multi/proximity": 100,
    }


def test_referring():
    # first box exact, second IoU 50 / 150, a third box extra: at 0.25 TP 2, FP 1; at 0.5 TP 1, FP 2, FN 1
    # cells: one of two right, one extra: TP 1, FP 1, FN 1
    prediction = "{<0><0><10><10>} (top left){<20><25><30><35>} (bottom center){<80><80><90><90>}"
    assert accuracies(prediction, "referring", REFERRING) == {
        "referring/multi/iou@0.25": round(200 / 3, 9),
        "referring/multi/iou@0.5": 25,
        "referring/multi/cell": round(100 / 3, 9),
    }


def test_record_shows_what_matched():
    record = score_record("{<20><25><30><35>}{<0><0><10><10>}", REFERENCES[7])
    assert record.matches == {"iou@0.25": [(0, 1, 50 / 150), (1, 0, 1.0)], "iou@0.5": [(1, 0, 1.0)]}
    assert record.counts["referring/multi/iou@0.5"] == (1, 1, 1)
    assert record.parsed
    assert json.loads(json.dumps(record._asdict()))["reference"]["cells"] == ["top left", "middle center"]


def test_gold_scores_100_and_emptiness_0_in_every_score():
    results = score(ANSWERS, REFERENCES)
    keys = {key for task in AVERAGED for key in SUB_SCORES[task]} | {*AVERAGED, *EXTRA_SCORES, "overall", "balanced"}
    keys -= {key for key in keys if key.startswith("presence/")}
    absent = {f"identification/{key}" for key in ("single/direction", "single/proximity", "multi/shape", "multi/cell")}
    absent |= {f"identification/{scenario}/orientation" for scenario in SCENARIOS}
    sizes = dict.fromkeys(("classification", "description", "counting"), 1)
    sizes |= dict.fromkeys(("grounding", "identification", "referring"), 2)
    assert results == dict.fromkeys(keys - absent, 100.0) | {
        "n": sizes,
        "unparsed": dict.fromkeys(sizes, 0),
        "hedged": dict.fromkeys(sizes, 0),
    }
    assert json.loads(json.dumps(results)) == results

    results = score(["I see nothing of interest."] * len(GOLD), REFERENCES)
    assert results == dict.fromkeys(keys - absent, 0.0) | {
        "n": sizes,
        "unparsed": sizes,
        "hedged": dict.fromkeys(sizes, 0),
    }


def test_both_averages():
    # TP / all of 1 / 1 and 1 / 3: mean 66.7; pooled 2 / 4
    references = [
        {"task": "classification", "scenario": "single", "answer": "ship"},
        {"task": "classification", "scenario": "multi", "answer": "ship, car and tank"},
        {"task": "counting", "scenario": "single", "answer": "There is 1 instance. {<0><0><1><1>}"},
        {"task": "counting", "scenario": "single", "answer": "There is 1 instance. {<0><0><1><1>}"},
    ]
    predictions = ["ship", "ship", "1", "2"]
    sample = score(predictions, references)
    corpus = score(predictions, references, average="corpus")
    assert sample["classification/accuracy"] == pytest.approx(200 / 3)
    assert corpus["classification/accuracy"] == 50
    assert sample["counting/count"] == corpus["counting/count"] == 50


def test_task_and_overall_scores():
    # counting: (100 + 0 + 0) / 3, one record; classification: 100 and 0, two records; overall (33.3 + 2 * 50) / 3
    gold = [REFERENCES[2], REFERENCES[0], REFERENCES[0]]
    results = score(["3", "ship, plane", "none"], gold)
    assert results["counting"] == pytest.approx(100 / 3)
    assert results["classification"] == 50
    assert results["overall"] == pytest.approx(400 / 9)
    assert results["n"] == {"classification": 2, "counting": 1}
    assert results["unparsed"] == {"classification": 1, "counting": 0}


@pytest.mark.parametrize(
    ("model", "params", "average"),
    [("InternVL2.5", "8B", 92.32), ("DeepSeekVL", "1.3B", 83.92), ("Yi-VL", "6B", 84.61)],
)
def test_averages_of_the_published_sub_scores(model, params, average):
    sizes = dict(zip(AVERAGED, (10024, 6032, 11704, 11608, 175565, 11703), strict=True))
    keys = [key for task in AVERAGED for key in SUB_SCORES[task]]
    path = ROOT / "dataset_card" / "paper" / "results.csv"
    with path.open(newline="", encoding="utf-8") as file:
        [row] = [row for row in csv.DictReader(file) if (row["model"], row["params"]) == (model, params)]
    # a column bears the key of its sub-score, or the beginning of it
    columns = {key: [float(row[name]) for name in row if key.startswith(name)] for key in keys}
    by_task = task_scores({key: value for key, [value] in columns.items()})
    assert overall_score(by_task, sizes) == pytest.approx(average, abs=0.005)
    averaged = averages(by_task | {"presence": 0.0}, sizes | {"presence": 10**9})
    assert averaged["overall"] == overall_score(by_task, sizes)
    assert averaged["balanced"] == pytest.approx(sum(by_task.values()) / 6)
    assert averages({"presence": 1.0}, {"presence": 1}) == {}


def test_overall_score_refuses_sizes_that_do_not_fit():
    assert overall_score({"counting": 50.0, "referring": 80.0}, {"counting": 2, "referring": 1}) == 60
    for sizes in ({"counting": 1}, {"counting": 0, "referring": 0}, {"counting": 2, "referring": -1}):
        with pytest.raises(ValueError, match="sizes"):
            overall_score({"counting": 50.0, "referring": 80.0}, sizes)


def test_weights_repeat_records():
    predictions = ["nothing", *ANSWERS[1:-4], "a ship or a tank", *ANSWERS[-3:]]
    weights = np.arange(len(GOLD))[::-1]
    repeated = [index for index, weight in enumerate(weights) for _ in range(weight)]
    for average in ("sample", "corpus"):
        again = score([predictions[i] for i in repeated], [REFERENCES[i] for i in repeated], average)
        results = summarise(tally(predictions, REFERENCES), average, weights)
        assert all(results.pop(key) == again.pop(key) for key in ("n", "unparsed", "hedged"))
        assert results == pytest.approx(again)
    with pytest.raises(ValueError, match=r"shape \(9,\), got \(2,\)"):
        summarise(tally(predictions, REFERENCES), weights=np.ones(2))


def test_many_weights_at_once_score_as_one_by_one():
    counts = tally(["nothing", *ANSWERS[1:]], REFERENCES)
    weights = 2 - 2 * np.eye(len(GOLD), dtype=int)  # each leaves one record out
    for average in ("sample", "corpus"):
        at_once = sub_scores(counts, average, weights)
        for row, own in enumerate(weights):
            alone = summarise(counts, average, own)
            given = {key: values[row] for key, values in at_once.items() if not np.isnan(values[row])}
            assert given == {key: alone[key] for key in at_once if key in alone}
    assert any(np.isnan(values).any() for values in at_once.values())
    with pytest.raises(ValueError, match=r"shape \(9,\), got \(5, 2\)"):
        sub_scores(counts, weights=np.ones((5, 2)))


def test_tally_keeps_each_record():
    counts = tally(["ship", "a car", "3"], [REFERENCES[0], REFERENCES[0], REFERENCES[2]])
    assert counts.counts["classification/accuracy"].tolist() == [[1, 0, 1], [0, 1, 2]]
    assert counts.records["classification/accuracy"].tolist() == [0, 1]
    assert counts.counts["counting/count"].tolist() == [[1, 0, 0]]
    assert counts.records["counting/count"].tolist() == [2]


def test_boxes_match_as_many_as_can():
    # greedy would take the pair of IoU 1 and leave the other gold box alone
    gold = [(0, 0, 10, 10), (0, 0, 10, 14)]
    predicted = [(0, 0, 10, 10), (0, 0, 10, 4)]
    iou = box_iou(predicted, gold)
    assert iou.round(3).tolist() == [[1.0, 0.714], [0.4, 0.286]]
    assert match_boxes(predicted, gold, 0.3) == [(0, 1, iou[0, 1]), (1, 0, iou[1, 0])]
    assert match_boxes(predicted, gold, 0.5) == [(0, 0, 1.0)]
    assert match_boxes([(10, 10, 0, 0), (5, 5, 5, 9)], [(0, 0, 10, 10), (10, 10, 0, 0), (5, 5, 5, 9)]) == []
    assert box_iou([], gold).shape == (0, 2)
    with pytest.raises(ValueError, match="threshold"):
        match_boxes(predicted, gold, 0)
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        box_iou(np.ones((2, 5)), gold)


def test_iou_of_a_quarter_is_enough():
    assert accuracies("{<0><0><10><5>}", "referring", "{<0><0><10><20>} (top left)", "single") == {
        "referring/single/iou@0.25": 100,
        "referring/single/iou@0.5": 0,
        "referring/single/cell": 0,
    }


def conversation(*messages):
    """A reference whose gold is a conversation, as the data set has it."""
    messages = [{"role": role, "content": content} for role, content in messages]
    return {"id": "x", "image": object(), "task": "classification", "scenario": "single", "messages": messages}


def test_gold_from_messages():
    reference = conversation(("user", "bridge or car?"), ("assistant", "car"), ("user", "Sure?"), ("assistant", "ship"))
    columns = {key: [message[key] for message in reference["messages"]] for key in ("role", "content")}
    for messages in (reference["messages"], columns):
        assert score(["ship"], [reference | {"messages": messages}])["overall"] == 100
    assert score(["tank"], [reference | {"answer": "tank"}])["overall"] == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "detection"}, "unknown task 'detection'"),
        ({"task": ["counting"]}, "unknown task"),
        ({"task": None}, "unknown task None"),
        ({"scenario": "Multi"}, "unknown scenario 'Multi'"),
        ({"answer": None}, "needs its gold answer: a text as 'answer', or 'messages' with it; got .*'answer': None"),
        ({"answer": None, "messages": [1]}, "messages must be a list"),
        ({"answer": None, "messages": [{"role": "assistant"}]}, "messages must be a list"),
        ({"answer": None, "messages": {"role": ["assistant"], "content": []}}, "messages must be a list"),
        ({"answer": None, "messages": 3}, "messages must be a list"),
        ({"answer": 3}, "must be a string, got int"),
        ({"answer": ""}, "no count and no boxes can be read from the gold answer of counting ''"),
        ({"answer": "There are 3 instances."}, "no boxes can be read"),
        ({"answer": "There are 0 instances. {<0><0><1><1>}"}, "no count can be read"),
        ({"answer": "There is 1 instance. {<5><0><1><1>}"}, r"inverted or empty box \(5.0, 0.0, 1.0, 1.0\)"),
        ({"task": "grounding", "answer": "A ship {<0><0><1><1>}"}, "no phrases"),
        ({"task": "grounding", "answer": "In the center {<0><0><1><1>} is a ship"}, "no category before a box"),
        ({"task": "classification", "answer": "a submarine"}, "no categories can be read.*'a submarine'"),
        ({"task": "identification", "answer": "small"}, "no category"),
        ({"task": "description", "answer": "top left"}, "no phrases"),
        ({"task": "referring", "answer": "top left"}, "no boxes"),
    ],
)
def test_bad_references_are_named_with_their_place(change, message):
    with pytest.raises(ValueError, match=f"(?s)record 1: .*{message}"):
        score([COUNTING] * 2, [REFERENCES[2], REFERENCES[2] | change])


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([], [], "nothing to score"),
        (["a"], [], "1 predictions for 0 references"),
        ("ship", REFERENCES[:1], "predictions must be a list, got str"),
        (["ship"], REFERENCES[0], "references must be a list, got dict"),
        (None, REFERENCES[:1], "predictions must be a list, got NoneType"),
        (["ship", None], REFERENCES[:2], "record 1: a prediction must be a string, got NoneType"),
        (["ship"], ["ship"], "record 0: a reference must be a dict, got str: 'ship'"),
        (["ship"], [conversation(("user", "ship"))], "record 0: .*none from the assistant"),
    ],
)
def test_bad_arguments(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        score(predictions, references)


def test_unknown_average_is_found_before_any_record():
    with pytest.raises(ValueError, match="unknown average 'micro'"):
        score([None], REFERENCES[:1], average="micro")


def test_reasoning_changes_no_score():
    """Harnesses that strip reasoning before they score, and those that do not, come to the same figures."""
    records = sample_gold()
    references = list(records.values())
    golds = [record["messages"][-1]["content"] for record in references]
    answers = [add_noise(gold, key) for key, gold in zip(records, golds, strict=True)]
    thoughts = [f"<think>{gold} or rather {golds[index - 1]}" for index, gold in enumerate(golds)]
    reasoned = [f"{thought}</think>\n\n{answer}" for thought, answer in zip(thoughts, answers, strict=True)]
    expected = score(answers, references)
    assert score(reasoned, references) == expected
    assert 0 < expected["overall"] < 100
    with_reasoning = [
        {**record, "answer": f"<think>1 ship</think>{gold}"} for record, gold in zip(references, golds, strict=True)
    ]
    assert score(answers, with_reasoning) == expected

    cut = score(thoughts, references)
    assert cut["overall"] == 0 and cut["unparsed"] == cut["n"]
