"""The files beside the records: descriptions and training scripts, from the templates of the format."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from string import Template

from builders.export.format import Export, Format
from builders.export.recipe import settings

# Files that start a training; there is nothing to start without records of the training split.
_TRAINING = "train"


class _AtTemplate(Template):
    """A template whose placeholders are `@name`, since `$name` is the shell's."""

    delimiter = "@"


def write_side_files(fmt: Format, export: Export, staging: Path) -> list[str]:
    """Write every template of a format into the folder, filled in; return their names."""
    known = {
        **settings(export.box_format),
        "folder_json": json.dumps(str(export.folder)),
        "output_json": json.dumps(f"{export.folder}-lora"),
        "grpo_json": json.dumps(f"{export.folder}-grpo"),
        "box_format": export.box_format,
        **fmt.values(export),
    }
    names = []
    for template in sorted(files("builders.export.templates").joinpath(fmt.name).iterdir(), key=lambda file: file.name):
        if template.name.startswith(_TRAINING) and not export.training:
            continue
        text = _AtTemplate(template.read_text(encoding="utf-8")).substitute(known)
        path = staging / template.name
        path.write_text(text, encoding="utf-8", newline="\n")
        if text.startswith("#!"):
            path.chmod(0o755)
        names.append(template.name)
    return names
