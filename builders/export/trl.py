"""TRL: prompt and completion, since of `messages` every token would be a target, those of the image included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from builders.export.format import Export, Format
from builders.export.record import ExportRecord, reward_columns

# As `datasets` stores an image in Arrow.
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


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
    """Return the list of files to train on, as YAML."""
    files = [json.dumps(str(export.folder / table.name)) for table in export.training]
    return {"datasets": "\n".join(f"  - {{path: parquet, data_files: {name}, split: train}}" for name in files)}


def complete_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with its `datasets` features, so that the image is decoded by `datasets`.

    Of a path alone, transformers leaves the decoding to torchvision, which reads no BMP.
    """
    schema = schema.set(schema.get_field_index("image"), pa.field("image", _IMAGE))
    features = {field.name: _feature(field.type) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> Any:  # noqa: ANN401
    """Return the feature of a type as JSON, spelled as every version of `datasets` reads it."""
    if kind == _IMAGE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"dtype": str(kind), "_type": "Value"}


FORMAT = Format("trl", convert, values, suffix=".parquet", schema=complete_schema, draws_samples=False)
