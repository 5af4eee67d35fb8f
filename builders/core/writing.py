"""Writing a file in one step, temporary names, and the check of outputs before any work is done.

Temporary names are beside what is being written: random, and with a sign by which only our own are recognized.
"""

from __future__ import annotations

import errno
import mmap
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from builders.core.checksums import hash_text
from builders.core.errors import SARChatError

# What is being written, a folder that is being replaced, and what keeps other processes out.
PARTIAL, RETIRED, LOCK = "partial", "old", "lock"
# File systems allow 255 bytes.
_SHOWN_CHARACTERS = 40
_TOKEN_LENGTH = 8


def temporary(path: Path, kind: str = PARTIAL) -> Path:
    """Return a new path beside `path`, which no other call returns."""
    return _sign(path, secrets.token_hex(_TOKEN_LENGTH // 2), kind)


def lock_of(path: Path) -> Path:
    """Return the path of the empty file that keeps other processes from writing `path`."""
    return _sign(path, "", LOCK)


def leftovers(path: Path, kind: str = PARTIAL) -> list[Path]:
    """Return what exists under a name that `temporary` returned for `path`, sorted."""
    try:
        return sorted(found for found in path.parent.iterdir() if found == _sign(path, _token_of(found), kind))
    except OSError:
        # There is no such folder, or it cannot be listed.
        return []


def _token_of(path: Path) -> str:
    return "".join(path.name.split(".")[-2:-1])[:_TOKEN_LENGTH]


def _sign(path: Path, token: str, kind: str) -> Path:
    # Bytes, since not every name is text.
    sign = hash_text(f"sarchat {os.fsencode(path.name).hex()} {token} {kind}")[:12]
    return path.with_name(f".{path.name[:_SHOWN_CHARACTERS]}.{token}{sign}.{kind}")


if os.name == "posix":
    import fcntl

# A full disk, a full quota, a file that is too large, a failing or read-only disk.
_OF_DISKS = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")}


@contextmanager
def naming_disk(path: Path) -> Iterator[None]:
    """Add a path to a disk error that has none, as when an open file is written to.

    Raises:
        OSError: what the block raises.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in _OF_DISKS:
            error.filename = str(path)
        raise


@contextmanager
def writing_whole(path: Path) -> Iterator[TextIO]:
    """Open a text file in UTF-8 that replaces `path` if the block succeeds; see `writing_bytes`."""
    with writing_bytes(path) as stream:
        text = TextIOWrapper(stream, encoding="utf-8", newline="\n", write_through=True)
        try:
            yield text
        finally:
            text.detach()


@contextmanager
def writing_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that replaces `path` if the block succeeds; until then it has a temporary name.

    The file keeps the permissions of the one that it replaces. If `path` is a symbolic link, its target is replaced and
    the link stays. Anything but a regular file, such as `/dev/stdout`, is written to directly.

    Raises:
        OSError: if the folder does not exist or the disk is full.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        with naming_disk(path), path.open("wb") as stream:
            yield stream
        return
    for leftover in leftovers(path):
        _remove_abandoned(leftover)
    with naming_disk(path):
        descriptor, partial = _create(path)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                if path.exists():
                    partial.chmod(stat.S_IMODE(path.stat().st_mode))
                yield stream
                stream.flush()
                os.fsync(descriptor)
                if os.name != "posix":
                    stream.close()
                # Still locked: otherwise another process could consider it abandoned.
                os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def _create(path: Path) -> tuple[int, Path]:
    """Create a temporary file, locked as long as it is open; return its descriptor and its path."""
    # Nobody else may read it before it has the permissions of the file that it replaces.
    permissions = 0o600 if path.exists() else 0o666
    while True:
        partial = temporary(path)
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), permissions)
        is_locked = _lock(descriptor)
        # Another process may have considered it abandoned before it was locked.
        if is_locked is None or (is_locked and os.fstat(descriptor).st_nlink):
            return descriptor, partial
        os.close(descriptor)


def _remove_abandoned(leftover: Path) -> None:
    """Remove a temporary file if its process has ended: the system unlocks it then."""
    with suppress(OSError), leftover.open("r+b") as stream:
        if _lock(stream.fileno()):
            leftover.unlink()


def _lock(descriptor: int) -> bool | None:
    """Lock an open file; return whether nobody else has it locked, or `None` if the file system has no locks."""
    if os.name != "posix":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def check_outputs(
    outputs: Mapping[str, Path | None], inputs: Iterable[str | os.PathLike[str]], marks: Mapping[str, bytes]
) -> None:
    """Check, before any work is done, that no output replaces an input, another output or somebody's file.

    Args:
        outputs: the file of each option, or `None` if the option is not given.
        inputs: the files and folders that are read; those that are not local are ignored.
        marks: for each option what every file that it writes contains. An existing file without it is not replaced.

    Raises:
        SARChatError: if an output is an input, is inside a folder that is read, is a folder, is given twice, or exists
            and was not written by this option.
    """
    seen: dict[Path, str] = {}
    given = [place for place in inputs if os.path.exists(place)]
    for option, output in outputs.items():
        if output is None:
            continue
        target = Path(os.path.realpath(output))
        if target.is_dir():
            raise SARChatError(f"{option} {output} is a folder; choose a file")
        if not target.parent.is_dir():
            raise SARChatError(f"{option} {output}: the folder {output.parent} does not exist; create it first")
        if target.exists() and not target.is_file():
            continue
        check_outside(output, given, option)
        if target in seen:
            raise SARChatError(f"{seen[target]} and {option} are both {output}; choose two files")
        seen[target] = option
        if target.exists() and not may_replace(target, marks[option]):
            raise SARChatError(
                f"{option} {output} exists and is not a file that this option writes; choose another one, or remove it"
            )


def may_replace(file: Path, mark: bytes) -> bool:
    """Return whether an existing file is empty, or may be written and contains what all files of its kind contain."""
    status = file.stat()
    if not status.st_size:
        return True
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return bool(status.st_mode & stat.S_IWUSR) and content.find(mark) >= 0


def check_outside(output: Path, inputs: Iterable[str | os.PathLike[str]], option: str = "--out") -> None:
    """Check that an output, which need not exist, is neither an input nor inside one, whatever its name.

    Raises:
        SARChatError: if it is.
    """
    for given in inputs:
        if _lies_in(output, Path(given).expanduser()):
            raise SARChatError(f"{option} {output} would write into {given}, which is read; choose another place")


def check_replaced(folder: Path, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Check that a folder that is replaced as a whole is not an input and contains none.

    Raises:
        SARChatError: if it is or does.
    """
    for given in inputs:
        if "://" not in os.fspath(given) and _lies_in(Path(given).expanduser(), folder):
            raise SARChatError(f"--out {folder} is or contains {given}, which would be replaced; choose another --out")


def _lies_in(path: Path, top: Path) -> bool:
    """Return whether a path is another one or inside it: the same file, however it is named or linked."""
    place = Path(os.path.realpath(path))
    return top.exists() and any(above.samefile(top) for above in (place, *place.parents) if above.exists())
