"""The manifest of an export, by which a later export recognises what it may replace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from builders.export.images import FOLDER
from builders.folder.own_files import list_files
from builders.resources import load_json

MANIFEST = "export.json"
_KIND = "sarchat export"


def write_manifest(staging: Path, description: dict[str, Any], files: Iterable[str], images: set[str]) -> None:
    """Write `export.json`.

    Args:
        staging: the folder.
        description: the source and the options of the export.
        files: the other files in it, except images.
        images: the images in it, as paths relative to the folder.
    """
    content = {
        "kind": _KIND,
        **description,
        "files": sorted(files),
        "images": {"count": len(images), "names_sha256": _digest(images)},
    }
    (staging / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def is_export(folder: Path) -> bool:
    """Return whether a folder contains exactly the files and images that its own `export.json` lists."""
    try:
        content = load_json((folder / MANIFEST).read_text(encoding="utf-8"))
        listed, images = {*content["files"], MANIFEST}, content["images"]
        if content["kind"] != _KIND:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    present = {path.as_posix() for path in list_files(folder)}
    stored = {name for name in present if name.startswith(f"{FOLDER}/")}
    return present - stored <= listed and images == {"count": len(stored), "names_sha256": _digest(stored)}


def _digest(names: set[str]) -> str:
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
