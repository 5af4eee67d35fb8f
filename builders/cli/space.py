"""`sarchat space`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("space")
@click.option(
    "--out", type=click.Path(path_type=Path), default="sarchat_metric", show_default=True, help="Folder to write."
)
def command(out: Path) -> None:
    """Write the metric's folder: the script, its card, and a page to try it on.

    Load it with `evaluate`, run it with `python app.py`, or publish it with `sarchat push metric`.
    """
    from builders.core.tables import format_table
    from builders.hub.space import METRIC_FILE, write_space

    names = write_space(out)
    click.echo(format_table(["file", "bytes"], [(name, (out / name).stat().st_size) for name in names]))
    # `evaluate` looks for a plain name in the working folder; any other location needs the script's path.
    is_found_by_name = out.parts == (out.name,) and f"{out.name}.py" == METRIC_FILE
    place = out.name if is_found_by_name else (out / METRIC_FILE).as_posix()
    click.echo(f'\nWrote {out}. Load it with:\n\nimport evaluate\nevaluate.load("{place}")')
