"""The files of a folder, told apart from what other tools leave in it."""

from __future__ import annotations

from pathlib import Path, PurePath

# git, huggingface_hub, Python and Gradio: in a folder that is cloned, uploaded, imported or run.
_OF_TOOLS = {".git", ".gitattributes", ".cache", "__pycache__", ".gradio"}
_CACHES = {"__pycache__", ".gradio"}
_HUB_CACHE = (".cache", "huggingface")


def own_files(folder: Path) -> list[PurePath]:
    """List the files and links of a folder, sorted, relative to it; without those that git and other tools left."""
    return [path for path in _list_files(folder) if _OF_TOOLS.isdisjoint(path.parts)]


def lasting_files(folder: Path) -> list[PurePath]:
    """List what would be lost with a folder: its files and links, without caches that tools create again.

    Unlike `own_files`, they include a clone's `.git` and whatever else somebody keeps in `.cache`.
    """
    return [
        path
        for path in _list_files(folder)
        if _CACHES.isdisjoint(path.parts) and path.parts[: len(_HUB_CACHE)] != _HUB_CACHE
    ]


def _list_files(folder: Path) -> list[PurePath]:
    return sorted(
        PurePath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    )
