"""A file of predictions against a data set: the scores, their intervals, and optionally a line per record."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from builders.core.errors import check_name
from builders.core.schema import base_id
from builders.core.writing import writing_whole
from builders.scoring.bootstrap import RESAMPLES, intervals
from builders.scoring.detection import DetectionCollector
from builders.scoring.gold import COLUMNS, number_of_wordings, read_gold
from builders.scoring.joining import JoinedAnswers, ScoredRecord, check_order, join_file
from builders.scoring.readers import COSTS, Answer, AnswerSource
from builders.scoring.result import (
    AVERAGES,
    COUNTED,
    OWN,
    UNREAD,
    WEIGHTS,
    Result,
    choose_sizes,
    hash_records,
    scores_of,
)
from builders.scoring.result_files import read_blind
from sarchat_metric import SUB_SCORES, Collector, score_record, summarise


def evaluate_file(
    predictions: str | Path | AnswerSource,
    references: str | Path,
    config: str,
    split: str,
    average: str,
    details: Path | None = None,
    limit: int | None = None,
    weights: str = OWN,
    detection: DetectionCollector | None = None,
) -> Result:
    """Score a file of a model's answers against a split of a data set.

    Args:
        predictions: the file of `{"id", "prediction"}`, or a file with the tool that wrote it. A record without an
            answer in it scores 0.
        references: the data set, as `open_data` takes it.
        config: a task, or `all`.
        split: the split.
        average: `sample` or `corpus`.
        details: the file to write, one line per record: what was read, the matched boxes, the accuracies.
        limit: score only this many records of each task and scenario, see `choose_subset`; answers to the split's
            other records are left out.
        weights: the weights of the overall score: `own` or `published`.
        detection: what collects the detections in the answers, if they are wanted.

    Raises:
        SARChatError: if a file, a row, an id, the config, the split, the average or the weights are wrong, or rows
            without an id are not in the records' order.
    """
    source = predictions if isinstance(predictions, AnswerSource) else AnswerSource(str(predictions))
    check_order(source.location, str(references))
    columns = COLUMNS if detection is None else (*COLUMNS, "objects")
    joined = join_file(source, read_gold(str(references), config, split, limit, columns))
    with writing_whole(details) if details else nullcontext() as lines:
        watch = [] if detection is None else [detection.add]
        watch += [] if lines is None else [lambda record: _write_details(record, lines)]
        return evaluate(joined, average, weights, watch)


def evaluate(
    joined: JoinedAnswers,
    average: str,
    weights: str = OWN,
    watch: Sequence[Callable[[ScoredRecord], None]] = (),
    resamples: int = RESAMPLES,
) -> Result:
    """Score joined answers record by record.

    Args:
        joined: the answers and their records.
        average: `sample` or `corpus`.
        weights: the weights of the overall score: `own` or `published`.
        watch: functions that are called with each record in order; none is kept in memory.
        resamples: the number of draws for the intervals; with 0 there are none.

    Raises:
        SARChatError: if the average or the weights are unknown, a gold answer cannot be read, or the weights need tasks
            that were not scored.
    """
    counts = _AnswerCounts(average, weights)
    for record in joined.score():
        counts.add(record)
        for look in watch:
            look(record)
    return counts.summarise(joined, resamples)


def evaluate_both(
    joined: JoinedAnswers,
    baseline: JoinedAnswers,
    average: str,
    weights: str = OWN,
    watch: Sequence[Callable[[ScoredRecord], None]] = (),
) -> tuple[Result, Result]:
    """Score two models' answers, in one pass; `watch` gets each record of the model.

    Returns:
        The model's scores, and those of the baseline, without intervals.

    Raises:
        SARChatError: as `evaluate`.
    """
    counts, others = _AnswerCounts(average, weights), _AnswerCounts(average, weights)
    for record, other in joined.score_with(baseline):
        counts.add(record)
        others.add(other)
        for look in watch:
            look(record)
    return counts.summarise(joined, RESAMPLES), others.summarise(baseline, 0)


class _AnswerCounts:
    """What is counted of each record, and the scores that follow."""

    def __init__(self, average: str, weights: str) -> None:
        check_name("average", average, AVERAGES)
        check_name("weights", weights, WEIGHTS)
        self._average, self._weights = average, weights
        self._collector = Collector()
        self._counters = {name: Counter[str]() for name in COUNTED}
        self._costs: dict[str, list[float]] = defaultdict(list)
        # The last record's wordings so far, the numbers of wordings, and by task the records answered alike in all.
        self._wordings: list[ScoredRecord] = []
        self._base = ""
        self._numbers = set[int]()
        self._alike = Counter[str]()

    def add(self, record: ScoredRecord) -> None:
        """Count the next record; the wordings of one come one after the other."""
        self._collector.add(record.result)
        base = base_id(record.id)
        if self._wordings and base != self._base:
            self._count_wordings()
        self._base = base
        self._wordings.append(record)
        for name, number in count_answer(record).items():
            if number:
                self._counters[name][record.result.task] += number
        _note_costs(record.answer, self._costs)

    def _count_wordings(self) -> None:
        """Count the wordings of a record, and whether the answers to them are alike; the next record follows."""
        first, *others = self._wordings
        is_clear = first.result.parsed and not first.result.hedged
        self._alike[first.result.task] += is_clear and all(_are_alike(first, other) for other in others)
        self._numbers.add(len(self._wordings))
        self._wordings = []

    def summarise(self, joined: JoinedAnswers, resamples: int) -> Result:
        """Return the scores of the records that were added; arguments and errors as in `evaluate`."""
        tally, average = self._collector.tally(), self._average
        flat = summarise(tally, average)
        counters = {name: {task: counter[task] for task in flat["n"]} for name, counter in self._counters.items()}
        if self._wordings:
            self._count_wordings()
        wordings = number_of_wordings(self._numbers, joined.gold.data.location)
        if wordings > 1:
            counters["alike"] = dict(self._alike)
        corpus = joined.gold.data.info.name
        sizes = choose_sizes(self._weights, flat["n"], corpus)
        return Result(
            joined.source.name,
            scores_of(tally, average),
            flat["n"],
            average=average,
            weights=self._weights,
            tally=tally,
            records=hash_records(joined.gold.records),
            corpus=corpus,
            intervals=intervals(tally, average, sizes, resamples, wordings) if resamples else {},
            counts={**{name: flat[name] for name in UNREAD if name in flat}, **counters},
            wordings=wordings,
            costs={
                name: {"mean": float(np.mean(values)), "median": float(np.median(values))}
                for name, values in self._costs.items()
            },
            missing=joined.missing,
            left_out=joined.left_out,
            blind_scores=read_blind(joined.gold.data, joined.gold.split, average),
            location=joined.source.location,
        )


def _are_alike(first: ScoredRecord, other: ScoredRecord) -> bool:
    """Return whether an answer to another wording scores 100 with the answer to the first one as gold."""
    if other.translation.text == first.translation.text:
        return True
    task, scenario = first.result.task, first.result.scenario
    gold = {"task": task, "scenario": scenario, "answer": first.translation.text}
    try:
        accuracies = score_record(other.translation.text, gold, first.info.vocabulary).accuracies
    except ValueError:
        # The first answer lacks something, such as a box in a count.
        return False
    return all(accuracies[key] == 100 for key in SUB_SCORES[task] if key in accuracies)


def count_answer(record: ScoredRecord) -> dict[str, int]:
    """Return what is counted of a record's answer, by the names of `COUNTED`."""
    answer, translation = record.answer, record.translation
    return {
        "truncated": int(translation.truncated or (answer is not None and answer.truncated)),
        "failed": int(answer is not None and answer.failed),
        "boxes": translation.boxes,
        "out_of_image": translation.out_of_image,
        "rotated": translation.rotated,
        "not_boxes": translation.not_boxes,
    }


def _note_costs(answer: Answer | None, costs: dict[str, list[float]]) -> None:
    if answer is not None:
        for name, value in zip(COSTS, (answer.latency, answer.prompt_tokens, answer.completion_tokens), strict=True):
            if value is not None:
                costs[name].append(value)


def _write_details(record: ScoredRecord, lines: TextIO) -> None:
    """Write a line with everything that is known of a record; `answer` is the gold answer."""
    reference, result = record.reference, record.result
    line = {
        "id": record.id,
        "answered": record.answer is not None,
        **count_answer(record),
        "answer": reference["messages"][-1]["content"],
        "width": reference["width"],
        "height": reference["height"],
        **result._asdict(),
        "prediction": _without_infinities(result.prediction),
        "accuracies": result.accuracies,
    }
    lines.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def _without_infinities(reading: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace edges of boxes that are too large for a float by `None`: JSON has no infinity."""
    if "boxes" not in reading:
        return reading
    boxes = [[edge if math.isfinite(edge) else None for edge in box] for box in reading["boxes"]]
    return {**reading, "boxes": boxes}
