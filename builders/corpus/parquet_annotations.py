"""Reading annotations from Parquet, one row per image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from builders.core.errors import SARChatError
from builders.core.parquet_rows import DAMAGED_PARQUET
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.entries import get_box, get_flag, get_image, short

_ROWS = 500
_COLUMNS = ("image_id", "file_name", "width", "height", "objects")
_SCHEMA = (
    "image_id, width, height (integers), file_name (string), and objects, a struct of the lists bbox (x, y, w, h), "
    "category (strings, or integers with the names of a ClassLabel) and, if needed, ignored (bools)"
)


def read_parquet(path: Path, name: str, table: AnnotationTable) -> None:
    """Add the images and boxes of a Parquet file to a table.

    The columns are those of object detection data sets on the Hub: `image_id`, `file_name`, `width`, `height`, and
    `objects`, a struct of equally long lists: `bbox` (COCO x, y, w, h in pixels), `category` (names, or numbers with
    the names of a ClassLabel, as `datasets` writes them) and optionally `ignored`. Further columns are not read.

    Args:
        path: the file.
        name: its name in error messages.
        table: takes images, boxes and the names of categories that boxes have.

    Raises:
        SARChatError: if the file is not Parquet, lacks a column, or has a wrong row.
    """
    table.begin_part(name)
    for row in _read_rows(path, name):
        image = get_image(row, "image_id", name)
        table.add_image(*image)
        owner = f"{name}: image {image[1]!r}"
        for number, (bbox, category, ignored) in enumerate(_zip_objects(row["objects"], owner)):
            place = f"{owner}: box {number}"
            if not isinstance(category, str):
                raise SARChatError(f"{place} has category {short(category)}, not a name; fix the file")
            is_ignored = get_flag({"ignored": ignored}, "ignored", place)
            box = get_box(table.number_category(category.strip()), bbox, is_ignored, place)
            table.add_box(image[0], number, box)


def _read_rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = _check_schema(schema, name)
            for batch in file.iter_batches(_ROWS, columns=_COLUMNS, use_threads=False):
                for row in batch.to_pylist():
                    objects = row["objects"]
                    if names and objects and objects["category"]:
                        objects["category"] = [_name_of(value, names) for value in objects["category"]]
                    yield row
    except (*DAMAGED_PARQUET, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SARChatError(f"{name} is not a readable Parquet file: {reason}; write it again") from error


def _check_schema(schema: pa.Schema, name: str) -> Sequence[str]:
    """Check that the columns are there, and the lists of `objects`; return the names of categories that are numbers."""
    columns = {field.name: field.type for field in schema}
    is_struct = kinds.is_struct(columns.get("objects", pa.null()))
    lists = {field.name: field.type for field in columns["objects"]} if is_struct else {}
    wanted = [lists.get("bbox"), lists.get("category"), lists.get("ignored", lists.get("bbox"))]
    # Only lists have a type of their values. What is in them is checked row by row.
    if not (columns.keys() >= {*_COLUMNS} and all(hasattr(kind, "value_type") for kind in wanted)):
        found = ", ".join(f"{column}: {kind}" for column, kind in columns.items())
        raise SARChatError(f"{name} has the columns {found}; expected {_SCHEMA}")
    if not kinds.is_integer(lists["category"].value_type):
        return ()
    names = _class_names(schema)
    if not names:
        raise SARChatError(f"{name} has categories as numbers without names; write names, or a ClassLabel")
    return names


def _class_names(schema: pa.Schema) -> Sequence[str]:
    """Return the names of the ClassLabel of `objects`' categories, from the features that `datasets` writes."""
    spec: Any = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        spec = json.loads(spec)
        for key in ("info", "features", "objects", "category", "names"):
            # A list's or a sequence's own feature is one level down, in a place that depends on the version.
            spec = spec["feature"][key] if key not in spec and "feature" in spec else spec[key]
    except (ValueError, KeyError, TypeError):
        return ()
    return spec


def _name_of(number: int | None, names: Sequence[str]) -> str | int | None:
    return names[number] if number is not None and 0 <= number < len(names) else number


def _zip_objects(objects: dict[str, list] | None, owner: str) -> Iterator[tuple[Any, Any, Any]]:
    if not objects:
        return iter(())
    boxes, categories = objects["bbox"] or [], objects["category"] or []
    ignored = objects.get("ignored") or [False] * len(boxes)
    if not len(boxes) == len(categories) == len(ignored):
        raise SARChatError(
            f"{owner} has {len(boxes)} boxes, but {len(categories)} categories and {len(ignored)} values of 'ignored'; "
            "fix the file"
        )
    return zip(boxes, categories, ignored, strict=True)
