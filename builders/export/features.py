"""Parquet of an export, whose images are opened by `datasets`."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from builders.folder.parquet_features import IMAGE, features_metadata


def refer_to_image(path: str) -> dict[str, Any]:
    """Return the column `image` of a record whose image is a file."""
    return {"bytes": None, "path": path}


def with_features(schema: pa.Schema) -> pa.Schema:
    """Return the schema with its `datasets` features, so that the column `image` is decoded by `datasets`.

    Given only a path, transformers leaves decoding to torchvision, which cannot read BMP.
    """
    schema = schema.set(schema.get_field_index("image"), pa.field("image", IMAGE))
    return schema.with_metadata(features_metadata(schema))
