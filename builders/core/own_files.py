"""The files of a folder, without files that other tools leave in it."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

# Left by git, huggingface_hub, Python and Gradio in a folder that is cloned, uploaded, imported or run.
_OF_TOOLS = {".git", ".gitattributes", ".cache", "__pycache__", ".gradio"}
_CACHES = {"__pycache__", ".gradio"}
_HUB_CACHE = (".cache", "huggingface")


def own_files(folder: Path) -> list[PurePath]:
    """List the files and links of a folder by relative path, sorted, without those that git and other tools left."""
    return [path for path in list_files(folder) if _OF_TOOLS.isdisjoint(path.parts)]


def lasting_files(folder: Path) -> list[PurePath]:
    """List the files and links that would be lost with a folder, without caches that tools recreate.

    Unlike `own_files`, the list includes a clone's `.git` and other files in `.cache`.
    """
    return [
        path
        for path in list_files(folder)
        if _CACHES.isdisjoint(path.parts) and path.parts[: len(_HUB_CACHE)] != _HUB_CACHE
    ]


def list_files(folder: Path) -> list[PurePath]:
    """List all files and links of a folder by relative path, sorted; links are not followed."""
    found = []
    for top, folders, names in os.walk(folder):
        links = (name for name in folders if os.path.islink(os.path.join(top, name)))
        found += [PurePath(os.path.relpath(top, folder), name) for name in (*names, *links)]
    return sorted(found)
