"""A file of predictions against a built data set: join them by id, score, and tell record by record."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

from builders.errors import SARChatError
from builders.evaluation.bootstrap import intervals
from builders.folder.writing import writing_whole
from builders.open_data import OpenData, open_data
from sarchat_metric import RecordScore, collect, score_record, summarise

_COLUMNS = ("id", "task", "scenario", "messages")


class Scores(NamedTuple):
    """What an evaluation gave.

    Attributes:
        result: the metric's flat dict.
        records: the number of records behind each sub-score.
        intervals: for each score, the ends of its 95 % interval.
        missing: the number of records without a prediction.
    """

    result: dict[str, Any]
    records: dict[str, int]
    intervals: dict[str, tuple[float, float]]
    missing: int


def score_file(
    predictions: Path,
    references: str | Path,
    config: str,
    split: str,
    average: str,
    details: Path | None = None,
    limit: int | None = None,
) -> Scores:
    """Score a JSON Lines file of `{"id", "prediction"}` against a split of a data set.

    Args:
        predictions: the file; a record that it does not tell of gets an empty answer, which scores 0.
        references: the data set, as `open_data` takes it.
        config: a task, or `all`.
        split: the split.
        average: `sample` or `corpus`.
        details: where to write a line a record: what was read, the boxes matched, the accuracies.
        limit: score only this many records of each task and scenario, see `choose_subset`; answers to the split's
            other records are left out.

    Raises:
        SARChatError: a file, a line, an id, the config, the split or the average is wrong.
    """
    if average not in ("sample", "corpus"):
        raise SARChatError(f"unknown average {average!r}; choose from sample, corpus")
    data = open_data(str(references))
    tasks = data.select(config, split)
    gold = dict(_read_rows(data, tasks, split, data.subset(tasks, split, limit)))
    answers = read_predictions(predictions)
    outside = answers.keys() - gold.keys()
    if limit is not None:
        outside -= {record_id for record_id, _ in _read_rows(data, tasks, split, outside)}
    unknown = [record_id for record_id in answers if record_id in outside]
    if unknown:
        more = f" (and {len(unknown) - 1:,} more)" if len(unknown) > 1 else ""
        raise SARChatError(
            f"{predictions}: id {unknown[0]!r}{more} is not in {references}, config {config}, split {split}; "
            "choose the config and split that the model was run on"
        )
    answers = {record_id: answers[record_id] for record_id in gold if record_id in answers}
    with writing_whole(details) if details else nullcontext() as lines:
        counts = collect(_score_each(gold, answers, references, lines))
    records = {key: len(rows) for key, rows in counts.records.items()}
    return Scores(summarise(counts, average), records, intervals(counts, average), len(gold) - len(answers))


def _score_each(
    gold: Mapping[str, Mapping[str, Any]], answers: Mapping[str, str], references: str | Path, lines: TextIO | None
) -> Iterator[RecordScore]:
    """Score record by record, a line of details for each if they are wanted."""
    for record_id, reference in tqdm(gold.items(), desc="Scoring", unit=" records", delay=1, disable=None):
        try:
            result = score_record(answers.get(record_id, ""), reference)
        except ValueError as error:
            raise SARChatError(f"{references}, record {record_id}: {error}") from error
        if lines is not None:
            line = {
                "id": record_id,
                "answered": record_id in answers,
                **result._asdict(),
                "accuracies": result.accuracies,
            }
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        yield result


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


def read_predictions(path: Path) -> dict[str, str]:
    """Read the answers of a JSON Lines file by record id.

    Raises:
        SARChatError: the file cannot be read, a line is no `{"id", "prediction"}`, or an id stands there twice.
    """
    answers: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    record_id, answer = _read_line(line, f"{path}, line {number}")
                    if record_id in answers:
                        raise SARChatError(f"{path}, line {number}: id {record_id!r} stands there already; keep one")
                    answers[record_id] = answer
    except OSError as error:
        raise SARChatError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SARChatError(f"{path} is not UTF-8: {error.reason} at byte {error.start:,}; save it as UTF-8") from error
    if not answers:
        raise SARChatError(f'{path} holds no prediction; give a line {{"id": ..., "prediction": ...}} a record')
    return answers


def _read_line(line: str, place: str) -> tuple[str, str]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SARChatError(f"{place} is not JSON: {error}") from error
    if not isinstance(entry, dict) or not {"id", "prediction"} <= entry.keys():
        raise SARChatError(f'{place}: expected {{"id": ..., "prediction": ...}}, but got {line.strip()[:80]}')
    if not isinstance(entry["id"], str) or not isinstance(entry["prediction"], str):
        raise SARChatError(f"{place}: id and prediction must both be text, but got {line.strip()[:80]}")
    return entry["id"], entry["prediction"]
