"""`sarchat leaderboard`."""

from __future__ import annotations

from pathlib import Path

import click

from builders.cli.options import format_option, weights_option


@click.command("leaderboard")
@click.argument("scores", nargs=-1, type=click.Path(path_type=Path))
@weights_option("published")
@format_option
def command(scores: tuple[Path, ...], weights: str, style: str) -> None:
    """Print the paper's 16 models together with your own SCORES, files of `sarchat score --output`."""
    from builders.evaluation.leaderboard import list_warnings, own_entry, tabulate_leaderboard
    from builders.evaluation.scores_file import read_scores
    from builders.tables import write_tables

    own = [own_entry(read_scores(path)) for path in scores]
    click.echo(write_tables([tabulate_leaderboard(own, weights)], style))
    for warning in list_warnings(own):
        click.echo(f"Warning: {warning}.", err=True)
