"""`sarchat report`: scores, failures and records of a model's answers, as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from builders.box_formats.formats import Notation
from builders.evaluation import comparison
from builders.evaluation.error_kinds import error_kinds
from builders.evaluation.failures import COLUMNS as FAILURE_COLUMNS
from builders.evaluation.failures import Failures, count_targets
from builders.evaluation.gold import COLUMNS, read_gold
from builders.evaluation.leaderboard import Entry
from builders.evaluation.readers import AnswerSource
from builders.evaluation.scored_records import JoinedAnswers, ScoredRecord, check_order, join_file
from builders.evaluation.scoring import Evaluation, check_average, evaluate, evaluate_both
from builders.folder.writing import writing_whole
from builders.report.contents import Report, ReportOptions
from builders.report.examples import choose_changes, choose_examples, order_of
from builders.report.page import render
from builders.report.record_view import RecordView, view_record
from builders.report.thumbnails import make_thumbnails, read_pictures

# What every report contains.
MARK = b"<title>SARChat report: "


def write_report(
    source: AnswerSource,
    data: str,
    out: Path,
    options: ReportOptions,
    notation: Notation,
    baseline: AnswerSource | None = None,
) -> Report:
    """Score a file of answers, write the report, and return what the page shows.

    Raises:
        SARChatError: a file, an option or the data set is wrong, or an image cannot be read.
        OSError: the file cannot be written.
    """
    check_average(options.average)
    for answers in filter(None, (source, baseline)):
        check_order(answers.location, data, "--data")
    gold = read_gold(data, options.config, options.split, options.limit, (*COLUMNS, *FAILURE_COLUMNS))
    joined = join_file(source, gold, notation)
    before = None if baseline is None else join_file(baseline, gold, notation)
    report = _collect(joined, before, options)
    page = render(report)
    with writing_whole(out) as stream:
        stream.write(page)
    return report


def _collect(joined: JoinedAnswers, before: JoinedAnswers | None, options: ReportOptions) -> Report:
    gold = joined.gold
    failures = Failures(count_targets(gold.data, gold.split), gold.data.info.names)
    other = None
    if before is None:
        evaluation = evaluate(joined, options.average, options.weights, [failures.add])
    else:
        evaluation, other = evaluate_both(joined, before, options.average, options.weights, [failures.add])
    name = options.model or comparison.stem_of(joined.location)
    candidate = comparison.make_candidate(name, evaluation.tally, options.average, options.weights)
    ids = list(gold.records)
    accuracies = comparison.record_accuracies(evaluation.tally)
    tasks = [record["task"] for record in gold.records.values()]
    choices = choose_examples(ids, tasks, accuracies, options.examples)
    paired, entry_before = None, None
    if before is not None and other is not None:
        names = comparison.name_apart([name, comparison.stem_of(before.location)])
        reference = comparison.make_candidate(names[1], other.tally, options.average, options.weights)
        compared = comparison.compare(candidate, reference, options.average, options.weights)
        paired = reference, compared
        entry_before = _to_entry(names[1], None, other)
        choices |= choose_changes(ids, compared.changes, options.examples)
    return Report(
        gold.data.location,
        joined.location,
        options,
        evaluation,
        failures,
        _view(joined, before, choices),
        _to_entry(name, options.params, evaluation),
        candidate,
        paired,
        entry_before,
    )


def _to_entry(name: str, params: str | None, evaluation: Evaluation) -> Entry:
    scores = evaluation.scores
    return Entry(name, params or "", None, scores.result, scores.result["n"], scores.costs, is_own=True)


def _view(joined: JoinedAnswers, before: JoinedAnswers | None, choices: Mapping[str, str]) -> list[RecordView]:
    """Return the chosen records with their images, those that changed first."""
    ids = order_of(choices)
    gold = joined.gold
    names = {gold.records[record_id]["file_name"] for record_id in ids}
    thumbnails = make_thumbnails(read_pictures(gold.data, gold.split, names))
    scored: Sequence[ScoredRecord] = list(joined.score(ids))
    others: Sequence[ScoredRecord | None] = [None] * len(ids) if before is None else list(before.score(ids))
    kinds = error_kinds()
    return [
        view_record(record, choices[record.id], thumbnails[record.reference["file_name"]], kinds, other)
        for record, other in zip(scored, others, strict=True)
    ]
