"""`sarchat compare`."""

from __future__ import annotations

import click

from builders.cli.options import AnswerOptions, answer_options, average_option, format_option, weights_option
from builders.errors import SARChatError


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

    The files are those of `sarchat score --output`, all scored on the same records, or with --references files of
    answers.
    """
    from pathlib import Path

    from builders.evaluation import comparison
    from builders.evaluation.gold import read_gold
    from builders.evaluation.scored_records import check_order, join_file
    from builders.evaluation.scores_file import read_scores
    from builders.evaluation.scoring import evaluate
    from builders.tables import write_tables

    if len(files) < 2:
        raise SARChatError(f"give two files or more to compare, the baseline first; got only {files[0]}")
    if references is None:
        saved = [read_scores(Path(file)) for file in files]
        comparison.check_same_records(saved)
        names = comparison.name_apart([scores.name for scores in saved])
        candidates = [comparison.read_candidate(scores, average, weights) for scores in saved]
    else:
        notation = asked.read_notation()
        for file in files:
            check_order(file, references)
        gold = read_gold(references, asked.config, asked.split, asked.limit)
        names = comparison.name_apart([comparison.stem_of(file) for file in files])
        candidates = []
        for file in files:
            joined = join_file(asked.source_of(file), gold, notation)
            tally = evaluate(joined, average, weights, resamples=0).tally
            candidates.append(comparison.make_candidate(file, tally, average, weights))
    baseline, *models = [candidate._replace(name=name) for candidate, name in zip(candidates, names, strict=True)]
    results = [comparison.compare(model, baseline, average, weights) for model in models]
    click.echo(write_tables([comparison.tabulate_comparison(baseline, models, results)], style))
