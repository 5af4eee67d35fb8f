"""Answers as detections: the same values as pycocotools, and the confidences that token probabilities give."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import random

import numpy as np
import pytest
from built_fixture import sample_build, sample_gold
from support import refusal, slow, write_lines

from builders.cli.command import main
from builders.notation.formats import FORMAT_NAMES, INPUT_PIXELS, InputSize, get_format
from builders.notation.render import render_text
from builders.notation.translate import box_spans, translate
from builders.scoring.detection import IOUS, Detections, score_detections


def some_detections(seed: int, images: int = 40) -> list[Detections]:
    """Answers with good, shifted, repeated and invented boxes; confidences with ties."""
    rng = random.Random(seed)
    found = []
    for _ in range(images):
        gold, boxes = [], []
        for _ in range(rng.choice([1, 1, 2, 5, 12])):
            x, y, w, h = (rng.randint(0, 400), rng.randint(0, 400), rng.randint(5, 120), rng.randint(5, 120))
            gold.append((x, y, x + w, y + h))
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                dx, dy = rng.choice([0, 0, rng.randint(-30, 30)]), rng.choice([0, rng.randint(-30, 30)])
                boxes.append((x + dx, y + dy, x + w + dx, y + h + dy))
        boxes += [(1, 1, 50, 60)] * rng.choice([0, 0, 1])
        rng.shuffle(boxes)
        scores = [rng.choice([0.5, 0.9, rng.random()]) for _ in boxes]
        found.append(Detections(rng.randrange(4), gold, boxes, scores))
    return found


def by_pycocotools(found: list[Detections], scores: list[list[float]]) -> np.ndarray:
    """Return the precisions of pycocotools: IoU, recall, category."""
    coco_module = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    images = [{"id": number, "width": 999, "height": 999} for number in range(len(found))]
    annotations = [
        {"image_id": number, "category_id": own.category + 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
        for number, own in enumerate(found)
        for x1, y1, x2, y2 in own.gold
    ]
    for number, annotation in enumerate(annotations, 1):
        _, _, w, h = annotation["bbox"]
        annotation |= {"id": number, "area": w * h}
    results = [
        {"image_id": number, "category_id": own.category + 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
        for number, (own, given) in enumerate(zip(found, scores, strict=True))
        for (x1, y1, x2, y2), score in zip(own.boxes, given, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        gold = coco_module.COCO()
        categories = sorted({own.category for own in found})
        gold.dataset = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": category + 1, "name": str(category)} for category in categories],
        }
        gold.createIndex()
        evaluation = COCOeval(gold, gold.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, 2]


@pytest.mark.parametrize("seed", [0, 1, *slow(*range(2, 8))])
def test_average_precision_is_that_of_pycocotools(seed):
    found = some_detections(seed)
    own = score_detections(found)
    precisions = by_pycocotools(found, [list(one.confidences) for one in found])
    assert own.ap == pytest.approx(100 * precisions.mean(), abs=1e-6)
    assert own.ap50 == pytest.approx(100 * precisions[0].mean(), abs=1e-6)
    equal = by_pycocotools(found, [[1.0] * len(one.boxes) for one in found])
    assert own.map_nc == pytest.approx(100 * equal[0].mean(), abs=1e-6)


def test_more_than_a_hundred_boxes_count_as_pycocotools_counts_them():
    gold = [(10 * i, 0, 10 * i + 9, 9) for i in range(130)]
    found = [Detections(0, gold, gold, [1 - i / 1000 for i in range(130)])]
    precisions = by_pycocotools(found, [list(found[0].confidences)])
    assert score_detections(found).ap == pytest.approx(100 * precisions.mean(), abs=1e-6)


def test_f1_by_hand():
    box, other, wrong = (0, 0, 10, 10), (20, 20, 30, 30), (50, 50, 60, 60)
    found = [
        Detections(0, [box, other], [box, wrong, wrong], None),  # 1 TP, 2 FP, 1 FN: 2 / 5
        Detections(1, [box], [box], None),  # 1
        Detections(1, [box], [], None),  # 1 FN: together 2 / 3
    ]
    own = score_detections(found)
    assert own.mf1 == pytest.approx(100 * (2 / 5 + 2 / 3) / 2)
    assert (own.ap, own.ap50, own.unsure) == (None, None, 2)
    perfect = score_detections([Detections(0, [box, other], [other, box], [0.3, 0.2])])
    assert (perfect.map_nc, perfect.mf1, perfect.ap) == (100, 100, 100)
    assert score_detections([Detections(0, [box], [], [])]) == (0, 0, 0, 0, 1, 0)


def test_a_category_without_any_box_in_an_answer_counts():
    box = (0, 0, 10, 10)
    own = score_detections([Detections(0, [box], [box], [0.5]), Detections(3, [box], [], [])])
    assert (own.map_nc, own.mf1, own.ap) == (50, 50, 50)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_the_place_of_every_box_in_an_answer_is_found(name):
    fmt = get_format(name)
    seen = InputSize(336, 448) if fmt.unit == INPUT_PIXELS else None
    for record_id, record in sample_gold("counting").items():
        size = record["width"], record["height"]
        answer = "<think>2 or 3?</think>" + render_text(record["messages"][1]["content"], fmt, *size, seen)
        spans = box_spans(answer, fmt, *size, seen)
        assert len(spans) == translate(answer, fmt, *size, seen).boxes > 0, record_id
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
        for start, end in spans:
            # Alone, each is one box, or the numbers of one.
            assert sum(sign.isdigit() for sign in answer[start:end]) >= 4
            assert not any(word in answer[start:end] for word in ("instance", "think"))


def tokens_of(text: str, logprob) -> list[list]:
    """One token per digit: where it is, and the logarithm of its probability."""
    return [[place, place + 1, logprob(place)] for place, sign in enumerate(text) if sign.isdigit()]


def test_score_reports_average_precision_if_every_box_has_a_probability(tmp_path, capsys):
    gold = sample_gold("referring")
    lines = []
    for number, (record_id, record) in enumerate(gold.items()):
        text = record["messages"][1]["content"] + "{<0><0><3><3>}"
        false = len(record["messages"][1]["content"])
        tokens = tokens_of(
            text, lambda place, false=false, number=number: -3.0 if place >= false else -0.1 - number / 99
        )
        lines.append({"id": record_id, "prediction": text, "logprobs": tokens})
    write_lines(tmp_path / "a.jsonl", lines)
    arguments = ["--references", str(sample_build()), "--config", "referring", "--detection"]
    main(["score", str(tmp_path / "a.jsonl"), *arguments, "--output", str(tmp_path / "r.json")])
    assert "AP@0.5:0.95" in capsys.readouterr().out
    found = json.loads((tmp_path / "r.json").read_text())["detection"]["referring"]
    # Every false box is less sure than every true one.
    assert found["ap"] == pytest.approx(100) and found["ap50"] == pytest.approx(100)
    assert found["mf1"] < 100 and found["map_nc"] < 100
    del lines[0]["logprobs"]
    write_lines(tmp_path / "a.jsonl", lines)
    main(["score", str(tmp_path / "a.jsonl"), *arguments])
    assert "No AP: 1 answers" in capsys.readouterr().out


def test_the_confidence_is_the_geometric_mean_over_the_box_s_own_tokens(tmp_path):
    from builders.scoring.detection import DetectionCollector
    from builders.scoring.readers import AnswerSource
    from builders.scoring.scoring import evaluate_file

    record_id = next(iter(sample_gold("counting")))
    text = "There are 2 instances. {<1><2><3><44>}{<5><6><7><8>}"
    probabilities = {"2 instances": 0.001, "1><": 0.5, "44": 0.9}
    tokens = tokens_of(
        text, lambda place: math.log(next((p for key, p in probabilities.items() if text.startswith(key, place)), 0.8))
    )
    write_lines(tmp_path / "a.jsonl", [{"id": record_id, "prediction": text, "logprobs": tokens}])
    collector = DetectionCollector(AnswerSource("").notation)
    evaluate_file(str(tmp_path / "a.jsonl"), str(sample_build()), "counting", "test", "sample", detection=collector)
    (own,) = (one for one in collector._found["counting"] if one.boxes)
    assert own.confidences == pytest.approx([(0.5 * 0.8 * 0.8 * 0.9 * 0.8) ** (1 / 5), 0.8])


def test_detection_needs_boxes(tmp_path, capsys):
    record_id = next(iter(sample_gold("classification")))
    write_lines(tmp_path / "a.jsonl", [{"id": record_id, "prediction": "ship"}])
    message = refusal(
        capsys,
        "score",
        tmp_path / "a.jsonl",
        "--references",
        sample_build(),
        "--config",
        "classification",
        "--detection",
    )
    assert "--detection is for answers to counting or referring" in message


def test_the_ious_are_those_of_coco():
    assert IOUS == pytest.approx([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])


@pytest.mark.parametrize(
    "tokens", ["x", [["a", "b", -1]], [[0, 5]], [[0, 9, 0.5]], [[0, 9, float("-inf")]], [[0, 9, "1"]], [None]]
)
def test_probabilities_that_are_none_are_as_if_there_were_none(tokens, tmp_path, capsys):
    record_id = next(iter(sample_gold("referring")))
    line = {"id": record_id, "prediction": "{<1><2><3><4>}", "logprobs": tokens}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    main(
        [
            "score",
            str(tmp_path / "a.jsonl"),
            "--references",
            str(sample_build()),
            "--config",
            "referring",
            "--detection",
        ]
    )
    assert "No AP: 1 answers" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sarchat", "list-px"])
def test_the_time_grows_with_the_length_of_an_answer(name):
    # 20,000 boxes take a moment; a search of the whole answer for each would take minutes.
    box = "{<1><2><3><4>}" if name == "sarchat" else "[1, 2, 3, 4]"
    assert len(box_spans(f"[{', '.join([box] * 20_000)}]", get_format(name), 9, 9)) == 20_000
