"""`sarchat leaderboard`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("leaderboard")
@click.argument("scores", nargs=-1, type=click.Path(path_type=Path))
def command(scores: tuple[Path, ...]) -> None:
    """Print the paper's 16 models together with your own SCORES, files of `sarchat score --output`."""
    from builders.evaluation.leaderboard import format_leaderboard, read_scores

    click.echo(format_leaderboard([read_scores(path) for path in scores]))
