"""`sarchat score`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from builders.schema import ALL


@click.command("score")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--references", type=click.Path(path_type=Path), required=True, help="Folder that `sarchat build` wrote.")
@click.option("--config", default=ALL, show_default=True, help="A task, or all.")
@click.option("--split", default="test", show_default=True, help="Split to score on.")
@click.option(
    "--average", default="sample", show_default=True, help="sample: mean over records; corpus: pooled counts."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the scores to this JSON file.")
@click.option("--details", type=click.Path(path_type=Path), help="Write a line a record to this JSON Lines file.")
def command(
    predictions: Path,
    references: Path,
    config: str,
    split: str,
    average: str,
    output: Path | None,
    details: Path | None,
) -> None:
    """Score PREDICTIONS, a JSON Lines file of {"id", "prediction"}, against a built data set."""
    from builders.evaluation.score_table import format_scores
    from builders.evaluation.scoring import score_file
    from builders.folder.writing import writing_whole

    scores = score_file(predictions, references, config, split, average, details)
    if output is not None:
        content = {
            **scores.result,
            "config": config,
            "split": split,
            "average": average,
            "missing": scores.missing,
            "intervals": scores.intervals,
        }
        with writing_whole(output) as stream:
            stream.write(json.dumps(content, indent=1) + "\n")
    click.echo(format_scores(scores))
    if scores.missing:
        click.echo(f"Warning: {scores.missing:,} records have no prediction; each scored 0.", err=True)
