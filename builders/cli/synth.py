"""`sarchat synth`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

_OWN = re.compile(r"Annotations/(train|val|test)\.json|JPEGImages/(train|val|test)/[0-9]{7}\.jpg")


def is_synthetic(folder: Path) -> bool:
    """Return whether a folder contains what this command writes, and nothing else.

    Raises:
        SARChatError: if a file of it was edited since.
    """
    from builders.core.checksums import SUMS, is_untouched, sums_of

    sums = sums_of(folder)
    return sums is not None and all(map(_OWN.fullmatch, sums)) and is_untouched(folder, sums, SUMS)


@click.command("synth")
@click.argument("number", type=click.IntRange(1, 1_000_000), metavar="N")
@click.option(
    "--size", type=click.IntRange(96, 4096), default=224, show_default=True, metavar="S", help="Sides in pixels."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another one gives other images.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder to write.")
def command(number: int, size: int, seed: int, out: Path) -> None:
    """Draw N synthetic images with their boxes, as a corpus that `sarchat build` reads.

    They look like radar images but are none: good for trying a training, not for its results. A tenth each is
    validation and test.
    """
    from builders.core.atomic import replacing_folder
    from builders.core.checksums import write_checksums
    from builders.corpus.sample import write_synthetic

    with replacing_folder(out, is_synthetic) as staging:
        counts = write_synthetic(staging, number, size, seed)
        write_checksums(staging)
    found = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    click.echo(f"Wrote {out}: {number:,} images of {size} x {size} with {found}.\n\nBuild it with:\n")
    named = ["--source-name", "Synthetic SARChat images", "--license", "apache-2.0", "--out", f"{out}-sarchat"]
    click.echo(shlex.join(["sarchat", "build", str(out), *named]))
