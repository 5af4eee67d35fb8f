"""`sarchat compare`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from builders.cli.options import AnswerOptions, answer_options, average_option, format_option, weights_option
from builders.errors import SARChatError

if TYPE_CHECKING:
    from builders.evaluation.result import Result


@click.command("compare")
@click.argument("files", metavar="BASELINE MODEL...", nargs=-1, required=True)
@click.option("--references", metavar="DATA", help="The files are answers to this data set, not scores.")
@answer_options
@average_option
@weights_option("own")
@format_option
def command(
    files: tuple[str, ...],
    references: str | None,
    asked: AnswerOptions,
    average: str,
    weights: str,
    style: str,
) -> None:
    """Compare every MODEL with the BASELINE: the difference of each score, with a paired 95 % interval.

    The files are those of `sarchat score --output` or --details, all scored on the same records, or with --references
    files of answers. Of a file of `sarchat predict`, FILE.meta.json gives the model and the options that it was asked
    with.
    """
    from pathlib import Path

    from builders.evaluation import comparison
    from builders.evaluation.result_files import read_result
    from builders.tables import write_tables

    if len(files) < 2:
        raise SARChatError(f"give two files or more to compare, the baseline first; got only {files[0]}")
    if references is None:
        saved = [read_result(Path(file)) for file in files]
        comparison.check_same_records(saved)
        results = [result.scored_by(average, weights) for result in saved]
    else:
        results = _score(files, references, asked, average, weights)
    baseline, *models = comparison.name_apart(results)
    comparisons = [comparison.compare(model, baseline) for model in models]
    click.echo(write_tables([comparison.tabulate_comparison(baseline, models, comparisons)], style))


def _score(files: tuple[str, ...], references: str, options: AnswerOptions, average: str, weights: str) -> list[Result]:
    """Score files of answers, each with the box format that it was asked in; all of the same records."""
    from builders.evaluation.gold import read_gold
    from builders.evaluation.scored_records import check_order, join_file
    from builders.evaluation.scoring import evaluate

    for file in files:
        check_order(file, references)
    asked = [options.as_asked(file) for file in files]
    notations = [of_file.read_notation() for of_file, _ in asked]
    first = asked[0][0]
    for file, (other, _) in zip(files, asked, strict=True):
        for name in ("config", "split", "limit"):
            if getattr(other, name) != getattr(first, name):
                raise SARChatError(
                    f"{files[0]} was asked with --{name} {getattr(first, name)}, but {file} with "
                    f"{getattr(other, name)}; give --{name} for both"
                )
    gold = read_gold(references, first.config, first.split, first.limit)
    results = []
    for file, notation, (of_file, model) in zip(files, notations, asked, strict=True):
        joined = join_file(of_file.source_of(file), gold, notation)
        result = evaluate(joined, average, weights, resamples=0)
        results.append(replace(result, name=model or result.name, location=file))
    return results
