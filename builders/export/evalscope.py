"""EvalScope: JSON Lines for each task, and a file that registers the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builders.export.format import Export, Format
from builders.export.harness_row import harness_row
from builders.export.record import ExportRecord


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row; the path of its image is relative to the folder."""
    return {**harness_row(record), "image": record.image}


def values(export: Export) -> Mapping[str, str]:
    """Return nothing: its side files name no data."""
    return {}


FORMAT = Format("evalscope", convert, values, absolute_images=False, evaluates=True)
