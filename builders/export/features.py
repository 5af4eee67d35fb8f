"""Parquet that `datasets` reads with its features, without a card beside it."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

# As `datasets` stores an image in Arrow.
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def refer_to_image(path: str) -> dict[str, Any]:
    """Return the column `image` of a record whose image is a file."""
    return {"bytes": None, "path": path}


def with_features(schema: pa.Schema) -> pa.Schema:
    """Return the schema with its `datasets` features, so that the column `image` is decoded by `datasets`.

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
