"""`sarchat show` and `stats`: look at one record, or at a whole data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from builders.cli.options import NOTATION, SPLIT, AnswerOptions, box_format_options, format_option
from builders.core.errors import SARChatError
from builders.core.schema import ALL


@click.command("show")
@click.argument("data")
@click.argument("config", required=False)
@click.option("--split", type=SPLIT, metavar="SPLIT", help="The split; default: test, or all splits with --id.")
@click.option("--index", type=int, metavar="N", help="The record's index in the split, from 0; default: 0.")
@click.option("--id", "record_id", metavar="ID", help="The record's id, instead of its index.")
@click.option("--prediction", metavar="TEXT", help="A model's answer, to draw and score with the gold answer.")
@click.option("--answers", metavar="FILE", help="A model's answers, to draw the worst of them.")
@click.option(
    "--worst", type=click.IntRange(1), metavar="N", help="How many records of --answers to draw; default: 20."
)
@click.option("--from", "tool", metavar="TOOL", help="Tool that wrote --answers, as for `sarchat score`.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="--answers: N records of each task and scenario.")
@box_format_options()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The picture, a PNG, PDF or SVG file; default: ID-with-dashes.png in the working folder. With --answers: the "
    "folder for the pictures.",
)
def show_command(
    data: str,
    config: str | None,
    split: str | None,
    index: int | None,
    record_id: str | None,
    prediction: str | None,
    answers: str | None,
    worst: int | None,
    out: Path | None,
    **asked_with: Any,  # noqa: ANN401
) -> None:
    """Draw one record of CONFIG, a task or `all`, of DATA.

    DATA is a folder that `sarchat build` wrote, a data set on the Hub (OWNER/NAME), or SARDet-100K itself.

    The picture shows the image with the gold boxes in green and a prediction's boxes in dashed red with their IoU, and
    next to it the conversation and the scores. Where a label has no room beside its box, a number or a letter stands in
    its place, and the text says what it means.

    With --answers FILE, the records that a model answered worst are drawn. Of a file of `sarchat predict`,
    FILE.meta.json gives the options that it was asked with.
    """
    from builders.core.writing import check_outputs, check_outside
    from builders.drawing.figures import PICTURE_MARK, require_matplotlib
    from builders.notation.formats import read_notation

    _check(index, record_id, prediction, answers, worst or asked_with["tool"] or asked_with["limit"])
    notation = read_notation(*(asked_with[name] for name in NOTATION))
    require_matplotlib()
    if answers is not None:
        if out is None:
            raise SARChatError("--answers draws several pictures; give the folder for them with --out")
        from builders.drawing.report.records import draw_worst

        check_outside(out, [data, answers])
        options = AnswerOptions(config or ALL, split or "test", **asked_with)
        _, (joined,) = options.join([answers], data, "DATA")
        click.echo("\n".join(map(str, draw_worst(joined, worst or 20, out))) or "Every answer is right.")
        return
    from builders.data.open_data import open_data
    from builders.drawing.figures.record import default_name, show_record
    from builders.drawing.figures.style import check_picture
    from builders.notation.translate import translate

    if config is None:
        raise SARChatError("missing argument CONFIG: a task, or all")
    if out is not None:
        check_picture(out)
    records = open_data(data)
    if record_id is not None:
        record = records.record_with_id(config, record_id, [split] if split else ())
    else:
        record = records.record(config, split or "test", index or 0)
    if prediction is not None:
        size = record["width"], record["height"]
        prediction = translate(prediction, notation.format, *size, notation.input_size).text
    out = out or Path(default_name(record["id"]))
    check_outputs({"--out": out}, [data], {"--out": PICTURE_MARK})
    show_record(record, records.info, out, prediction)
    click.echo(out)


def _check(
    index: int | None, record_id: str | None, prediction: str | None, answers: str | None, of_answers: object
) -> None:
    """Refuse options that do not go together."""
    if index is not None and record_id is not None:
        raise SARChatError("give either --index or --id, not both")
    if answers is None and of_answers:
        raise SARChatError("--worst, --from and --limit belong to --answers; give a file of answers too")
    if answers is not None and (index is not None or record_id is not None or prediction is not None):
        raise SARChatError("--answers draws the worst records; leave out --index, --id and --prediction")


@click.command("stats")
@click.argument("data")
@format_option
def stats_command(data: str, style: str) -> None:
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
