"""The scores against an oracle written apart (every matching tried, IoU from pycocotools), and their properties."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask
from support import write_boxes

from sarchat_metric import CATEGORIES, box_iou, match_boxes, parse_boxes, score, score_record

ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")
# A small canvas, so that boxes overlap often and ties occur.
corners = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 6), st.integers(1, 6))
boxes = st.lists(corners.map(lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3])), max_size=5)
some_boxes = boxes.filter(len)
cells = st.tuples(st.sampled_from(ROWS), st.sampled_from(COLUMNS)).map(" ".join)
thresholds = st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])


def oracle_iou(boxes1, boxes2):
    if not boxes1 or not boxes2:
        return np.zeros((len(boxes1), len(boxes2)))
    as_coco = [np.array([(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in some], float) for some in (boxes1, boxes2)]
    return mask.iou(*as_coco, [0] * len(boxes2))


def oracle_matching(iou, threshold):
    """(number of pairs, total IoU) of the best matching, by trying every one."""
    if iou.shape[0] > iou.shape[1]:
        iou = iou.T
    matchings = (
        [iou[row, column] for row, column in enumerate(chosen) if iou[row, column] >= threshold]
        for chosen in permutations(range(iou.shape[1]), iou.shape[0])
    )
    return max((len(pairs), round(sum(pairs), 9)) for pairs in matchings)


def oracle_accuracy(tp, predicted, gold):
    return 100 * tp / (predicted + gold - tp)


def refer(predicted, gold):
    """The accuracies at 0.25 and 0.5 of one referring record."""
    reference = {"task": "referring", "scenario": "multi", "answer": write_boxes(gold)}
    result = score_record(write_boxes(predicted), reference).accuracies
    return result["referring/multi/iou@0.25"], result["referring/multi/iou@0.5"]


@given(boxes, boxes)
def test_iou(boxes1, boxes2):
    assert box_iou(boxes1, boxes2) == pytest.approx(oracle_iou(boxes1, boxes2))
    # NumPy and the plain loop give the very same numbers
    sparse = {(i, j): value for i, j, value in match_boxes_of_all_pairs(boxes1, boxes2)}
    iou = box_iou(boxes1, boxes2)
    assert sparse == {(i, j): iou[i, j] for i, j in np.argwhere(iou > 0)}


def match_boxes_of_all_pairs(boxes1, boxes2):
    for i, one in enumerate(boxes1):
        for j, other in enumerate(boxes2):
            yield from ((i, j, value) for _, _, value in match_boxes([one], [other], 1e-9))


@given(boxes, boxes, thresholds)
def test_matching(predicted, gold, threshold):
    matches = match_boxes(predicted, gold, threshold)
    assert (len(matches), round(sum(iou for _, _, iou in matches), 9)) == oracle_matching(
        oracle_iou(predicted, gold), threshold
    )
    assert len({i for i, _, _ in matches}) == len({j for _, j, _ in matches}) == len(matches)
    assert all(iou == box_iou(predicted, gold)[i, j] >= threshold for i, j, iou in matches)


@given(some_boxes, boxes)
def test_large_lists_go_another_way_to_the_same_score(gold, predicted):
    far_gold, far_predicted = ([(x, 100, x + 1, 101) for x in range(start, start + 9)] for start in (0, 100))
    assert refer(predicted + far_predicted, gold + far_gold) == pytest.approx(
        tuple(
            oracle_accuracy(oracle_matching(oracle_iou(predicted, gold), t)[0], len(predicted) + 9, len(gold) + 9)
            for t in (0.25, 0.5)
        )
    )


labelled = st.lists(st.tuples(st.sampled_from(CATEGORIES[:2]), cells, corners), min_size=1, max_size=4)


@settings(max_examples=3 * settings().max_examples)
@given(labelled, labelled)
def test_grounding_matches_within_a_category(predicted, gold):
    predicted, gold = (
        [(name, cell, (x, y, x + w, y + h)) for name, cell, (x, y, w, h) in some] for some in (predicted, gold)
    )
    texts = [
        " ".join(f"A {name} in the {cell} {write_boxes([box])}." for name, cell, box in some)
        for some in (predicted, gold)
    ]
    record = score_record(texts[0], {"task": "grounding", "scenario": "multi", "answer": texts[1]})
    for threshold in (0.25, 0.5):
        right = 0
        for category in CATEGORIES[:2]:
            found, wanted = ([box for name, _, box in some if name == category] for some in (predicted, gold))
            right += oracle_matching(oracle_iou(found, wanted), threshold)[0]
        expected = oracle_accuracy(right, len(predicted), len(gold))
        assert record.accuracies[f"grounding/multi/iou@{threshold}"] == pytest.approx(expected)
    found, wanted = (Counter((name, cell) for name, cell, _ in some) for some in (predicted, gold))
    common = sum(min(number, wanted[phrase]) for phrase, number in found.items())
    assert record.accuracies["grounding/position"] == pytest.approx(oracle_accuracy(common, len(predicted), len(gold)))


phrases = st.lists(st.tuples(st.sampled_from(CATEGORIES), cells), min_size=1, max_size=5)


@given(phrases, phrases)
def test_phrases_are_multisets(predicted, gold):
    texts = [
        "There are " + " and ".join(f"a small {name} in the {cell}" for name, cell in some)
        for some in (predicted, gold)
    ]
    rest, right = list(gold), 0
    for phrase in predicted:
        if phrase in rest:
            rest.remove(phrase)
            right += 1
    record = score_record(texts[0], {"task": "description", "scenario": "multi", "answer": texts[1]})
    assert record.accuracies["description/phrases"] == pytest.approx(oracle_accuracy(right, len(predicted), len(gold)))


@given(st.lists(st.tuples(boxes, some_boxes), min_size=1, max_size=6))
def test_averages_over_records(records):
    references = [{"task": "referring", "scenario": "multi", "answer": write_boxes(gold)} for _, gold in records]
    predictions = [write_boxes(predicted) for predicted, _ in records]
    right = [oracle_matching(oracle_iou(predicted, gold), 0.5)[0] for predicted, gold in records]
    totals = [len(predicted) + len(gold) - tp for tp, (predicted, gold) in zip(right, records, strict=True)]
    sample, corpus = (score(predictions, references, average) for average in ("sample", "corpus"))
    mean = sum(tp / total for tp, total in zip(right, totals, strict=True)) / len(records)
    assert sample["referring/multi/iou@0.5"] == pytest.approx(100 * mean)
    assert corpus["referring/multi/iou@0.5"] == pytest.approx(100 * sum(right) / sum(totals))


@given(boxes, some_boxes, st.randoms(use_true_random=False))
def test_order_of_boxes_does_not_matter(predicted, gold, random):
    assert refer(predicted, gold) == refer(
        random.sample(predicted, len(predicted)), random.sample(gold, len(gold))
    )  # fmt: skip


@given(boxes, some_boxes, thresholds, thresholds)
def test_higher_threshold_never_scores_more(predicted, gold, one, other):
    low, high = sorted((one, other))
    assert len(match_boxes(predicted, gold, high)) <= len(match_boxes(predicted, gold, low))
    assert refer(predicted, gold)[1] <= refer(predicted, gold)[0]


@given(boxes, some_boxes)
def test_100_only_for_all_right(predicted, gold):
    all_right = oracle_matching(oracle_iou(predicted, gold), 0.5)[0] == len(predicted) == len(gold)
    assert (refer(predicted, gold)[1] == 100) == all_right
    assert refer(gold, gold) == (100, 100)


@given(boxes, some_boxes)
def test_adding_a_wrong_box_never_helps(predicted, gold):
    for wrong in ((50, 50, 60, 60), (9, 9, 1, 1), (3, 3, 3, 3)):
        for before, after in zip(refer(predicted, gold), refer([wrong, *predicted], gold), strict=True):
            assert after < before or before == after == 0


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=4, max_size=4), some_boxes)
def test_iou_is_a_share_whatever_the_numbers(strange, gold):
    iou = box_iou([strange], [strange, *gold])
    assert ((iou >= 0) & (iou <= 1)).all()
    pairs = match_boxes([tuple(strange)], [tuple(strange), *gold], 1e-9)
    assert all(value == iou[i, j] for i, j, value in pairs)


def test_full_range_of_written_numbers():
    huge = "9" * 400
    assert parse_boxes(f"{{<-{huge}><0><{huge}><1>}}") == [(-np.inf, 0, np.inf, 1)]
    assert match_boxes([(-np.inf, 0, np.inf, 1)], [(-np.inf, 0, np.inf, 1)]) == []
