"""VLMEvalKit: a TSV for each task whose rows point to their images, and a program that adds SARChat to its `run.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builders.export.format import Export, Format
from builders.export.harness_row import harness_row
from builders.export.record import ExportRecord


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row; the path of its image is relative to the folder. `index` is given when the files are read."""
    return {**harness_row(record), "image_path": record.image}


def values(export: Export) -> Mapping[str, str]:
    """Return nothing: its side files name no data."""
    return {}


FORMAT = Format("vlmevalkit", convert, values, suffix=".tsv", absolute_images=False, evaluates=True)
