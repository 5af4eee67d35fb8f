"""A record as the plugins of evaluation harnesses read it: what to ask, and all that the answer is scored with."""

from __future__ import annotations

from typing import Any

from builders.export.record import ExportRecord, reward_columns


def harness_row(record: ExportRecord) -> dict[str, Any]:
    """Return a record's columns, except its image."""
    return {
        "id": record.id,
        "scenario": record.scenario,
        "question": record.question,
        "answer": record.answer,
        **reward_columns(record),
    }
