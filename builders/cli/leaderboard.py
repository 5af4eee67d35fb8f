"""`sarchat leaderboard`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from builders.cli.options import format_option, weights_option
from builders.errors import SARChatError

_LOG = logging.getLogger(__name__)


@click.command("leaderboard")
@click.argument("scores", nargs=-1, type=click.Path(path_type=Path))
@weights_option("published")
@format_option
@click.option(
    "--figure",
    "figures",
    multiple=True,
    metavar="FILE",
    help="Draw radar.pdf (sub-scores), size.pdf (score and parameters) or cost.pdf (latency and tokens too): PDF, PNG "
    "or SVG; under another name as radar=FILE.",
)
@click.option(
    "--show", "shown", multiple=True, metavar="MODEL", help="A published model for the figures, such as 'Qwen2-VL 7B'."
)
def command(
    scores: tuple[Path, ...], weights: str, style: str, figures: tuple[str, ...], shown: tuple[str, ...]
) -> None:
    """Print the paper's 16 models together with your own SCORES, files of `sarchat score --output`."""
    from builders.evaluation import leaderboard
    from builders.evaluation.scores_file import read_scores
    from builders.figures import PICTURE_MARK
    from builders.folder.writing import check_outputs
    from builders.report.models import read_figure
    from builders.tables import write_tables

    wanted = [read_figure(text) for text in figures]
    outputs = {f"--figure {kind}": path for kind, path in wanted}
    check_outputs(outputs, scores, dict.fromkeys(outputs, PICTURE_MARK))
    own = [leaderboard.own_entry(read_scores(path)) for path in scores]
    others = leaderboard.choose_published(shown)
    table = leaderboard.tabulate_leaderboard(own, weights)
    if wanted:
        _draw(wanted, own, others, bool(shown), leaderboard.leaderboard_sizes(own, weights))
    click.echo(write_tables([table], style))
    for warning in leaderboard.list_warnings(own):
        _LOG.warning("%s.", warning)


def _draw(wanted: list, own: list, others: list, are_chosen: bool, sizes: dict[str, int]) -> None:
    from builders.figures import require_matplotlib
    from builders.report.models import MOST_IN_RADAR, best_published, draw_kind

    require_matplotlib()
    from builders.figures.style import check_picture, save, styled

    for _, path in wanted:
        check_picture(path)
    for kind, path in wanted:
        in_figure = best_published(others, sizes) if kind == "radar" and not are_chosen else others
        if kind == "radar" and len(own) + len(in_figure) > MOST_IN_RADAR:
            raise SARChatError(
                f"a radar of {len(own) + len(in_figure)} models cannot be read; show up to {MOST_IN_RADAR}"
            )
        with styled():
            save(draw_kind(kind, own, in_figure, sizes), path)
        click.echo(f"Wrote {path}.", err=True)
        for entry in own if kind == "size" else ():
            if entry.parameters is None:
                _LOG.warning(
                    "%s is not in %s: its number of parameters is not known; score it with --params, such as "
                    "--params 7B.",
                    entry.name,
                    path,
                )
