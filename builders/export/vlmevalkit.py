"""VLMEvalKit: a TSV for each task whose rows point to their images, and a program that adds SARChat to its `run.py`."""

from __future__ import annotations

from typing import Any

from builders.export.format import Format
from builders.export.record import ExportRecord, harness_row


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row; the path of its image is relative to the folder. `index` is given when the files are read."""
    return {**harness_row(record), "image_path": record.image}


FORMAT = Format("vlmevalkit", convert, suffix=".tsv", evaluates=True)
