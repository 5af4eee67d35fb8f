"""`sarchat stats`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("stats")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Compare DIR, which `sarchat build` wrote, with the statistics that the paper prints.

    The tables show boxes per category, records per task and aspect ratios for every split; no image is read.
    """
    from builders.analysis.paper_comparison import format_comparison
    from builders.analysis.statistics import compute_statistics
    from builders.folder.reader import open_build

    click.echo(format_comparison(compute_statistics(open_build(folder))))
