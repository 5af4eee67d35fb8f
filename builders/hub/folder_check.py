"""What every folder that is to be published is asked first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import RepoCard

from builders.errors import SARChatError


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
