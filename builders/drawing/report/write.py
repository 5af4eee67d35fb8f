"""`sarchat report`: scores, failures and records of a model's answers, as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from builders.core.writing import writing_whole
from builders.drawing.report.page import Report, render
from builders.drawing.report.records import (
    RecordView,
    choose_changes,
    choose_examples,
    make_thumbnails,
    order_of,
    read_pictures,
    view_record,
)
from builders.scoring import comparison
from builders.scoring.failures import Failures, count_targets
from builders.scoring.joining import JoinedAnswers, ScoredRecord
from builders.scoring.result import AVERAGES, OWN, Result
from builders.scoring.scoring import evaluate, evaluate_both

# What every report contains.
MARK = b"<title>SARChat report: "


def write_report(
    joined: JoinedAnswers,
    out: Path,
    average: str = AVERAGES[0],
    weights: str = OWN,
    examples: int = 15,
    params: str = "",
    before: JoinedAnswers | None = None,
    probe: tuple[Result, ...] = (),
) -> Report:
    """Score answers, write the report, and return what the page shows.

    Args:
        joined: the answers and their records, with the columns that `Failures` reads.
        out: the file.
        average: `sample` or `corpus`.
        weights: the weights of the overall score, `own` or `published`.
        examples: how many records of each choice are shown.
        params: the model's number of parameters, such as `7B`.
        before: the answers to compare with, to the same records.
        probe: the model's scores with other images, as `Result.probe`.

    Raises:
        SARChatError: an option is wrong, or an image cannot be read.
        OSError: the file cannot be written.
    """
    gold = joined.gold
    failures = Failures(count_targets(gold.data, gold.split), gold.data.info.names)
    other = baseline = None
    if before is None:
        result = evaluate(joined, average, weights, [failures.add])
    else:
        result, other = evaluate_both(joined, before, average, weights, [failures.add])
    result = replace(result, params=params, probe=probe)
    ids = list(gold.records)
    tasks = [record["task"] for record in gold.records.values()]
    choices = choose_examples(ids, tasks, comparison.record_accuracies(result), examples)
    if other is not None:
        other = comparison.name_apart([result, other])[1]
        baseline = other, comparison.compare(result, other)
        choices |= choose_changes(ids, baseline[1].changes, examples)
    report = Report(joined, result, failures, _view(joined, before, choices), baseline)
    page = render(report)
    with writing_whole(out) as stream:
        stream.write(page)
    return report


def _view(joined: JoinedAnswers, before: JoinedAnswers | None, choices: Mapping[str, str]) -> list[RecordView]:
    """Return the chosen records with their images, those that changed first."""
    ids = order_of(choices)
    gold = joined.gold
    names = {gold.records[record_id]["file_name"] for record_id in ids}
    thumbnails = make_thumbnails(read_pictures(gold.data, gold.split, names))
    scored: Sequence[ScoredRecord] = list(joined.score(ids))
    others: Sequence[ScoredRecord | None] = [None] * len(ids) if before is None else list(before.score(ids))
    return [
        view_record(record, choices[record.id], thumbnails[record.reference["file_name"]], other)
        for record, other in zip(scored, others, strict=True)
    ]
