"""`sarchat compare`."""

from __future__ import annotations

import click

from builders.cli.options import AnswerOptions, answer_options, average_option, format_option, weights_option
from builders.core.errors import SARChatError


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
    files of answers. If `sarchat predict` wrote one, the model and its options are read from its sidecar.
    """
    from pathlib import Path

    from builders.core.tables import write_tables
    from builders.scoring import comparison
    from builders.scoring.gold import read_gold
    from builders.scoring.result_files import read_result
    from builders.scoring.scored_records import check_order, join_file
    from builders.scoring.scoring import evaluate

    if len(files) < 2:
        raise SARChatError(f"give two files or more to compare, the baseline first; got only {files[0]}")
    if references is None:
        saved = [read_result(Path(file)) for file in files]
        comparison.check_same_records(saved)
        results = [result.scored_by(average, weights) for result in saved]
    else:
        for file in files:
            check_order(file, references)
        asked, sources = asked.read_sources(files)
        gold = read_gold(references, asked.config, asked.split, asked.limit)
        results = [evaluate(join_file(source, gold), average, weights, resamples=0) for source in sources]
    baseline, *models = comparison.name_apart(results)
    comparisons = [comparison.compare(model, baseline) for model in models]
    click.echo(write_tables([comparison.tabulate_comparison(baseline, models, comparisons)], style))
