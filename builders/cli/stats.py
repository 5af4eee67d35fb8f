"""`sarchat stats`."""

from __future__ import annotations

import click

from builders.cli.options import format_option


@click.command("stats")
@click.argument("data")
@format_option
def command(data: str, style: str) -> None:
    """Compare DATA with the statistics that the paper prints.

    DATA is a folder that `sarchat build` wrote, a data set on the Hub (OWNER/NAME), or SARDet-100K itself.

    The tables show boxes, records, shares, aspect ratios, shapes and words of every split; no image is read.
    """
    from builders.core.tables import write_tables
    from builders.data.analysis.paper import tabulate_comparison
    from builders.data.analysis.statistics import compute_statistics
    from builders.data.open_data import open_data

    records = open_data(data)
    click.echo(write_tables(tabulate_comparison(compute_statistics(records), records.info), style))
