"""`sarchat corpora`."""

from __future__ import annotations

import click

from builders.cli.options import format_option


@click.command("corpora")
@format_option
def command(style: str) -> None:
    """List the corpora that `sarchat build DIR --corpus NAME` knows."""
    from builders.core.tables import Table, write_tables
    from builders.corpus.info import is_checked, known_corpus, known_data, known_names

    rows = [
        [
            name,
            known_corpus(name).name,
            known_data(name).get("modality"),
            len(known_corpus(name).targets),
            known_corpus(name).license or None,
            known_corpus(name).format or None,
            "yes" if is_checked(name) else "no",
        ]
        for name in known_names()
    ]
    header = ["name", "corpus", "modality", "categories", "licence", "labels", "checked"]
    notes = [
        "Checked: its description was compared with label files of the corpus.",
        "A licence that is not listed is not known to SARChat; name it with --license.",
    ]
    click.echo(write_tables([Table("", header, rows, notes)], style))
