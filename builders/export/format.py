"""An export format, and the files that it writes beside the records: descriptions and training scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from builders.export.recipe import default_model, settings
from builders.export.record import ExportRecord, Row
from builders.notation.formats import NATIVE, BoxFormat, ResizeRule, get_format
from builders.notation.models import Choice

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

# How records are divided into files; the last one is also the name of the task that it exports.
TASKS_AND_SPLITS, PAPER, DIALOGUE = "tasks", "paper", "dialogue"
LAYOUTS = (TASKS_AND_SPLITS, PAPER, DIALOGUE)
# Prefix of files that start a training; they are written only if there are records of the training split.
_TRAINING = "train"
_EACH = "@task"


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
    resize: ResizeRule
    marks_boxes: bool
    images: Mapping[str, int]

    @property
    def box_format(self) -> BoxFormat:
        """The box format of the model."""
        return get_format(self.choice.box_format)

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


class _AtTemplate(Template):
    """A template with placeholders `@name`, since `$name` belongs to the shell."""

    delimiter = "@"


def write_side_files(export: Export, staging: Path, source: str) -> list[str]:
    """Write every template of a format into the folder, filled in; return their names.

    A template with `@task` in its name is written once for each task; Python is copied, so that it can be read, checked
    and imported where it is.

    Args:
        export: what was exported.
        staging: the folder.
        source: differs between exports of other data or with other options.
    """
    fmt = export.format
    known = {
        **settings(export.choice.model, export.resize),
        "box_format": export.box_format.name,
        "source": source,
        **fmt.values(export),
    }
    names = []
    folder = fmt.templates or files("builders.export").joinpath(f"templates/{fmt.name}")
    for template in sorted(folder.iterdir(), key=lambda file: file.name):
        is_needless = template.name.startswith(_TRAINING) and not export.training
        if template.is_dir() or is_needless or fmt.skips(template.name, export):
            continue
        text = template.read_text(encoding="utf-8")
        of_each = (
            [{**known, **fmt.task_values(table)} for table in export.tables] if _EACH in template.name else [known]
        )
        for filling in of_each:
            name = _fill(template.name, filling)
            path = staging / name
            path.write_text(text if path.suffix == ".py" else _fill(text, filling), encoding="utf-8", newline="\n")
            if text.startswith("#!"):
                path.chmod(0o755)
            names.append(name)
    return names


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _AtTemplate(text).substitute(values)
