"""What an export says of itself, so that a later one may replace it and nothing else."""

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
        description: what the export was made from and how.
        files: the other files in it, without images.
        images: the images in it, by their paths from the folder.
    """
    content = {
        "kind": _KIND,
        **description,
        "files": sorted(files),
        "images": {"count": len(images), "names_sha256": _digest(images)},
    }
    (staging / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def is_export(folder: Path) -> bool:
    """Return whether a folder holds an export and nothing else: the files and images of its own `export.json`."""
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
