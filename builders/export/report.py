"""The summary of an export as text."""

from __future__ import annotations

from builders.core.tables import format_table
from builders.export.format import Export
from builders.notation.formats import NATIVE
from builders.notation.models import describe_unit


def format_report(made: Export) -> str:
    """Return a table of the files of records, the unit of their boxes, and how images were stored."""
    used = {table.name: table.use for table in made.training}
    tables = {table.name: table for table in (*made.tables, *made.training)}.values()
    if used:
        text = format_table(
            ["file", "records", "trained on"], [[table.name, table.records, used.get(table.name)] for table in tables]
        )
    else:
        text = format_table(["file", "records"], [[table.name, table.records] for table in tables])
    images = "; ".join(f"{number:,} {how}" for how, number in sorted(made.images.items()))
    return (
        f"{text}\n\nBoxes: {_describe_boxes(made)}.{_describe_harness(made)}\nImages: {images}.\nWrote {made.folder}."
    )


def _describe_harness(made: Export) -> str:
    """Return a line on the size that a harness itself would show images in, if boxes depend on it and it is another."""
    family, rule = made.choice.family, made.choice.resize
    other = family.harnesses.get(made.format.name) if family and rule else None
    if not other or other == rule:
        return ""
    name = made.format.name
    if name == "vlmevalkit":
        return f"\nSizes: {name}'s own {made.choice.model} resizes by {other}; the program sets {rule} instead."
    _, least, most = (rule or "").split(",")
    return (
        f"\nSizes: {name}'s own {family.name if family else ''} resizes by {other}; add min_pixels={least},"
        f"max_pixels={most} to its --model_args. Through a server, nothing is to be set."
    )


def _describe_boxes(made: Export) -> str:
    """Return one line: the unit of boxes, why it was chosen, and the model that scripts name."""
    model = f"; the scripts train {made.choice.model}" if made.training else ""
    if made.marks_boxes:
        return f"{describe_unit(made.box_format)}, in a column; {made.format.name} rescales them for its model{model}"
    if made.format.evaluates and not made.choice.model and made.box_format.name == NATIVE:
        return f"{made.choice.describe()}; if the model writes others, name it with --model"
    return made.choice.describe() + model
