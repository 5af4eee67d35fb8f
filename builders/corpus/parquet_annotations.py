"""Reading annotations from Parquet, one row per image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from builders.core.errors import SARChatError
from builders.core.parquet_rows import DAMAGED_PARQUET
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.entries import get_box, get_image, short

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
    numbers: dict[str, int] = {}
    for row in _read_rows(path, name):
        image = get_image(row, "image_id", name)
        table.add_image(*image)
        owner = f"{name}: image {image[1]!r}"
        for number, (bbox, category, ignored) in enumerate(_zip_objects(row["objects"], owner)):
            place = f"{owner}: box {number}"
            if not isinstance(category, str):
                raise SARChatError(f"{place} has category {short(category)}, not a name; fix the file")
            category_id = numbers.setdefault(str(category).strip(), len(numbers))
            table.add_box(image[0], number, get_box(category_id, bbox, bool(ignored), place))
    table.set_categories({category_id: label for label, category_id in numbers.items()})


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
    """Check the types of the columns; return the names of categories if these are numbers."""
    of = {field.name: field.type for field in schema}
    objects = {field.name: field.type for field in of["objects"]} if _is(of, "objects", kinds.is_struct) else {}
    fits = (
        all(_is(of, column, kinds.is_integer) for column in ("image_id", "width", "height"))
        and _is(of, "file_name", _is_text)
        and _is_list(objects.get("bbox"), lambda box: _is_list(box, _is_number))
        and _is_list(objects.get("category"), lambda kind: _is_text(kind) or kinds.is_integer(kind))
        and ("ignored" not in objects or _is_list(objects["ignored"], kinds.is_boolean))
    )
    if not fits:
        found = ", ".join(f"{column}: {kind}" for column, kind in of.items())
        raise SARChatError(f"{name} has the columns {found}; expected {_SCHEMA}")
    if _is_text(objects["category"].value_type):
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


def _is(of: Mapping[str, pa.DataType], column: str, is_kind: Any) -> bool:  # noqa: ANN401
    return column in of and is_kind(of[column])


def _is_list(kind: pa.DataType | None, is_value: Any) -> bool:  # noqa: ANN401
    is_list = kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list
    return kind is not None and any(is_kind(kind) for is_kind in is_list) and is_value(kind.value_type)


def _is_number(kind: pa.DataType) -> bool:
    return kinds.is_integer(kind) or kinds.is_floating(kind)


def _is_text(kind: pa.DataType) -> bool:
    if kinds.is_dictionary(kind):
        return _is_text(kind.value_type)
    return kinds.is_string(kind) or kinds.is_large_string(kind)
