"""The summary of an export as text."""

from __future__ import annotations

from builders.export.format import Export
from builders.tables import format_table


def format_report(made: Export) -> str:
    """Return a table of the files of records, and the notation of their boxes."""
    used = {table.name: table.use for table in made.training}
    tables = {table.name: table for table in (*made.tables, *made.training)}.values()
    if used:
        text = format_table(
            ["file", "records", "trained on"], [[table.name, table.records, used.get(table.name)] for table in tables]
        )
    else:
        text = format_table(["file", "records"], [[table.name, table.records] for table in tables])
    return f"{text}\n\nWrote {made.folder}."
