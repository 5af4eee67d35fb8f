"""The `datasets` features of a Parquet file, stored in the file itself, so that it is read without a card beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# As `datasets` stores an image in Arrow.
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
KEY = "huggingface"


def features_metadata(schema: pa.Schema, labels: Mapping[str, Sequence[str]] | None = None) -> dict[str, str]:
    """Return the metadata of a file, spelled as `datasets` 3.6 and all later versions read it.

    Args:
        schema: the file's schema; dictionary-encoded columns count as their values.
        labels: the names of class labels, by the dotted path of their column.
    """
    features = {field.name: _feature(field.type, field.name, labels or {}) for field in schema}
    return {KEY: json.dumps({"info": {"features": features}})}


def count_labels(metadata: pq.FileMetaData, path: str) -> int | None:
    """Return the number of class labels of a column, by its dotted path; `None` if the file says nothing about it."""
    try:
        feature = json.loads((metadata.metadata or {})[KEY.encode()])["info"]["features"]
        for name in path.split("."):
            feature = feature[name]
        return len(feature[0]["names"])
    except (KeyError, IndexError, TypeError, ValueError, RecursionError):
        return None


def _feature(kind: pa.DataType, path: str, labels: Mapping[str, Sequence[str]]) -> Any:  # noqa: ANN401
    if pa.types.is_dictionary(kind):
        return _feature(kind.value_type, path, labels)
    if pa.types.is_list(kind):
        return [_feature(kind.value_type, path, labels)]
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        if names == [field.name for field in IMAGE]:
            return {"_type": "Image"}
        return {field.name: _feature(field.type, f"{path}.{field.name}", labels) for field in kind}
    if path in labels:
        return {"names": [*labels[path]], "_type": "ClassLabel"}
    return {"dtype": str(kind), "_type": "Value"}
