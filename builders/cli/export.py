"""`sarchat export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from builders.cli.options import SPLIT


@click.command("export")
@click.argument("data")
@click.option(
    "--to",
    "format",
    required=True,
    metavar="FORMAT",
    help="To train: ms-swift, llama-factory, trl, llava or verl. To evaluate: lmms-eval, vlmevalkit or evalscope.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--task", "tasks", multiple=True, metavar="TASK", help="Only this task; may be repeated.")
@click.option("--split", "splits", type=SPLIT, multiple=True, metavar="SPLIT", help="Only this split; may be repeated.")
@click.option("--limit", type=int, help="At most N records per task, split and scenario.")
@click.option(
    "--model",
    metavar="NAME",
    help="Model to train or evaluate, such as Qwen/Qwen3-VL-8B-Instruct: its boxes and sizes.",
)
@click.option("--box-format", metavar="NAME", help="Box format instead of the model's: qwen2.5-vl, qwen3-vl, ...")
@click.option(
    "--resize", metavar="FACTOR,MIN,MAX", help="Factor, minimum and maximum pixels, if not as in the model's processor."
)
@click.option(
    "--images",
    default="copy",
    show_default=True,
    help="copy: copies (reflinks where possible); link: hard links, so that an edit of one changes the original; "
    "path: paths of the original files.",
)
@click.option(
    "--layout",
    default="tasks",
    show_default=True,
    help="tasks: a file per task and split; dialogue: a conversation per image; paper: nine test files.",
)
def export_command(data: str, out: Path, **values: Any) -> None:  # noqa: ANN401
    """Write DATA as the files of a trainer, or of a harness that evaluates models.

    DATA is a folder that `sarchat build` wrote, a data set on the Hub (OWNER/NAME), or SARDet-100K itself.
    """
    from builders.core.writing import check_outside, check_replaced
    from builders.export.pipeline import ExportOptions, export, format_report

    check_replaced(out, [data])
    check_outside(out, [data])
    click.echo(format_report(export(data, out, ExportOptions(**values))))
