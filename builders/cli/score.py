"""`sarchat score` and `compare`: the scores of a model, and how those of several differ."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from builders.cli.options import AnswerOptions, answer_options, average_option, format_option, weights_option
from builders.core.errors import SARChatError
from builders.core.tables import write_tables


@click.command("score")
@click.argument("files", metavar="FILE", nargs=-1, required=True)
@click.option("--references", metavar="DATA", required=True, help="Built folder, Hub data set or SARDet-100K.")
@answer_options
@average_option
@weights_option("own")
@format_option
@click.option("--model", metavar="NAME", help="The model's name in leaderboards; default: that of `sarchat predict`.")
@click.option("--params", metavar="SIZE", help="Its number of parameters, such as 7B, for leaderboards.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the scores to this JSON file.")
@click.option(
    "--eval-results",
    metavar="REPO_ID",
    help="Write .eval_results/sarchat.yaml for the model's repository on the Hub; REPO_ID is the name of the data set.",
)
@click.option(
    "--detection", is_flag=True, help="Score counting and referring as detections too: mAP_nc, mF1 and, if known, AP."
)
@click.option("--details", type=click.Path(path_type=Path), help="Write one line per record to this JSON Lines file.")
def score_command(
    files: tuple[str, ...],
    references: str,
    asked: AnswerOptions,
    average: str,
    weights: str,
    style: str,
    model: str | None,
    params: str | None,
    output: Path | None,
    eval_results: str | None,
    detection: bool,
    details: Path | None,
) -> None:
    """Score FILE, a model's answers, against a data set.

    FILE holds an id and a prediction per row: JSON Lines, JSON, CSV, TSV, Parquet or Excel, also as gzip; "-" is
    standard input, and OWNER/NAME a data set on the Hub. With --from, FILE is the output of another tool.

    If `sarchat predict` wrote FILE, the model and its options are read from FILE.meta.json.
    """
    from builders.core.writing import check_outputs, check_outside
    from builders.scoring import result_files
    from builders.scoring.detection import DetectionCollector, tabulate_detection
    from builders.scoring.score_table import list_warnings, tabulate_scores
    from builders.scoring.scoring import evaluate_file
    from sarchat_metric import VERSION

    if len(files) > 1:
        newest = max(files, key=lambda file: Path(file).stat().st_mtime if Path(file).exists() else 0)
        raise SARChatError(
            f"{len(files):,} files of answers were given, but the scores are of one; give the one that is meant (the "
            f"newest is {newest}), or use `sarchat compare` for several models"
        )
    (predictions,) = files
    asked, (source,) = asked.read_sources([predictions], model)
    inputs = [predictions, references]
    check_outputs(
        {"--output": output, "--details": details},
        inputs,
        {"--output": result_files.SCORES_MARK, "--details": result_files.DETAILS_MARK},
    )
    if eval_results is not None:
        result_files.check_repo_id(eval_results)
        check_outside(result_files.EVAL_RESULTS, inputs, "--eval-results")
        result_files.check_replaceable()
        if asked.limit is not None:
            raise SARChatError(
                f"--eval-results is for the scores of a whole split, but these are of --limit {asked.limit}"
            )
    detections = DetectionCollector(source.notation) if detection else None
    result = evaluate_file(
        source, references, asked.config, asked.split, average, details, asked.limit, weights, detections
    )
    found = detections.scores() if detections else {}
    if detection and not found:
        raise SARChatError("--detection is for answers to counting or referring, and there are none")
    if eval_results is not None and result.missing:
        raise SARChatError(
            f"--eval-results is for answers to a whole split, but {result.missing:,} of its records have none in "
            f"{predictions}; ask for them, or give --config for the tasks that were asked"
        )
    if output is not None:
        run = {
            "model": source.model or None,
            "params": params,
            **asked.of_run(average),
            **({"detection": {task: own._asdict() for task, own in found.items()}} if detection else {}),
        }
        result_files.write_result(output, result, run)
    if eval_results is not None:
        notes = (
            f"split {asked.split}, metric {VERSION}, average {average}, weights {weights}, "
            f"box format {asked.box_format}"
            + (f", {failed:,} requests failed" if (failed := result.total("failed")) else "")
        )
        result_files.write_eval_results(eval_results, result, notes)
    tables = tabulate_scores(result) + ([tabulate_detection(found)] if detection else [])
    click.echo(write_tables(tables, style))
    if eval_results is not None:
        file = result_files.EVAL_RESULTS
        click.echo(f"Wrote {file}; publish it: hf upload MODEL {file} {file}", err=True)
    for warning in list_warnings(result, asked.box_format):
        logging.getLogger(__name__).warning(warning)


@click.command("compare")
@click.argument("files", metavar="BASELINE MODEL...", nargs=-1, required=True)
@click.option("--references", metavar="DATA", help="The files are answers to this data set, not scores.")
@answer_options
@average_option
@weights_option("own")
@format_option
def compare_command(
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
    from builders.scoring import comparison
    from builders.scoring.result_files import read_result
    from builders.scoring.scoring import evaluate

    if len(files) < 2:
        raise SARChatError(f"give two files or more to compare, the baseline first; got only {files[0]}")
    if references is None:
        saved = [read_result(Path(file)) for file in files]
        comparison.check_same_records(saved)
        results = [result.scored_by(average, weights) for result in saved]
    else:
        asked, joined = asked.join(files, references)
        results = [evaluate(answers, average, weights, resamples=0) for answers in joined]
    baseline, *models = comparison.name_apart(results)
    comparisons = [comparison.compare(model, baseline) for model in models]
    click.echo(write_tables([comparison.tabulate_comparison(baseline, models, comparisons)], style))
