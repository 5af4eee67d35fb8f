"""`sarchat show`."""

from __future__ import annotations

from pathlib import Path

import click

from builders.cli.options import box_format_options
from builders.errors import SARChatError


@click.command("show")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("config")
@click.option("--split", metavar="SPLIT", help="The split; default: test, or all splits with --id.")
@click.option("--index", type=int, metavar="N", help="The record's index in the split, from 0; default: 0.")
@click.option("--id", "record_id", metavar="ID", help="The record's id, instead of its index.")
@click.option("--prediction", metavar="TEXT", help="A model's answer, to draw and score with the gold answer.")
@box_format_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="The PNG file; default: ID-with-dashes.png in the working folder."
)
def command(
    folder: Path,
    config: str,
    split: str | None,
    index: int | None,
    record_id: str | None,
    prediction: str | None,
    box_format: str,
    input_size: str | None,
    resize: str | None,
    out: Path | None,
) -> None:
    """Draw one record of CONFIG, a task or `all`, from DIR, which `sarchat build` wrote.

    The picture shows the image with the gold boxes in green and a prediction's boxes in dashed red with their IoU, and
    next to it the conversation and the scores.
    """
    if index is not None and record_id is not None:
        raise SARChatError("give either --index or --id, not both")
    if out is not None and out.suffix.lower() != ".png":
        raise SARChatError(f"the picture is a PNG file, so --out must end in .png, but got {out}")
    from builders.box_formats.formats import read_notation
    from builders.box_formats.translate import translate
    from builders.figures import NEEDS_MATPLOTLIB, has_matplotlib
    from builders.folder.reader import open_build

    notation = read_notation(box_format, input_size, resize)
    build = open_build(folder)
    if record_id is not None:
        record = build.record_with_id(config, record_id, [split] if split else ())
    else:
        record = build.record(config, split or "test", index or 0)
    if not has_matplotlib():
        raise SARChatError(NEEDS_MATPLOTLIB)
    from builders.figures.record import default_name, show_record

    if prediction is not None:
        size = record["width"], record["height"]
        prediction = translate(prediction, notation.format, *size, notation.input_size).text
    out = out or Path(default_name(record["id"]))
    show_record(record, out, prediction)
    click.echo(out)
