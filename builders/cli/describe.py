"""`sarchat describe`."""

from __future__ import annotations

from pathlib import Path

import click

from builders.cli.options import label_options, read_label_options
from builders.core.errors import SARChatError


@click.command("describe")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), help="YAML file to write; by default, it is printed.")
@click.option("--name", metavar="TEXT", help="The corpus's name; default: that of its folder.")
@label_options
def command(
    source: str, out: Path | None, name: str | None, label_format: str | None, options: tuple[str, ...]
) -> None:
    """Draft the YAML file that describes the corpus SOURCE, for `sarchat build`.

    SOURCE is a folder, a .zip of it, or a URL of either. The draft has the labels that were found, and the categories
    with words for them; what could not be decided is a comment with the choices.
    """
    from builders.core.writing import check_outputs, writing_whole
    from builders.corpus.draft import DRAFT_MARK, draft_description

    check_outputs({"--out": out}, [], {"--out": DRAFT_MARK})
    draft = draft_description(
        source, out.parent if out else Path(), name, label_format or "", read_label_options(options)
    )
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
