"""An export format, and the facts of an export from which it writes the files beside the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from builders.export.layout import DIALOGUE
from builders.export.recipe import default_model
from builders.export.record import ExportRecord, Row
from builders.notation.formats import NATIVE, BoxFormat, ResizeRule
from builders.notation.models import Choice

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class Table(NamedTuple):
    """One file of records.

    Attributes:
        task: their task.
        split: their split.
        name: the file's name in the folder.
        records: their number.
        use: the number of them that the recipe trains on; less than `records` if the trainer draws a sample itself.
    """

    task: str
    split: str
    name: str
    records: int
    use: int


class Export(NamedTuple):
    """The values from which side files are made.

    Attributes:
        format: the export format.
        folder: the absolute path of the folder's final place.
        tables: all files of records.
        training: the files that the recipe trains on.
        evaluation: the file that it evaluates on meanwhile, if there is one.
        choice: the model, and how its boxes are written.
        box_format: the box format.
        resize: how trainers show images to the model.
        marks_boxes: whether boxes are in a column, which the consumer rescales, instead of the text.
        images: the number of images by how they were stored, in words.
    """

    format: Format
    folder: Path
    tables: list[Table]
    training: list[Table]
    evaluation: list[Table]
    choice: Choice
    box_format: BoxFormat
    resize: ResizeRule
    marks_boxes: bool
    images: Mapping[str, int]

    @property
    def is_of_dialogues(self) -> bool:
        """Whether the records are dialogues."""
        return self.tables[0].task == DIALOGUE


class Format(NamedTuple):
    """An export format.

    Attributes:
        name: the value of `--to`.
        convert: returns a record in the form that the consumer reads.
        values: returns the placeholder values of its side files, in addition to the recipe's, if they name data; a
            `.py` file is copied unchanged.
        suffix: `.jsonl`, `.json` (one list), `.tsv` or `.parquet`.
        box_format: the default box format: that of the model that its scripts name, or `None` if the consumer rescales
            boxes itself.
        model: returns the model that its scripts name for a box format, if no model was named.
        skips: returns whether a side file does not fit the export.
        schema: completes the Parquet schema that Arrow infers from the records.
        draws_samples: whether the trainer can use a random part of a file; if not, a sample is written beside the file.
        evaluates: whether a harness reads it: one split, test by default, is written, questions ask for boxes as in
            `sarchat predict`, and nothing is trained.
        task_values: returns the placeholder values of side files for one task, which have `@task` in their names.
        dialogue: returns a dialogue in the form that the consumer reads, and learns each answer of; `None` if it takes
            one question alone.
        templates: the folder of its side files; `None` for `templates/NAME` of this package.
    """

    name: str
    convert: Callable[[ExportRecord], Row]
    values: Callable[[Export], Mapping[str, str]] = lambda export: {}
    suffix: str = ".jsonl"
    box_format: str | None = NATIVE
    model: Callable[[str], str] = default_model
    skips: Callable[[str, Export], bool] = lambda name, export: False
    schema: Callable[[pa.Schema], pa.Schema] = lambda schema: schema
    draws_samples: bool = True
    evaluates: bool = False
    task_values: Callable[[Table], Mapping[str, str]] = lambda table: {}
    dialogue: Callable[[ExportRecord], Row] | None = None
    templates: Traversable | None = None
