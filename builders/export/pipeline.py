"""Exports a data set to the folder that a trainer or a harness reads: files of records, images, and side files."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from builders.core.atomic import replacing_folder
from builders.core.checksums import hash_text
from builders.core.errors import SARChatError, check_name, near
from builders.core.schema import ALL, IN_ALL, SPLITS, TASKS, is_scored, package_version
from builders.core.tables import format_table
from builders.data.open_data import open_data
from builders.data.records import Records
from builders.export.files import LARGEST_TASK, TEST, RecordWriter
from builders.export.format import DIALOGUE, LAYOUTS, PAPER, TASKS_AND_SPLITS, Export, Format, write_side_files
from builders.export.formats import FORMATS
from builders.export.images import COPY, WAYS, ImageStore
from builders.export.manifest import is_export, write_manifest
from builders.export.recipe import resize_of
from builders.notation.formats import NATIVE, BoxFormat, check_oriented, get_format, read_resize_rule
from builders.notation.models import Choice, choose, choose_known, describe_unit, max_tokens_of, other_family
from builders.notation.render import Phrasing

_LOG = logging.getLogger(__name__)
_CONFIGURATION = "train.yaml"
# The format that the paper trained and inferred with.
_PAPER_FORMAT = "ms-swift"


class ExportOptions(NamedTuple):
    """The contents and form of an export.

    Attributes:
        format: a name of `FORMATS`.
        tasks: the tasks to export; those of `all` if empty.
        splits: the splits to export; all if empty.
        limit: maximum number of records per task, split and scenario; `None` for all.
        box_format: a name of the box formats; `None` for the export format's default.
        images: `copy`, `link` or `path`; see `ImageStore`.
        layout: `tasks` (a file for each task and split), `dialogue` (a conversation per image) or `paper` (nine test
            files).
        model: the model to train or evaluate, which decides box format and sizes; `None` for the format's default.
        resize: `factor,min_pixels,max_pixels`, if the model is shown images in another size than by its own processor.
    """

    format: str
    tasks: Sequence[str] = ()
    splits: Sequence[str] = ()
    limit: int | None = None
    box_format: str | None = None
    images: str = COPY
    layout: str = TASKS_AND_SPLITS
    model: str | None = None
    resize: str | None = None


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
    if options.layout == DIALOGUE and not options.tasks:
        options = options._replace(tasks=(DIALOGUE,))
    fmt = _check(options)
    data = open_data(location)
    marks, choice = _choose(fmt, options, data.info.oriented)
    phrasing = None if marks else Phrasing(choice.notation)
    resize = read_resize_rule(choice.resize or options.resize or "") if choice.resize or options.resize else None
    parts = _select_parts(data, fmt, options)
    folder = Path(os.path.realpath(out))
    with replacing_folder(out, is_export) as staging:
        images = ImageStore(staging, options.images)
        made = Export(fmt, folder, [], [], [], choice, resize or resize_of(choice.model), marks, images.counts)
        with tqdm(total=_count(data, parts, options), desc="Exporting", unit=" records", disable=None) as bar:
            writer = RecordWriter(fmt, phrasing, options.layout, images, staging, bar.update)
            for split, tasks in parts:
                keep = data.subset(tasks, split, options.limit)
                for task in tasks:
                    made.tables.extend(writer.write(data, task, split, keep))
        if not made.tables:
            raise SARChatError(f"{location} contains no record of the chosen tasks and splits; nothing to export")
        made.tables.sort(key=lambda table: TASKS.index(table.task))
        if not fmt.evaluates:
            made.training.extend(writer.training(made.tables))
            made.evaluation.extend(writer.evaluation() if made.training else ())
        names = {table.name for table in (*made.tables, *made.training, *made.evaluation)}
        description = _describe(data, options, made)
        names.update(write_side_files(made, staging, _hash_source(data, options, description)))
        write_manifest(staging, description, names, images.names)
    if made.training and not made.marks_boxes:
        _warn_of_unit(choice.model, made.box_format)
    if made.training and fmt.skips(_CONFIGURATION, made):
        _LOG.warning("no template of %s is known for %s; %s is not written", fmt.name, choice.model, _CONFIGURATION)
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
    if options.layout == PAPER and tuple(options.splits) not in ((), (TEST,)):
        raise SARChatError(f"the paper's layout has test files only; leave out --split {options.splits[0]}")
    if (options.layout == DIALOGUE) != (DIALOGUE in options.tasks):
        raise SARChatError(f"dialogues are exported alone, with --layout {DIALOGUE}; leave out --task")
    if options.layout == DIALOGUE:
        if fmt.dialogue is None:
            able = ", ".join(name for name in FORMATS.included if FORMATS[name].dialogue)
            raise SARChatError(f"{fmt.name} takes one question at a time, and no dialogue; choose from {able}")
        return fmt._replace(convert=fmt.dialogue)
    if fmt.evaluates and len(options.splits) > 1:
        raise SARChatError(f"{fmt.name} evaluates one split; give one --split, got {', '.join(options.splits)}")
    # The paper's files are lists, with boxes as text in the data set's own format.
    return fmt._replace(suffix=".json", box_format=NATIVE) if options.layout == PAPER else fmt


def _warn_of_unit(model: str, box_format: BoxFormat) -> None:
    """Warn if the family of the model that the scripts name is known to write boxes in another unit."""
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


def _choose(fmt: Format, options: ExportOptions, oriented: bool = False) -> tuple[bool, Choice]:
    """Return whether the consumer rescales marked boxes itself, and the model with the way its boxes are written.

    Options come before the model's family, and that before the format's default, which fits the model that its scripts
    then name. Four corners are text in any export: no consumer rescales them.
    """
    marks = fmt.box_format is None and options.box_format is None and not oriented
    if options.model is None:
        name = options.box_format or fmt.box_format or NATIVE
        choice = choose("" if fmt.evaluates else fmt.model(name), name, resize=None if marks else options.resize)
    elif options.layout == PAPER:
        raise SARChatError("the paper's layout has boxes as the paper's models wrote them; leave out --model")
    elif marks:
        choice = choose(options.model, NATIVE)
    else:
        choice = choose_known(options.model, options.box_format, options.resize)
    if oriented:
        check_oriented(get_format(choice.box_format))
    return marks, choice


def _select_parts(data: Records, fmt: Format, options: ExportOptions) -> list[tuple[str, list[str]]]:
    """Return the splits to export, each with its tasks in the order in which they are written."""
    for task in options.tasks:
        if task not in data.tasks:
            raise SARChatError(
                f"{data.location} has no task {task!r}{near(task, data.tasks)}; it has {', '.join(data.tasks)}"
            )
    wanted = tuple(options.splits)
    if options.layout == PAPER or (fmt.evaluates and not wanted):
        wanted = (TEST,)
    tasks = [task for task in data.tasks if task in (options.tasks or IN_ALL)]
    if unscored := [task for task in tasks if fmt.evaluates and not is_scored(task)]:
        raise SARChatError(f"{fmt.name} evaluates, but {unscored[0]} is for training, and has no score")
    for split in wanted:
        if not any(data.has(task, split) for task in options.tasks):
            data.select(options.tasks[0] if options.tasks else ALL, split)
    tasks.sort(key=lambda task: task == LARGEST_TASK)
    splits = [split for split in SPLITS if split in wanted or not wanted]
    parts = ((split, [task for task in tasks if data.has(task, split)]) for split in splits)
    return [(split, members) for split, members in parts if members]


def _count(data: Records, parts: Sequence[tuple[str, list[str]]], options: ExportOptions) -> int | None:
    """Return the number of records to export, if it is known in advance."""
    if options.limit is not None:
        return None
    return sum(data.count(task, split) for split, tasks in parts for task in tasks)


def _describe(data: Records, options: ExportOptions, made: Export) -> dict[str, Any]:
    return {
        "format": options.format,
        "data": {"location": data.location, "version": data.version, "fingerprint": data.fingerprint},
        "layout": options.layout,
        "limit": options.limit,
        "model": made.choice.model,
        "box_format": None if made.marks_boxes else made.choice.box_format,
        "resize": made.choice.resize,
        "max_tokens": max_tokens_of(made.choice.model),
        # Whether questions that ask for boxes end as in `sarchat predict`.
        "asks": not made.marks_boxes,
        "records": {table.name: table.records for table in made.tables},
    }


def _hash_source(data: Records, options: ExportOptions, description: Mapping[str, Any]) -> str:
    """Return a hash of all that the records follow from, wherever the data are."""
    source = [data.version, data.fingerprint, package_version(), options.images]
    return hash_text(json.dumps([*source, {name: value for name, value in description.items() if name != "data"}]))


def format_report(made: Export) -> str:
    """Return a table of the files of records, the unit of their boxes, and how images were stored."""
    used = {table.name: table.use for table in made.training}
    tables = {table.name: table for table in (*made.tables, *made.training)}.values()
    if used:
        text = format_table(
            ["file", "records", "trained on"], [[table.name, table.records, used.get(table.name)] for table in tables]
        )
    else:
        text = format_table(["file", "records"], [[table.name, table.records] for table in tables])
    images = "; ".join(f"{number:,} {how}" for how, number in sorted(made.images.items()))
    return (
        f"{text}\n\nBoxes: {_describe_boxes(made)}.{_describe_harness(made)}\nImages: {images}.\nWrote {made.folder}."
    )


def _describe_harness(made: Export) -> str:
    """Return a line on the size that a harness itself would show images in, if boxes depend on it and it is another."""
    family, rule = made.choice.family, made.choice.resize
    other = family.harnesses.get(made.format.name) if family and rule else None
    if not other or other == rule:
        return ""
    name = made.format.name
    if name == "vlmevalkit":
        return f"\nSizes: {name}'s own {made.choice.model} resizes by {other}; the program sets {rule} instead."
    _, least, most = (rule or "").split(",")
    return (
        f"\nSizes: {name}'s own {family.name if family else ''} resizes by {other}; add min_pixels={least},"
        f"max_pixels={most} to its --model_args. Through a server, nothing is to be set."
    )


def _describe_boxes(made: Export) -> str:
    """Return one line: the unit of boxes, why it was chosen, and the model that scripts name."""
    model = f"; the scripts train {made.choice.model}" if made.training else ""
    if made.marks_boxes:
        return f"{describe_unit(made.box_format)}, in a column; {made.format.name} rescales them for its model{model}"
    if made.format.evaluates and not made.choice.model and made.box_format.name == NATIVE:
        return f"{made.choice.describe()}; if the model writes others, name it with --model"
    return made.choice.describe() + model
