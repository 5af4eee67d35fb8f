"""An export format, and the facts of an export from which it writes the files beside the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from builders.export.record import ExportRecord


class Table(NamedTuple):
    """One file of records.

    Attributes:
        task: their task.
        split: their split.
        name: the file's name in the folder.
        records: how many there are.
        use: how many of them the recipe trains on; fewer than there are, if the trainer draws a sample itself.
    """

    task: str
    split: str
    name: str
    records: int
    use: int


class Export(NamedTuple):
    """What the files beside the records are made from.

    Attributes:
        folder: the folder's final place, absolute.
        tables: all files of records.
        training: those that the recipe trains on.
        box_format: the name of the notation of boxes.
    """

    folder: Path
    tables: list[Table]
    training: list[Table]
    box_format: str


class Format(NamedTuple):
    """A format of export.

    Attributes:
        name: as `--to` names it; `templates/NAME` holds its side files.
        convert: a record as the consumer reads it; JSON types only.
        values: what its side files are filled in with, beside the recipe; a `.py` file is copied as it is.
        suffix: `.jsonl`, `.json` (one list), `.tsv` or `.parquet`.
        absolute_images: the consumer needs absolute paths of images.
        box_format: the notation if `--box-format` is not given; `None` if the format marks boxes in its own way.
        schema: of Parquet, completes the schema that Arrow gives the records.
        draws_samples: the trainer takes a random part of a file itself; else a sample is written beside the file.
        evaluates: a harness reads it: one split, test by default, is written, and questions ask for boxes as
            `sarchat predict` does; nothing is trained.
        task_values: what side files of one task are filled in with, whose names have `@task` in them.
    """

    name: str
    convert: Callable[[ExportRecord], dict[str, Any]]
    values: Callable[[Export], Mapping[str, str]]
    suffix: str = ".jsonl"
    absolute_images: bool = True
    box_format: str | None = "sarchat"
    schema: Callable[[pa.Schema], pa.Schema] = lambda schema: schema
    draws_samples: bool = True
    evaluates: bool = False
    task_values: Callable[[Table], Mapping[str, str]] = lambda table: {}
