"""A file of predictions against a data set: join them to their records, translate, score, and tell record by record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

from builders.box_formats.formats import NATIVE, Notation, get_format
from builders.box_formats.translate import Translation, translate
from builders.errors import SARChatError
from builders.evaluation.bootstrap import intervals
from builders.evaluation.joining import join_answers
from builders.evaluation.readers import Answer, AnswerSource, read_answers
from builders.folder.writing import writing_whole
from builders.open_data import OpenData, open_data
from sarchat_metric import RecordScore, collect, score_record, summarise

_COLUMNS = ("id", "task", "scenario", "messages", "width", "height")
SARCHAT_NOTATION = Notation(get_format(NATIVE))
# What is counted of answers and of the boxes in them, beside the metric's own `unparsed`.
COUNTED = ("truncated", "failed", "boxes", "out_of_image", "rotated", "not_boxes")
# A data set is no file of these kinds.
_ANSWER_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".xlsx", ".parquet")
_NO_ANSWER = Answer("", "")


class Scores(NamedTuple):
    """What an evaluation gave.

    Attributes:
        result: the metric's flat dict.
        records: the number of records behind each sub-score.
        intervals: for each score, the ends of its 95 % interval.
        missing: the number of records without a prediction.
        counts: by the names of `COUNTED`, by task: answers that were cut off and requests that failed; the boxes of the
            answers, and of these how many reach beyond their image; rotated boxes and other coordinates, which are not
            scored.
    """

    result: dict[str, Any]
    records: dict[str, int]
    intervals: dict[str, tuple[float, float]]
    missing: int
    counts: dict[str, dict[str, int]]

    def total(self, name: str) -> int:
        """Return one of `counts` over all tasks."""
        return sum(self.counts[name].values())


def score_file(
    predictions: str | Path | AnswerSource,
    references: str | Path,
    config: str,
    split: str,
    average: str,
    details: Path | None = None,
    limit: int | None = None,
    notation: Notation = SARCHAT_NOTATION,
) -> Scores:
    """Score a file of a model's answers against a split of a data set.

    Args:
        predictions: the file of `{"id", "prediction"}`, or which file of which tool. A record without an answer in it
            gets an empty one, which scores 0.
        references: the data set, as `open_data` takes it.
        config: a task, or `all`.
        split: the split.
        average: `sample` or `corpus`.
        details: where to write a line a record: what was read, the boxes matched, the accuracies.
        limit: score only this many records of each task and scenario, see `choose_subset`; answers to the split's
            other records are left out.
        notation: the format in which the model writes boxes.

    Raises:
        SARChatError: a file, a row, an id, the config, the split or the average is wrong, or rows without an id are
            not in the records' order.
    """
    if average not in ("sample", "corpus"):
        raise SARChatError(f"unknown average {average!r}; choose from sample, corpus")
    source = predictions if isinstance(predictions, AnswerSource) else AnswerSource(str(predictions))
    _check_order(source.location, references)
    data = open_data(str(references))
    tasks = data.select(config, split)
    gold = dict(_read_rows(data, tasks, split, data.subset(tasks, split, limit)))
    rows = list(read_answers(source, split))
    records = gold
    if limit is not None and len(rows) > len(gold) and rows[0].id is None:
        records = dict(_read_rows(data, tasks, split, None))
    answers = join_answers(rows, records, source.location, notation)
    outside = answers.keys() - gold.keys()
    if limit is not None:
        outside -= {record_id for record_id, _ in _read_rows(data, tasks, split, outside)}
    unknown = [record_id for record_id in answers if record_id in outside]
    if unknown:
        more = f" (and {len(unknown) - 1:,} more)" if len(unknown) > 1 else ""
        raise SARChatError(
            f"{source.location}: id {unknown[0]!r}{more} is not in {references}, config {config}, split {split}; "
            "choose the config and split that the model was run on"
        )
    answers = {record_id: answers[record_id] for record_id in gold if record_id in answers}
    counters = {name: Counter[str]() for name in COUNTED}
    with writing_whole(details) if details else nullcontext() as lines:
        tally = collect(_score_each(gold, answers, references, notation, counters, lines))
    result = summarise(tally, average)
    return Scores(
        result,
        {key: len(rows) for key, rows in tally.records.items()},
        intervals(tally, average),
        len(gold) - len(answers),
        {name: {task: counter[task] for task in result["n"]} for name, counter in counters.items()},
    )


def _check_order(predictions: str, references: str | Path) -> None:
    """Refuse the two the wrong way round."""
    if Path(predictions).is_dir():
        raise SARChatError(
            f"{predictions} is a folder, not a file of answers; give the answers first, and the data set with "
            "--references"
        )
    if Path(references).is_file() and Path(references).name.removesuffix(".gz").endswith(_ANSWER_SUFFIXES):
        raise SARChatError(
            f"--references {references} is a file of answers or of records, not a data set; give a built folder, a Hub "
            "data set or SARDet-100K there, and the answers first"
        )


def _score_each(
    gold: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, Answer],
    references: str | Path,
    notation: Notation,
    counters: Mapping[str, Counter[str]],
    lines: TextIO | None,
) -> Iterator[RecordScore]:
    """Score record by record and count what was met, a line of details for each if they are wanted."""
    for record_id, reference in tqdm(gold.items(), desc="Scoring", unit=" records", delay=1, disable=None):
        answer = answers.get(record_id, _NO_ANSWER)
        translation = translate(
            answer.text, notation.format, reference["width"], reference["height"], notation.input_size
        )
        try:
            result = score_record(translation.text, reference)
        except ValueError as error:
            raise SARChatError(f"{references}, record {record_id}: {error}") from error
        counted = _count(answer, translation)
        for name, number in counted.items():
            counters[name][result.task] += number
        if lines is not None:
            line = {
                "id": record_id,
                "answered": record_id in answers,
                **counted,
                **result._asdict(),
                "accuracies": result.accuracies,
            }
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        yield result


def _count(answer: Answer, translation: Translation) -> dict[str, int]:
    return {
        "truncated": int(answer.truncated or translation.truncated),
        "failed": int(answer.failed),
        "boxes": translation.boxes,
        "out_of_image": translation.out_of_image,
        "rotated": translation.rotated,
        "not_boxes": translation.not_boxes,
    }


def read_references(references: str | Path, config: str, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and the reference of each record; no image is read.

    Args:
        references: the data set, as `open_data` takes it.
        config: a task, or `all`.
        split: the split.

    Raises:
        SARChatError: there is no such data set, config or split.
    """
    data = open_data(str(references))
    return _read_rows(data, data.select(config, split), split, None)


def _read_rows(
    data: OpenData, tasks: Sequence[str], split: str, keep: Container[str] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    for task in tasks:
        for row in data.rows(task, split, keep, _COLUMNS):
            yield row.pop("id"), row
