"""What is checked first of every folder that is to be published."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import RepoCard

from builders.errors import SARChatError
from builders.folder.checksums import SUMS, read_checksums

# What tells a file from another one that has taken its place: device, inode, bytes, time of the last change.
FileStates = dict[str, tuple[int, int, int, int]]


def list_files(folder: Path, names: Iterable[str], command: str) -> FileStates:
    """List the files of a folder's `SHA256SUMS`, and that file, as they are now.

    Args:
        folder: a folder that a command of `sarchat` wrote.
        names: the files that make it recognisable.
        command: the subcommand that writes such folders.

    Returns:
        The state of each file, by its path in the folder, sorted.

    Raises:
        SARChatError: if the folder or a file of it does not exist.
    """
    require_files(folder, names, command)
    return read_states(folder, sorted([*read_checksums(folder), SUMS]))


def read_states(folder: Path, paths: Iterable[str]) -> FileStates:
    """Return the state of files of a folder, to compare it with a later one.

    Raises:
        SARChatError: one is missing.
    """
    states = {}
    for path in paths:
        try:
            status = (folder / path).stat()
        except OSError as error:
            raise SARChatError(f"{folder / SUMS}: {path} is listed, but missing; rebuild the folder") from error
        states[path] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return states


def require_unchanged(folder: Path, states: FileStates) -> None:
    """Check that no file has changed since its state was read: what was checked is what is published.

    Raises:
        SARChatError: one has changed, or is gone.
    """
    now = read_states(folder, states)
    for path, state in states.items():
        if now[path] != state:
            raise SARChatError(f"{folder / path} has changed since it was checked; nothing was published, push again")


def require_files(folder: Path, names: Iterable[str], command: str) -> None:
    """Check that a folder holds what a command of `sarchat` writes.

    Args:
        folder: the folder.
        names: the files that make it recognisable.
        command: the subcommand that writes such folders.

    Raises:
        SARChatError: if the folder or one of the files does not exist.
    """
    if not folder.is_dir():
        raise SARChatError(f"{folder}: no such folder; make it with `sarchat {command}`")
    for name in names:
        if not (folder / name).is_file():
            raise SARChatError(f"{folder}: no {name}, so `sarchat {command}` did not write this folder; run it first")


def read_metadata(card: Path, kind: type[RepoCard]) -> dict[str, Any]:
    """Read a card's front matter, with the checks that huggingface_hub makes of it.

    Args:
        card: the `README.md`.
        kind: the class of card that it must be.

    Returns:
        The front matter.

    Raises:
        SARChatError: if it is not valid.
    """
    try:
        return kind.load(card).data.to_dict()
    # The parser of YAML and the card's own checks raise errors of several libraries.
    except Exception as error:
        raise SARChatError(f"{card}: the front matter is not valid: {describe_error(error)}") from error


def describe_error(error: Exception) -> str:
    """Tell an error of another library within a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
