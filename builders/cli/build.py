"""`sarchat build`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from builders.build.engines import ENGINES
from builders.cli.options import SPLIT, label_options, read_pairs
from builders.core.errors import SARChatError
from builders.core.schema import IDENTIFICATIONS, split_name

# The options of `locate` that the sample does not have.
_OF_OWN_IMAGES = ("rename", "drop", "label_format", "label_options", "source_name", "license")


def _read_wordings(context: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, int]:
    """Read the values of `--wordings`: `K` or `SPLIT=K`.

    Raises:
        SARChatError: one is neither.
    """
    wordings = {}
    for text in texts:
        split, _, number = text.rpartition("=")
        if not number.isdecimal() or len(number) > 9:
            raise SARChatError(f"--wordings {text}: expected a number, or a split and a number, such as test=3")
        wordings[split_name(split or "test")] = int(number)
    return wordings


@click.command("build")
@click.argument("source", required=False)
@click.option(
    "--rename",
    multiple=True,
    callback=read_pairs,
    metavar="NAME=CATEGORY",
    help="Read the category NAME of the annotations as CATEGORY; may be repeated.",
)
@click.option(
    "--drop", multiple=True, metavar="NAME", help="Leave out the boxes of the category NAME; may be repeated."
)
@click.option(
    "--trust-boxes", is_flag=True, help="Continue even if boxes do not look like x, y, width, height in pixels."
)
@click.option(
    "--annotations",
    multiple=True,
    callback=read_pairs,
    metavar="SPLIT=FILE",
    help="Annotations of a split (COCO, Parquet, or a folder of parts), if not in a known layout; needs --images.",
)
@click.option("--images", metavar="DIR", help="Folder or zip of the images that --annotations name.")
@click.option("--source-name", metavar="TEXT", help="Source of your own images, for the card.")
@click.option(
    "--license",
    metavar="NAME",
    help="Licence of your own images, for the card, by its name on the Hub, such as cc-by-4.0.",
)
@click.option(
    "--corpus",
    metavar="NAME|FILE",
    help="Description of the corpus, if it is not SARDet-100K: a name from `sarchat corpora`, or a YAML file.",
)
@label_options
@click.option(
    "--boxes",
    metavar="upright|oriented",
    help="Boxes in the conversations; oriented ones have four corners, which the labels must have.  [default: upright]",
)
@click.option("--sample", is_flag=True, help="Build the included synthetic sample instead of a SOURCE.")
@click.option("--out", default="sarchat", show_default=True, help="Folder to write, or its URL in object storage.")
@click.option("--task", "tasks", multiple=True, metavar="TASK", help="Only this task; may be repeated.")
@click.option("--split", "splits", type=SPLIT, multiple=True, metavar="SPLIT", help="Only this split; may be repeated.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed for the choice of wordings; affects nothing else."
)
@click.option(
    "--identifications",
    type=int,
    default=IDENTIFICATIONS,
    show_default=True,
    help="The most identifications that a dialogue has.",
)
@click.option("--num-proc", type=int, help="Number of processes; default: 1, or all that a cluster has.")
@click.option(
    "--engine", default="processes", show_default=True, metavar="|".join(ENGINES.included), help="What runs the jobs."
)
@click.option("--address", metavar="ADDRESS", help="Address of the cluster, for an --engine that has one.")
@click.option(
    "--embed/--no-embed", default=True, show_default=True, help="Store the images' bytes, or only their local paths."
)
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Draw the charts of the card.")
@click.option("--check-images", is_flag=True, help="Decode every image to find damaged ones.")
@click.option(
    "--wordings",
    multiple=True,
    callback=_read_wordings,
    metavar="[SPLIT=]K",
    help="Ask each record of a split, by default test, in K wordings, 2 to 8: `sarchat score` then says how many "
    "records are answered alike.",
)
@click.option(
    "--max-records-per-image",
    type=int,
    default=250_000,
    show_default=True,
    help="Refuse an image with more records of one task; n targets give n * n of identification.",
)
def build_command(
    source: str | None,
    images: str | None,
    annotations: dict[str, str],
    corpus: str | None,
    sample: bool,
    out: str,
    **values: Any,  # noqa: ANN401
) -> None:
    """Build the data set's folder from SOURCE.

    SOURCE is SARDet-100K or another corpus of images with boxes: a folder, a .zip of it, a URL of either, or the YAML
    file that describes the corpus (see `sarchat describe`).
    """
    if [source is not None, images is not None, sample].count(True) != 1:
        raise SARChatError(
            "give one of these: a SOURCE (a corpus's folder, zip, URL or YAML file), --images with --annotations, or "
            "--sample"
        )
    if (images is None) != (not annotations):
        raise SARChatError("give --annotations SPLIT=FILE and --images DIR together")
    own = {name: values.pop(name) for name in _OF_OWN_IMAGES}
    if sample and (corpus or any(own.values())):
        raise SARChatError(
            "--corpus, --format, --option, --rename, --drop, --source-name and --license are for your own images, not "
            "for --sample"
        )
    # Imported here to keep `sarchat --help` fast.
    from builders.build.options import BuildOptions
    from builders.build.pipeline import build, format_report
    from builders.core.atomic import scratch_folder
    from builders.corpus.corpus import locate
    from builders.corpus.info import read_corpus
    from builders.corpus.sample import write_sample

    boxes = {name: values.pop(name) for name in ("boxes", "trust_boxes")}
    options = BuildOptions(sample=sample, **values)
    info = read_corpus(corpus) if corpus else None
    with scratch_folder() as folder:
        if sample:
            write_sample(folder)
        location = locate(source or images or folder, annotations, info=info, **own, **boxes)
        report = build(location, out, options)
    click.echo(format_report(report))
