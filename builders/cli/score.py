"""`sarchat score`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from builders.cli.options import box_format_options
from builders.schema import ALL


@click.command("score")
@click.argument("predictions", metavar="FILE")
@click.option("--references", metavar="DATA", required=True, help="Built folder, Hub data set or SARDet-100K.")
@click.option("--config", default=ALL, show_default=True, help="A task, or all.")
@click.option("--split", default="test", show_default=True, help="Split to score on.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Score only N records of each task and scenario.")
@click.option("--from", "tool", metavar="TOOL", help="Tool that wrote FILE: ms-swift, llama-factory, openai-batch, ...")
@click.option("--id-field", metavar="NAME", help="Column of the record's id, if not the tool's own.")
@click.option("--prediction-field", metavar="NAME", help="Column of the answer, if not the tool's own.")
@box_format_options
@click.option(
    "--average", default="sample", show_default=True, help="sample: mean over records; corpus: pooled counts."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the scores to this JSON file.")
@click.option("--details", type=click.Path(path_type=Path), help="Write one line per record to this JSON Lines file.")
def command(
    predictions: str,
    references: str,
    config: str,
    split: str,
    limit: int | None,
    tool: str | None,
    id_field: str | None,
    prediction_field: str | None,
    box_format: str,
    input_size: str | None,
    resize: str | None,
    average: str,
    output: Path | None,
    details: Path | None,
) -> None:
    """Score FILE, a model's answers, against a data set.

    FILE holds an id and a prediction per row: JSON Lines, JSON, CSV, TSV, Parquet or Excel, also as gzip; "-" is
    standard input, and OWNER/NAME a data set on the Hub. With --from it is what another tool wrote.
    """
    from builders.box_formats.formats import read_notation
    from builders.evaluation.readers import AnswerSource
    from builders.evaluation.score_table import format_scores, list_warnings
    from builders.evaluation.scoring import score_file
    from builders.folder.writing import check_outputs, writing_whole
    from sarchat_metric import VERSION

    notation = read_notation(box_format, input_size, resize)
    source = AnswerSource(predictions, tool, id_field, prediction_field)
    check_outputs({"--output": output, "--details": details}, [predictions, references])
    scores = score_file(source, references, config, split, average, details, limit, notation)
    if output is not None:
        content = {
            **scores.result,
            **scores.counts,
            "config": config,
            "split": split,
            "limit": limit,
            "average": average,
            "box_format": box_format,
            "input_size": input_size,
            "resize": resize,
            "missing": scores.missing,
            "metric_version": VERSION,
            "intervals": scores.intervals,
        }
        with writing_whole(output) as stream:
            stream.write(json.dumps(content, indent=1) + "\n")
    click.echo(format_scores(scores))
    for warning in list_warnings(scores, box_format):
        click.echo(f"Warning: {warning}", err=True)
