"""`sarchat report`: scores, failures and records of a model's answers, as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from builders.core.writing import writing_whole
from builders.drawing.report.page import Report, ReportOptions, render
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
from builders.scoring.failures import COLUMNS as FAILURE_COLUMNS
from builders.scoring.failures import Failures, count_targets
from builders.scoring.gold import COLUMNS, read_gold
from builders.scoring.joining import JoinedAnswers, ScoredRecord, check_order, join_file
from builders.scoring.readers import AnswerSource
from builders.scoring.result import Result
from builders.scoring.scoring import evaluate, evaluate_both

# What every report contains.
MARK = b"<title>SARChat report: "


def write_report(
    source: AnswerSource,
    data: str,
    out: Path,
    options: ReportOptions,
    baseline: AnswerSource | None = None,
    probe: tuple[Result, ...] = (),
) -> Report:
    """Score a file of answers, write the report, and return what the page shows.

    Args:
        source: the answers.
        data: the data set, as `open_data` takes it.
        out: the file.
        options: the options.
        baseline: the answers to compare with.
        probe: the model's scores with other images, as `Result.probe`.

    Raises:
        SARChatError: a file, an option or the data set is wrong, or an image cannot be read.
        OSError: the file cannot be written.
    """
    for answers in filter(None, (source, baseline)):
        check_order(answers.location, data, "--data")
    gold = read_gold(data, options.config, options.split, options.limit, (*COLUMNS, *FAILURE_COLUMNS))
    joined = join_file(source, gold)
    before = None if baseline is None else join_file(baseline, gold)
    report = _collect(joined, before, options, probe)
    page = render(report)
    with writing_whole(out) as stream:
        stream.write(page)
    return report


def _collect(
    joined: JoinedAnswers, before: JoinedAnswers | None, options: ReportOptions, probe: tuple[Result, ...]
) -> Report:
    gold = joined.gold
    failures = Failures(count_targets(gold.data, gold.split), gold.data.info.names)
    other = None
    if before is None:
        result = evaluate(joined, options.average, options.weights, [failures.add])
    else:
        result, other = evaluate_both(joined, before, options.average, options.weights, [failures.add])
    result = replace(result, params=options.params or "", probe=probe)
    ids = list(gold.records)
    tasks = [record["task"] for record in gold.records.values()]
    choices = choose_examples(ids, tasks, comparison.record_accuracies(result), options.examples)
    baseline = None
    if other is not None:
        other = comparison.name_apart([result, other])[1]
        baseline = other, comparison.compare(result, other)
        choices |= choose_changes(ids, baseline[1].changes, options.examples)
    return Report(
        gold.data.location,
        joined.source.location,
        options,
        result,
        failures,
        _view(joined, before, choices),
        baseline,
    )


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
