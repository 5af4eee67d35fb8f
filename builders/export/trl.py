"""TRL: prompt and completion, since with `messages` every token would be a target, including those of the image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from builders.export.features import refer_to_image, with_features
from builders.export.format import Export, Format
from builders.export.record import ExportRecord, reward_columns


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row of TRL's conversational prompt-completion format, with the columns of the reward."""
    return {
        "id": record.id,
        "prompt": [{"role": "user", "content": record.question}],
        "completion": [{"role": "assistant", "content": record.answer}],
        "image": refer_to_image(record.image),
        **reward_columns(record),
    }


def values(export: Export) -> Mapping[str, str]:
    """Return the list of files to train on, as YAML."""
    files = [json.dumps(str(export.folder / table.name)) for table in export.training]
    return {"datasets": "\n".join(f"  - {{path: parquet, data_files: {name}, split: train}}" for name in files)}


FORMAT = Format("trl", convert, values, suffix=".parquet", schema=with_features, draws_samples=False)
