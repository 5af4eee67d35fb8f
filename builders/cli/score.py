"""`sarchat score`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from builders.errors import SARChatError
from builders.schema import ALL


@click.command("score")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--references", metavar="DATA", required=True, help="Built folder, Hub data set or SARDet-100K.")
@click.option("--config", default=ALL, show_default=True, help="A task, or all.")
@click.option("--split", default="test", show_default=True, help="Split to score on.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Score only N records of each task and scenario.")
@click.option(
    "--average", default="sample", show_default=True, help="sample: mean over records; corpus: pooled counts."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the scores to this JSON file.")
@click.option("--details", type=click.Path(path_type=Path), help="Write one line per record to this JSON Lines file.")
def command(
    predictions: Path,
    references: str,
    config: str,
    split: str,
    limit: int | None,
    average: str,
    output: Path | None,
    details: Path | None,
) -> None:
    """Score PREDICTIONS, a JSON Lines file of {"id", "prediction"}, against a built data set."""
    from builders.evaluation.score_table import format_scores
    from builders.evaluation.scoring import score_file
    from builders.folder.writing import check_outputs, writing_whole

    if predictions.is_dir():
        raise SARChatError(f"{predictions} is a folder, not a file of predictions; swap it with --references?")
    check_outputs({"--output": output, "--details": details}, [predictions, references])
    scores = score_file(predictions, references, config, split, average, details, limit)
    if output is not None:
        content = {
            **scores.result,
            "config": config,
            "split": split,
            "limit": limit,
            "average": average,
            "missing": scores.missing,
            "intervals": scores.intervals,
        }
        with writing_whole(output) as stream:
            stream.write(json.dumps(content, indent=1) + "\n")
    click.echo(format_scores(scores))
    if scores.missing:
        click.echo(f"Warning: {scores.missing:,} records have no prediction; each scored 0.", err=True)
