"""Atomic writing of a file: either the whole new content is in place, or the old file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from builders.errors import SARChatError

# A full disk, a full quota, a file that is too large, a failing or read-only disk.
_OF_DISKS = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")}


@contextmanager
def naming_disk(path: Path) -> Iterator[None]:
    """Add a path to an error of the disk that names none: writing to an open file gives no name.

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
    """Open a text file that replaces `path` if the block succeeds; until then it has a temporary name.

    If `path` is a symbolic link, its target is replaced and the link stays. Anything but a regular file, such as
    `/dev/stdout`, is written to directly.

    Raises:
        OSError: if the folder does not exist or the disk is full.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        with naming_disk(path), path.open("w", encoding="utf-8", newline="\n") as stream:
            yield stream
        return
    partial = path.with_name(f".{path.name}.partial")
    # A leftover of a killed run, or a link to another place.
    partial.unlink(missing_ok=True)
    try:
        with naming_disk(path):
            with partial.open("x", encoding="utf-8", newline="\n") as stream:
                yield stream
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_outputs(outputs: Mapping[str, Path | None], inputs: Sequence[str | os.PathLike[str]]) -> None:
    """Check, before any work is done, that no output replaces an input or another output.

    Args:
        outputs: the file of each option, or `None` if the option is not given.
        inputs: the files and folders that are read; those that are not local are ignored.

    Raises:
        SARChatError: if an output is an input, is inside a folder that is read, is a folder, or is given twice.
    """
    seen: dict[Path, str] = {}
    sources = {Path(os.path.realpath(place)): place for place in inputs if os.path.exists(place)}
    for option, output in outputs.items():
        if output is None:
            continue
        target = Path(os.path.realpath(output))
        if target.is_dir():
            raise SARChatError(f"{option} {output} is a folder; choose a file")
        if not target.parent.is_dir():
            raise SARChatError(f"{option} {output}: the folder {output.parent} does not exist; create it first")
        if not target.exists() or target.is_file():
            for source, given in sources.items():
                is_input = target == source or source in target.parents or _is_same_file(target, source)
                if is_input:
                    raise SARChatError(
                        f"{option} {output} would write into {given}, which is read; choose another file"
                    )
            if target in seen:
                raise SARChatError(f"{seen[target]} and {option} are both {output}; choose two files")
            seen[target] = option


def _is_same_file(first: Path, second: Path) -> bool:
    """Return whether two paths are the same file, including hard links and case-insensitive file systems."""
    return first.exists() and first.samefile(second)
