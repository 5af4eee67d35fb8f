"""The files beside the records: descriptions and training scripts, made from the format's templates."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from builders.export.format import Export
from builders.export.recipe import settings

# Prefix of files that start a training; they are written only if there are records of the training split.
_TRAINING = "train"
_EACH = "@task"


class _AtTemplate(Template):
    """A template with placeholders `@name`, since `$name` belongs to the shell."""

    delimiter = "@"


def write_side_files(export: Export, staging: Path) -> list[str]:
    """Write every template of a format into the folder, filled in; return their names.

    A template with `@task` in its name is written once for each task; Python is copied, so that it can be read, checked
    and imported where it is.
    """
    fmt = export.format
    known = {
        **settings(export.choice.model, export.resize),
        "box_format": export.box_format.name,
        **fmt.values(export),
    }
    names = []
    folder = fmt.templates or files("builders.export.templates").joinpath(fmt.name)
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
