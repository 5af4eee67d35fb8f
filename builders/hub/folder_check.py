"""Checks that apply to every folder before publishing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from huggingface_hub import RepoCard

from builders.core.checksums import SUMS, read_checksums
from builders.core.errors import SARChatError
from builders.data.reader import require_folder

# The identity of a file, to detect a replacement: device, inode, size, time of the last change.
FileStates = dict[str, tuple[int, int, int, int]]
# Parts of paths that no build has: hidden ones, such as `.env`, and the names of keys and tokens.
_SECRET = re.compile(
    r"""\.[^.].* | _netrc | id_(rsa|dsa|ecdsa|ed25519)\b.*
    | (.*[._-])?(token|secret|credential|password|passwd)s?(\..*)?
    | .*\.(pem|key|p12|pfx|ppk|jks|keystore|kdbx|asc|gpg|env|ovpn)""",
    re.VERBOSE | re.IGNORECASE,
)


def list_files(folder: Path, names: Iterable[str], command: str) -> FileStates:
    """List the files in the `SHA256SUMS` of a folder that `sarchat COMMAND` wrote, and that file, with their states.

    Returns:
        The state of each file, by its path in the folder, sorted.

    Raises:
        SARChatError: if the folder or a file of it does not exist, or a file has the name of a secret.
    """
    require_folder(folder, command)
    for name in names:
        if not (folder / name).is_file():
            raise SARChatError(f"{folder}: no {name}, so `sarchat {command}` did not write this folder; run that first")
    paths = sorted([*read_checksums(folder), SUMS])
    for path in paths:
        if any(map(_SECRET.fullmatch, PurePath(path).parts)):
            raise SARChatError(
                f"{folder / path} may hold a secret, such as a key or a token, and would be published; move it out of "
                f"the folder, and write the folder again with `sarchat {command}`"
            )
    return read_states(folder, paths)


def read_states(folder: Path, paths: Iterable[str]) -> FileStates:
    """Return the state of files of a folder, for comparison with a later one.

    Raises:
        SARChatError: if a file is missing.
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
    """Check that no file has changed since its state was read, so that exactly the checked files are published.

    Raises:
        SARChatError: if a file has changed or is missing.
    """
    now = read_states(folder, states)
    for path, state in states.items():
        if now[path] != state:
            raise SARChatError(f"{folder / path} has changed since it was checked; nothing was published, push again")


def read_metadata(card: Path, kind: type[RepoCard]) -> dict[str, Any]:
    """Read a card's front matter with huggingface_hub's checks of that kind of card.

    Raises:
        SARChatError: if it is not valid.
    """
    try:
        return kind.load(card).data.to_dict()
    # The YAML parser and the card's checks raise errors of several libraries.
    except Exception as error:
        raise SARChatError(f"{card}: the front matter is not valid: {describe_error(error)}") from error


def describe_error(error: Exception) -> str:
    """Return an error of another library as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
