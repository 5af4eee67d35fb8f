"""Exports a data set to the folder that a trainer or a harness reads: files of records, images, and side files."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from builders.core.atomic import replacing_folder
from builders.core.errors import SARChatError, check_name, near
from builders.core.schema import ALL, IN_ALL, SPLITS, TASKS, asks_for_boxes, fewest_records_first, is_scored
from builders.corpus.info import CorpusInfo
from builders.data.open_data import open_data
from builders.data.records import Records
from builders.export.files import RecordFile, record_file
from builders.export.format import Export, Format, Table
from builders.export.formats import FORMATS
from builders.export.images import COPY, WAYS, ImageStore
from builders.export.layout import LAYOUTS, PAPER, TASKS_AND_SPLITS, by_paper, by_task_and_split
from builders.export.manifest import is_export, write_manifest
from builders.export.recipe import mixture, resize_rule
from builders.export.record import ExportRecord, Row, to_json
from builders.export.sample import Sample
from builders.export.side_files import write_side_files
from builders.notation.formats import INPUT_PIXELS, NATIVE, BoxFormat, Notation, check_oriented, get_format
from builders.notation.input_size import InputSize, ResizeRule
from builders.notation.models import describe_unit, other_family
from builders.notation.phrasing import Phrasing
from builders.notation.render import render_text

_LOG = logging.getLogger(__name__)
_COLUMNS = ("id", "image", "width", "height", "task", "scenario", "messages")
_TRAIN, _TEST = "train", "test"
# The format that the paper trained and inferred with.
_PAPER_FORMAT = "ms-swift"
# Written last, since the other tasks decide how many of its records the recipe trains on.
_LARGEST_TASK = fewest_records_first()[-1]


class ExportOptions(NamedTuple):
    """The contents and form of an export.

    Attributes:
        format: a name of `FORMATS`.
        tasks: the tasks to export; those of `all` if empty.
        splits: the splits to export; all if empty.
        limit: maximum number of records per task, split and scenario; `None` for all.
        box_format: a name of the box formats; `None` for the export format's default.
        images: `copy`, `link` or `path`; see `ImageStore`.
        layout: `tasks` (a file for each task and split) or `paper` (nine test files).
    """

    format: str
    tasks: Sequence[str] = ()
    splits: Sequence[str] = ()
    limit: int | None = None
    box_format: str | None = None
    images: str = COPY
    layout: str = TASKS_AND_SPLITS


class _Notation(NamedTuple):
    """How boxes are written; the native format if the export format marks them itself."""

    name: str | None
    format: BoxFormat
    resize: ResizeRule | None


def export(location: str, out: Path, options: ExportOptions) -> Export:
    """Write a data set in the form that a trainer or a harness reads.

    The folder is made beside `out` and then moved into place.

    Args:
        location: DATA, as `open_data` takes it.
        out: the folder to write; an earlier export there is replaced, any other content is refused.
        options: the contents and form of the export.

    Returns:
        What was written.

    Raises:
        SARChatError: if an option or the data are wrong, an image is missing, or the folder at `out` is not an export.
        OSError: if writing fails.
    """
    fmt = _check(options)
    data = open_data(location)
    notation = _read_notation(fmt, options, data.info)
    parts = _select_parts(data, fmt, options)
    folder = Path(os.path.realpath(out))
    with replacing_folder(out, is_export) as staging:
        images = ImageStore(staging, options.images)
        made = Export(fmt, folder, [], [], notation.format, notation.name is None, images.counts)
        with tqdm(total=_count(data, parts, options), desc="Exporting", unit=" records", disable=None) as bar:
            writer = _Writer(fmt, notation, options, images, staging, bar.update)
            for split, tasks in parts:
                keep = data.subset(tasks, split, options.limit)
                for task in tasks:
                    made.tables.extend(writer.write(data, task, split, keep))
        if not made.tables:
            raise SARChatError(f"{location} contains no record of the chosen tasks and splits; nothing to export")
        made.tables.sort(key=lambda table: TASKS.index(table.task))
        if not fmt.evaluates:
            made.training.extend(writer.training(made.tables))
        names = {table.name for table in (*made.tables, *made.training)}
        names.update(write_side_files(made, staging))
        write_manifest(staging, _describe(data, options, notation, made), names, images.names)
    if made.training and not made.marks_boxes:
        _warn_of_unit(fmt, notation.format)
    return made


def _check(options: ExportOptions) -> Format:
    fmt = FORMATS[options.format]
    check_name("--images mode", options.images, WAYS)
    check_name("layout", options.layout, LAYOUTS)
    if options.layout == PAPER and options.format != _PAPER_FORMAT:
        raise SARChatError(
            f"the paper's layout is that of {_PAPER_FORMAT}, which its inference script runs, not of {options.format}; "
            f"use --to {_PAPER_FORMAT}"
        )
    if options.layout == PAPER and tuple(options.splits) not in ((), (_TEST,)):
        raise SARChatError(f"the paper's layout has test files only; leave out --split {options.splits[0]}")
    if fmt.evaluates and len(options.splits) > 1:
        raise SARChatError(f"{fmt.name} evaluates one split; give one --split, got {', '.join(options.splits)}")
    # The paper's files are lists, with boxes as text in the data set's own format.
    return fmt._replace(suffix=".json", box_format=NATIVE) if options.layout == PAPER else fmt


def _warn_of_unit(fmt: Format, box_format: BoxFormat) -> None:
    """Warn if the family of the model that the scripts name is known to write boxes in another unit."""
    model = fmt.model(box_format.name)
    family = other_family(model, box_format)
    if family is not None:
        _LOG.warning(
            "boxes are in %s, but the script's model, %s, writes them in %s and would have to learn the other unit; "
            "use --box-format %s, or set MODEL to one that fits",
            describe_unit(box_format),
            model,
            describe_unit(get_format(family.format)),
            family.format,
        )


def _read_notation(fmt: Format, options: ExportOptions, info: CorpusInfo) -> _Notation:
    # Four corners are text in any export: no consumer rescales them.
    name = options.box_format or fmt.box_format or (NATIVE if info.oriented else None)
    box_format = get_format(name or NATIVE)
    if info.oriented:
        check_oriented(box_format)
    return _Notation(name, box_format, resize_rule() if box_format.unit == INPUT_PIXELS else None)


def _select_parts(data: Records, fmt: Format, options: ExportOptions) -> list[tuple[str, list[str]]]:
    """Return the splits to export, each with its tasks in the order in which they are written."""
    for task in options.tasks:
        if task not in data.tasks:
            raise SARChatError(
                f"{data.location} has no task {task!r}{near(task, data.tasks)}; it has {', '.join(data.tasks)}"
            )
    wanted = tuple(options.splits)
    if options.layout == PAPER or (fmt.evaluates and not wanted):
        wanted = (_TEST,)
    tasks = [task for task in data.tasks if task in (options.tasks or IN_ALL)]
    if unscored := [task for task in tasks if fmt.evaluates and not is_scored(task)]:
        raise SARChatError(f"{fmt.name} evaluates, but {unscored[0]} is for training, and has no score")
    for split in wanted:
        if not any(data.has(task, split) for task in options.tasks):
            data.select(options.tasks[0] if options.tasks else ALL, split)
    tasks.sort(key=lambda task: task == _LARGEST_TASK)
    splits = [split for split in SPLITS if split in wanted or not wanted]
    parts = ((split, [task for task in tasks if data.has(task, split)]) for split in splits)
    return [(split, members) for split, members in parts if members]


def _count(data: Records, parts: Sequence[tuple[str, list[str]]], options: ExportOptions) -> int | None:
    """Return the number of records to export, if it is known in advance."""
    if options.limit is not None:
        return None
    return sum(data.count(task, split) for split, tasks in parts for task in tasks)


class _Writer:
    """Writes the records, one task and split at a time."""

    def __init__(
        self,
        fmt: Format,
        notation: _Notation,
        options: ExportOptions,
        images: ImageStore,
        staging: Path,
        advance: Callable[[int], object],
    ) -> None:
        self._format = fmt
        self._notation = notation
        self._name = by_paper if options.layout == PAPER else by_task_and_split
        self._images = images
        self._staging = staging
        self._advance = advance
        # For the training split: the number of records written per task, and the sample of the largest task.
        self._written: dict[str, int] = {}
        self._sample: Table | None = None

    def write(self, data: Records, task: str, split: str, keep: Container[str] | None) -> list[Table]:
        """Write a task's records of a split; return the files that hold them."""
        files: dict[str, RecordFile[Any]] = {}
        sample = self._start_sample(task, split)
        with ExitStack() as stack:
            for record, converted in self._convert(data, task, split, keep):
                name = self._name(task, split, record.scenario) + self._format.suffix
                if name not in files:
                    files[name] = self._open(name)
                    stack.callback(files[name].close)
                files[name].write(converted)
                if sample is not None:
                    sample.add(record.id, converted)
                self._advance(1)
        total = sum(file.records for file in files.values())
        if split == _TRAIN:
            self._written[task] = total
        if sample is not None and total > sample.size:
            self._write_sample(sample, task, split)
        return [Table(task, split, name, file.records, file.records) for name, file in sorted(files.items())]

    def training(self, tables: Sequence[Table]) -> list[Table]:
        """Return the files that the recipe trains on, with the number of records to use from each."""
        use = mixture(self._written)
        chosen = [table._replace(use=use[table.task]) for table in tables if table.split == _TRAIN]
        return [
            self._sample if self._sample is not None and table.task == self._sample.task else table for table in chosen
        ]

    def _convert(
        self, data: Records, task: str, split: str, keep: Container[str] | None
    ) -> Iterator[tuple[ExportRecord, Row]]:
        convert, notation = self._format.convert, self._notation
        phrasing = Phrasing(Notation(notation.format, notation.resize)) if self._format.evaluates else None
        image, place = None, ""
        for row in data.rows(task, split, keep, _COLUMNS):
            if row["image"] is not image:
                image = row["image"]
                place = self._images.place(split, image)
            record = make_record(row, place, notation.name, notation.format, notation.resize, data.info)
            if phrasing is not None:
                question = phrasing.phrase(row, data.info, asks_for_boxes=asks_for_boxes(task))
                record = record._replace(question=question)
            yield record, convert(record)

    def _open(self, name: str) -> RecordFile[Any]:
        return record_file(self._staging / name, self._format.schema)

    def _start_sample(self, task: str, split: str) -> Sample | None:
        if self._format.draws_samples or (task, split) != (_LARGEST_TASK, _TRAIN) or not self._written:
            return None
        return Sample(max(self._written.values()))

    def _write_sample(self, sample: Sample, task: str, split: str) -> None:
        file = self._open(f"{task}-{split}-sample{self._format.suffix}")
        for converted in sample.records():
            file.write(converted)
        file.close()
        self._sample = Table(task, split, file.path.name, file.records, file.records)


def make_record(
    row: dict[str, Any],
    image: str,
    name: str | None,
    box_format: BoxFormat,
    resize: InputSize | ResizeRule | None,
    info: CorpusInfo,
) -> ExportRecord:
    """Return a row of the data set as an export format gets it.

    Args:
        row: the columns `id`, `task`, `scenario`, `width`, `height` and `messages`.
        image: where the image is for the consumer.
        name: the notation's name, `None` if the format of export marks boxes itself.
        box_format: the notation.
        resize: the resizing that the notation depends on, if it does.
        info: what the corpus is about.
    """
    width, height = row["width"], row["height"]
    user, assistant = row["messages"]
    question = user["content"]
    gold = answer = assistant["content"]
    if not box_format.is_native:
        question = render_text(question, box_format, width, height, resize, info.vocabulary)
        answer = render_text(gold, box_format, width, height, resize, info.vocabulary)
    return ExportRecord(
        id=row["id"],
        task=row["task"],
        scenario=row["scenario"],
        question=question,
        answer=answer,
        gold=gold,
        image=image,
        width=width,
        height=height,
        input_size=resize.of(width, height) if resize else None,
        box_format=name,
        categories=to_json(info.words) if info.words is not None else None,
    )


def _describe(data: Records, options: ExportOptions, notation: _Notation, made: Export) -> dict[str, Any]:
    return {
        "format": options.format,
        "data": {"location": data.location, "version": data.version, "fingerprint": data.fingerprint},
        "layout": options.layout,
        "limit": options.limit,
        "box_format": notation.name,
        "records": {table.name: table.records for table in made.tables},
    }
