"""TRL: prompt and completion, since with `messages` every token would be a target, including those of the image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from builders.data.parquet_features import IMAGE, features_metadata
from builders.export.format import Export, Format
from builders.export.record import ExportRecord, reward_columns


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row of TRL's conversational prompt-completion format, with the columns of the reward."""
    return {
        "id": record.id,
        "prompt": [{"role": "user", "content": record.question}],
        "completion": [{"role": "assistant", "content": record.answer}],
        "image": {"bytes": None, "path": record.image},
        **reward_columns(record),
    }


def values(export: Export) -> Mapping[str, str]:
    """Return the list of files to train on, as YAML, relative to the folder."""
    files = [json.dumps(table.name) for table in export.training]
    return {"datasets": "\n".join(f"  - {{path: parquet, data_files: {name}, split: train}}" for name in files)}


def with_features(schema: pa.Schema) -> pa.Schema:
    """Return the schema with its `datasets` features, so that the column `image` is decoded by `datasets`.

    Given only a path, transformers leaves decoding to torchvision, which cannot read BMP.
    """
    schema = schema.set(schema.get_field_index("image"), pa.field("image", IMAGE))
    return schema.with_metadata(features_metadata(schema))


FORMATS = [
    Format(
        "trl", convert, values, suffix=".parquet", box_format="qwen2.5-vl", schema=with_features, draws_samples=False
    )
]
