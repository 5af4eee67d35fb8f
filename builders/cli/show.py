"""`sarchat show`."""

from __future__ import annotations

from pathlib import Path

import click

from builders.errors import SARChatError


@click.command("show")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("config")
@click.option("--split", metavar="SPLIT", help="The split; test if not given, or with --id any.")
@click.option("--index", type=int, metavar="N", help="The record's place in the split, from 0; the first if not given.")
@click.option("--id", "record_id", metavar="ID", help="The record's id, in place of its place.")
@click.option("--prediction", metavar="TEXT", help="A model's answer, to draw and score beside the gold.")
@click.option("--out", type=click.Path(path_type=Path), help="The PNG file; ID-with-dashes.png here if not given.")
def command(
    folder: Path,
    config: str,
    split: str | None,
    index: int | None,
    record_id: str | None,
    prediction: str | None,
    out: Path | None,
) -> None:
    """Draw one record of CONFIG, a task or `all`, from DIR, which `sarchat build` wrote.

    The picture has the image, the gold boxes in green, a prediction's boxes in dashed red with their IoU, and the
    conversation with the scores beside them.
    """
    if index is not None and record_id is not None:
        raise SARChatError("give either --index or --id, not both")
    if out is not None and out.suffix.lower() != ".png":
        raise SARChatError(f"the picture is a PNG file, so --out must end in .png, but got {out}")
    from builders.card.gallery import NEEDS_MATPLOTLIB
    from builders.folder.reader import open_build

    build = open_build(folder)
    if record_id is not None:
        record = build.record_with_id(config, record_id, [split] if split else ())
    else:
        record = build.record(config, split or "test", index or 0)
    try:
        from builders.figures.record import default_name, show_record
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise SARChatError(NEEDS_MATPLOTLIB) from error
    out = out or Path(default_name(record["id"]))
    show_record(record, out, prediction)
    click.echo(out)
