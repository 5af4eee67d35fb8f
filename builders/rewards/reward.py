"""The reward of one answer: a dense number from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from builders.core.errors import SARChatError
from builders.notation.translate import NOTATION_COLUMNS, categories_of, translate_by_columns
from sarchat_metric import SUB_SCORES, box_iou, score_record


def reward(prediction: str, reference: Mapping[str, Any]) -> float:
    """Return the reward of an answer.

    It is the mean of the record's accuracies TP / (TP + FP + FN), one per sub-score in the average of its task, and, if
    the task asks for boxes, of their mean IoU. The accuracies alone have few values (0, 1/3, 2/3 and 1 for the
    three of one counted box); with the mean IoU every improvement of a box counts. With N predicted boxes and M gold
    boxes, it is the largest total IoU of one-to-one pairs, divided by max(N, M), so a missing or additional box counts
    as an IoU of 0. In grounding only boxes of the same category pair up, as in the metric.

    For given N, M and categories the reward never falls if the IoU of any pair of boxes rises. The gold answer gets 1,
    an answer from which nothing can be read gets 0.

    Args:
        prediction: the answer, any text.
        reference: `task`, and the gold in the data set's own notation as `answer` or `messages`. If the model writes
            boxes in another notation, its name as `box_format` and the image's size as `width` and `height`, with
            `input_width` and `input_height` if the notation depends on them; all in pixels. `categories`, as JSON, if
            they are not SARDet-100K's. Other entries are ignored.

    Returns:
        The reward, from 0 to 1.

    Raises:
        ValueError: if `sarchat_metric.score_record` refuses the record, or the notation is unknown or lacks a size.
    """
    # The scenario decides the names of sub-scores, not their values.
    text, categories = translate_by_columns(prediction, reference), categories_of(reference)
    result = score_record(text, {"scenario": "single", **reference}, categories)
    terms = [result.accuracies[key] / 100 for key in SUB_SCORES[result.task] if key in result.counts]
    if "boxes" in result.reference:
        terms.append(mean_iou(_labelled(result.prediction), _labelled(result.reference)))
    return float(np.mean(terms))


def mean_iou(predicted: Sequence[tuple[Any, Any]], gold: Sequence[tuple[Any, Any]]) -> float:
    """Return the largest total IoU of one-to-one pairs with equal labels, divided by the larger number of boxes.

    Args:
        predicted: N pairs (label, (x1, y1, x2, y2)).
        gold: M such pairs in the same unit, M above 0.
    """
    iou = box_iou([box for _, box in predicted], [box for _, box in gold])
    for row, (label, _) in enumerate(predicted):
        iou[row, [label != other for other, _ in gold]] = 0
    return float(iou[linear_sum_assignment(iou, maximize=True)].sum() / max(iou.shape))


def reward_batch(predictions: Iterable[str], columns: Mapping[str, Sequence[Any]]) -> list[float]:
    """Return the reward of each answer of a batch.

    Args:
        predictions: N answers.
        columns: the columns that `sarchat export` writes for rewards, of N values each: `task`, `solution` (the gold)
            and, where the notation is not the data set's own, those that `reward` names. Other columns are ignored.

    Raises:
        SARChatError: if there is no column `task` or `solution`.
        ValueError: see `reward`.
    """
    for name in ("task", "solution"):
        if name not in columns:
            raise SARChatError(
                f"no column {name!r} for the reward, only {', '.join(sorted(columns))}; export with --to trl or verl, "
                "or with --to ms-swift and a --box-format"
            )
    names = [name for name in ("task", *NOTATION_COLUMNS) if name in columns]
    rows = zip(columns["solution"], *(columns[name] for name in names), strict=True)
    return [
        reward(prediction, {"answer": gold, **dict(zip(names, values, strict=True))})
        for prediction, (gold, *values) in zip(predictions, rows, strict=True)
    ]


def _labelled(reading: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    boxes = reading["boxes"]
    return list(zip(reading.get("labels") or [None] * len(boxes), boxes, strict=True))
