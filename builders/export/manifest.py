"""The manifest of an export, by which a later export recognises what it may replace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from builders.core.checksums import edited, hash_files, hash_text, is_untouched, lasting_files
from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.export.images import FOLDER

MANIFEST = "export.json"
_KIND = "sarchat export"


def write_manifest(staging: Path, description: dict[str, Any], files: Iterable[str], images: set[str]) -> None:
    """Write `export.json`, with a hash of its own content.

    Args:
        staging: the folder.
        description: the source and the options of the export.
        files: the other files in it, except images.
        images: the images in it, as paths relative to the folder.
    """
    content = {
        "kind": _KIND,
        **description,
        "files": hash_files(staging, sorted(files), "Writing checksums"),
        "images": _describe(images),
    }
    text = json.dumps({**content, "digest": hash_text(json.dumps(content))}, indent=1, ensure_ascii=False)
    (staging / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_export(folder: Path) -> dict[str, Any]:
    """Return what an export says of itself in its `export.json`.

    Raises:
        SARChatError: if the folder is none.
    """
    path = folder / MANIFEST
    try:
        content = load_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SARChatError(f"{folder} is not a folder of `sarchat export`: {path}: {error}") from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise SARChatError(f"{path} was not written by `sarchat export`")
    return content


def is_export(folder: Path) -> bool:
    """Return whether a folder contains an export, as its own `export.json` describes it, and nothing else.

    Raises:
        SARChatError: if a file of the export was edited since.
    """
    try:
        content = load_json((folder / MANIFEST).read_text(encoding="utf-8"))
        digest, files, images = content.pop("digest"), content["files"], content["images"]
        if content["kind"] != _KIND or digest != hash_text(json.dumps(content)) or not isinstance(files, dict):
            return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    stored = {path.as_posix() for path in lasting_files(folder) if path.parts[0] == FOLDER}
    if images != _describe(stored):
        return False
    written = (folder / MANIFEST).stat().st_mtime_ns
    for name in sorted(stored):
        # An edit of a hard link also edits the original, which stays.
        if (status := (folder / name).lstat()).st_mtime_ns > written and status.st_nlink == 1:
            raise edited(folder, name)
    return is_untouched(folder, files, MANIFEST, besides=stored)


def _describe(images: set[str]) -> dict[str, Any]:
    return {"count": len(images), "names_sha256": hashlib.sha256("\n".join(sorted(images)).encode()).hexdigest()}
