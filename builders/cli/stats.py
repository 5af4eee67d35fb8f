"""`sarchat stats`."""

from __future__ import annotations

from pathlib import Path

import click

from builders.cli.options import format_option


@click.command("stats")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@format_option
def command(folder: Path, style: str) -> None:
    """Compare DIR, which `sarchat build` wrote, with the statistics that the paper prints.

    The tables show boxes, records, shares, aspect ratios, shapes and words of every split; no image is read.
    """
    from builders.analysis.paper_comparison import tabulate_comparison
    from builders.analysis.statistics import compute_statistics
    from builders.folder.reader import open_build
    from builders.tables import write_tables

    build = open_build(folder)
    click.echo(write_tables(tabulate_comparison(compute_statistics(build), build.info), style))
