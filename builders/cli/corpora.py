"""`sarchat corpora`, `describe` and `synth`: corpora that are known, described or drawn."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click

from builders.cli.options import format_option, label_options
from builders.core.errors import SARChatError


@click.command("corpora")
@format_option
def corpora_command(style: str) -> None:
    """List the corpora that `sarchat build DIR --corpus NAME` knows."""
    from builders.core.tables import Table, write_tables
    from builders.corpus.info import is_checked, known_corpus, known_data, known_names

    rows = []
    for name in known_names():
        info, modality, checked = known_corpus(name), known_data(name).get("modality"), is_checked(name)
        about = [info.name, modality, len(info.targets), info.license or None, info.format or None]
        rows.append([name, *about, "yes" if checked else "no"])
    header = ["name", "corpus", "modality", "categories", "licence", "labels", "checked"]
    notes = [
        "Checked: its description was compared with label files of the corpus.",
        "A licence that is not listed is not known to SARChat; name it with --license.",
    ]
    click.echo(write_tables([Table("", header, rows, notes)], style))


@click.command("describe")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), help="YAML file to write; by default, it is printed.")
@click.option("--name", metavar="TEXT", help="The corpus's name; default: that of its folder.")
@label_options
def describe_command(
    source: str, out: Path | None, name: str | None, label_format: str | None, label_options: dict[str, Any]
) -> None:
    """Draft the YAML file that describes the corpus SOURCE, for `sarchat build`.

    SOURCE is a folder, a .zip of it, or a URL of either. The draft has the labels that were found, and the categories
    with words for them; what could not be decided is a comment with the choices.
    """
    from builders.core.writing import check_outputs, writing_whole
    from builders.corpus.draft import DRAFT_MARK, draft_description

    check_outputs({"--out": out}, [], {"--out": DRAFT_MARK})
    draft = draft_description(source, out.parent if out else Path(), name, label_format or "", label_options)
    if out is None:
        click.echo(draft.text, nl=False)
        return
    # It is written to be edited.
    if out.is_file() and out.read_text(encoding="utf-8") not in ("", draft.text):
        raise SARChatError(
            f"--out {out} was edited, or is the draft of something else; choose another file, or remove it"
        )
    with writing_whole(out) as stream:
        stream.write(draft.text)
    click.echo(
        f"Wrote {out}: categories: {draft.categories}, images: {draft.images:,}, boxes: {draft.boxes:,}, comments that "
        f"say what to check: {draft.open}. Then run: sarchat build {out}"
    )


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
def synth_command(number: int, size: int, seed: int, out: Path) -> None:
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
