"""The columns of Parquet files: their `datasets` features in the file itself, and the check of foreign files.

With the features, a file is read without a card beside it. Types and values are compared with the data set's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builders.core.errors import SARChatError
from builders.core.schema import CORNERS, feature_specs

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


_IMAGE = [{"name": "bytes", "dtype": "binary"}, {"name": "path", "dtype": "string"}]
_IS_OF_TYPE = {
    "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "binary": lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind),
    "int32": pa.types.is_integer,
    "int64": pa.types.is_integer,
    "float64": pa.types.is_floating,
}
_WORD = {4: "four", 8: "eight"}


def require_columns(schema: pa.Schema, place: str, columns: Iterable[str]) -> None:
    """Check that a file has columns of the data set's types.

    Args:
        schema: the file's schema.
        place: the file, for messages.
        columns: names of columns, or of parts of them such as `objects.bbox`.

    Raises:
        SARChatError: if one is missing or has another type.
    """
    specs = {spec["name"]: spec for spec in feature_specs(())}
    for name in dict.fromkeys(column.partition(".")[0] for column in columns):
        if name not in schema.names:
            raise SARChatError(f"{place} has no column {name!r}; it is not a file of `sarchat build`")
        if not _fits(schema.field(name).type, specs[name]):
            raise SARChatError(
                f"{place}: its column {name!r} is {str(schema.field(name).type)[:80]}; it is not a file of "
                "`sarchat build`"
            )


def _fits(kind: pa.DataType, spec: Mapping[str, Any] | str) -> bool:
    """Return whether an Arrow type is that of a card's feature, of any width."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if isinstance(spec, str):
        return _IS_OF_TYPE[spec](kind)
    if "class_label" in spec:
        return pa.types.is_integer(kind)
    if "sequence" in spec:
        return _is_list(kind) and _fits(kind.value_type, spec["sequence"])
    if "list" in spec:
        return _is_list(kind) and _has_fields(kind.value_type, spec["list"])
    if "struct" in spec:
        return _has_fields(kind, spec["struct"])
    if spec["dtype"] == "image":
        return _has_fields(kind, _IMAGE)
    return _fits(kind, spec["dtype"])


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _has_fields(kind: pa.DataType, specs: Iterable[Mapping[str, Any]]) -> bool:
    if not pa.types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    return all(spec["name"] in fields and _fits(fields[spec["name"]], spec) for spec in specs)


def require_values(rows: pa.RecordBatch | pa.Table, place: str, metadata: pq.FileMetaData) -> None:
    """Check the values of rows whose columns have the data set's types; what was not read is left out.

    Args:
        rows: the rows.
        place: their file, for messages.
        metadata: the file's metadata, which names the categories.

    Raises:
        SARChatError: if a value is missing or outside its range.
    """
    for batch in rows.to_batches() if isinstance(rows, pa.Table) else [rows]:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            fault = "is missing" if column.null_count else _find_fault(name, column, metadata)
            if fault:
                raise SARChatError(f"{place}: in its column {name!r} a value {fault}; build the folder again")


def _find_fault(name: str, column: pa.Array, metadata: pq.FileMetaData) -> str | None:
    if name in ("width", "height"):
        return "is not above 0" if _any(pc.less_equal(column, 0)) else None
    if name == "messages":
        return _find_fault_in_messages(column)
    return _find_fault_in_objects(column, count_labels(metadata, "objects.category")) if name == "objects" else None


def _find_fault_in_messages(column: pa.Array) -> str | None:
    turns = column.flatten()
    lengths = pc.list_value_length(column)
    if _any(pc.or_(pc.less(lengths, 2), pc.not_equal(pc.bit_wise_and(lengths, 1), 0))):
        return "does not have an answer to each question"
    if turns.null_count or any(turns.field(part).null_count for part in ("role", "content")):
        return "has an empty turn"
    return None


def _find_fault_in_objects(column: pa.Array, labels: int | None) -> str | None:
    parts = {field.name: column.field(field.name) for field in column.type}
    if any(part.null_count or part.flatten().null_count for part in parts.values()):
        return "has an empty box or category"
    if "category" in parts:
        category = parts["category"].flatten()
        if labels is None:
            return "has categories, but the file does not name them"
        if _any(pc.or_(pc.less(category, 0), pc.greater_equal(category, labels))):
            return f"has a category that is not from 0 to {labels - 1}"
    for name, count in (("bbox", 4), (CORNERS, 8)):
        if name in parts:
            boxes = parts[name].flatten()
            edges = boxes.flatten()
            if _any(pc.not_equal(pc.list_value_length(boxes), count)) or edges.null_count:
                return f"has a box that is not {_WORD[count]} numbers"
            if _any(pc.invert(pc.is_finite(edges))):
                return "has a box that is not finite"
    lengths = [pc.list_value_length(part) for part in parts.values()]
    if any(_any(pc.not_equal(lengths[0], other)) for other in lengths[1:]):
        return "does not have a category for each box"
    return None


def _any(flags: pa.Array) -> bool:
    return bool(pc.any(flags).as_py())
