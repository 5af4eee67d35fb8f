"""EvalScope: JSON Lines for each task, and a file that registers the benchmark."""

from __future__ import annotations

from typing import Any

from builders.export.format import Format
from builders.export.record import ExportRecord, harness_row


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row; the path of its image is relative to the folder."""
    return {**harness_row(record), "image": record.image}


FORMAT = Format("evalscope", convert, evaluates=True)
