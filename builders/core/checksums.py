"""Hashes of texts and files; a folder's files, and their checksums in `SHA256SUMS`, which `sha256sum -c` reads too."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import IO, Any

from tqdm import tqdm

from builders.core.errors import SARChatError

_CHUNK = 1 << 20


def read_pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a binary stream in pieces of up to 1 MiB, for a file of any length."""
    while piece := stream.read(_CHUNK):
        yield piece


def new_digest(text: str = "") -> hashlib.blake2b:
    """Return a hash object that has the text already, if there is any."""
    return hashlib.blake2b(text.encode(), digest_size=16)


def hash_text(text: str) -> str:
    """Return the hash of a text, hexadecimal."""
    return new_digest(text).hexdigest()


def hash_bytes(content: bytes) -> str:
    """Return the hash of bytes, hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def hash_file(path: Path, new: Callable[[], Any] = new_digest) -> str:
    """Return the hash of a file's content, hexadecimal; `new` makes the hash object.

    Raises:
        OSError: if it cannot be read.
    """
    digest = new()
    with path.open("rb") as stream:
        for piece in read_pieces(stream):
            digest.update(piece)
    return digest.hexdigest()


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


def require_inside(folder: Path, *paths: Path, advice: str = "copy the file into the folder") -> None:
    """Check that paths in a folder, with all links resolved, stay in the folder.

    In the cache of huggingface_hub, `snapshots/REVISION` consists of links to files in `blobs` beside it; these are
    allowed.

    Args:
        folder: the folder, which may be a link itself.
        paths: the paths.
        advice: what to do, for the message.

    Raises:
        SARChatError: if one leads elsewhere; the message has the path and its target.
    """
    top = Path(os.path.realpath(folder))
    allowed = [top, *(place.parent / "blobs" for place in top.parents if place.name == "snapshots")]
    for path in paths:
        target = Path(os.path.realpath(path))
        if not any(target.is_relative_to(place) for place in allowed):
            raise SARChatError(f"{path} is a link out of the folder, to {target}; {advice}")


SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_SMALL = 16 * 2**20


def write_checksums(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write `SHA256SUMS` with every file of a folder except itself.

    Args:
        folder: the folder; paths in the file are relative to it, with '/' on every system.
        known: the hexadecimal checksums of files that were hashed while they were written; these are not read again,
            and are listed even if they are stored elsewhere.

    Raises:
        SARChatError: if a file's name contains a line break or a backslash, which the format cannot represent.
    """
    paths = sorted({*_list_files(folder), *(known or ())})
    for path in paths:
        if re.search(r"[\n\r\\]", path):
            raise SARChatError(f"{folder}: the file name {path!r} cannot be listed in {SUMS}; rename the file")
    sums = dict(known or {})
    sums |= hash_files(folder, [path for path in paths if path not in sums], "Writing checksums")
    text = "".join(f"{sums[path]}  {path}\n" for path in paths)
    (folder / SUMS).write_text(text, encoding="utf-8", newline="\n")


def read_checksums(folder: Path) -> dict[str, str]:
    """Read a folder's `SHA256SUMS`: the hexadecimal checksum of each path.

    Raises:
        SARChatError: if the file does not exist or a line is not of the form `SUM  PATH`.
    """
    file = folder / SUMS
    if not file.is_file():
        raise SARChatError(f"{folder}: no {SUMS}, so this is not a complete build; create one with `sarchat build`")
    try:
        return parse_checksums(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SARChatError(f"{file}: {error}; rebuild the folder") from error


def parse_checksums(text: str) -> dict[str, str]:
    """Parse the text of a `SHA256SUMS`: the hexadecimal checksum of each path.

    Raises:
        ValueError: at the first line that is not of the form `SUM  PATH`.
    """
    sums = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a checksum and a path: {line[:80]!r}")
        sums[match[2]] = match[1]
    return sums


def verify_checksums(folder: Path) -> None:
    """Check that a folder contains exactly the files that its `SHA256SUMS` lists, unchanged, and no symbolic link.

    Raises:
        SARChatError: if files are missing, differ, are not listed or are links; the message has the first one and the
            number of others.
    """
    listed = read_checksums(folder)
    present = _list_files(folder)
    faults = dict.fromkeys(listed.keys() - set(present), "is listed, but missing")
    faults |= dict.fromkeys(set(present) - listed.keys(), "is not listed")
    # A link to a private key, for example, would be published.
    faults |= dict.fromkeys((path for path in present if (folder / path).is_symlink()), "is a symbolic link")
    # Missing files are known at once, without reading gigabytes.
    if not faults:
        sums = hash_files(folder, present, "Verifying checksums")
        faults = {path: "differs from its checksum" for path in present if sums[path] != listed[path]}
    if faults:
        path = min(faults)
        more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
        raise SARChatError(f"{folder / SUMS}: {path} {faults[path]}{more}; rebuild the folder")


def sums_of(folder: Path) -> dict[str, str] | None:
    """Return the checksums in a folder's `SHA256SUMS`, or `None` if it has no such list."""
    try:
        return parse_checksums((folder / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_untouched(folder: Path, sums: Mapping[str, str], record: str, besides: Collection[str] = ()) -> bool:
    """Return whether removing a folder would remove nothing but what a command wrote there.

    Args:
        folder: the folder.
        sums: the checksums of the files that the command wrote; not all need be there.
        record: the name of the file that lists them, which was written last.
        besides: further files that the command wrote, which are not checked.

    Returns:
        Whether there are no other files or links than these.

    Raises:
        SARChatError: if one of them was edited since. Files above 16 MiB are read only if they are newer than `record`.
    """
    present = [path for path in map(PurePath.as_posix, lasting_files(folder)) if path != record and path not in besides]
    if not sums.keys() >= {*present} or any((folder / path).is_symlink() for path in present):
        return False
    written = (folder / record).stat().st_mtime_ns
    states = {path: (folder / path).stat() for path in present}
    doubtful = [path for path in present if states[path].st_size <= _SMALL or states[path].st_mtime_ns > written]
    for path, found in hash_files(folder, doubtful, "Looking for edits").items():
        if found != sums[path]:
            raise edited(folder, path)
    return True


def edited(folder: Path, path: str) -> SARChatError:
    """Return the error for a file of a folder that was edited, where the folder would be replaced."""
    return SARChatError(
        f"{folder / path} was edited since it was written, and would be replaced; move {folder} elsewhere, remove it, "
        "or choose another --out"
    )


def _list_files(folder: Path) -> list[str]:
    paths = [path for path in own_files(folder) if (folder / path).is_file() or (folder / path).is_symlink()]
    return sorted(path.as_posix() for path in paths if path.as_posix() != SUMS)


def hash_files(folder: Path, paths: Iterable[str], title: str) -> dict[str, str]:
    """Return the SHA-256 of files of a folder by their relative paths, and show a progress bar with a title."""
    sizes = {path: (folder / path).stat().st_size for path in paths}
    # A progress bar only on a terminal and after a second.
    bar = tqdm(total=sum(sizes.values()), desc=title, unit="B", unit_scale=True, delay=1, disable=None)
    sums = {}
    with bar:
        for path in sizes:
            digest = hashlib.sha256()
            with (folder / path).open("rb") as stream:
                for piece in read_pieces(stream):
                    digest.update(piece)
                    bar.update(len(piece))
            sums[path] = digest.hexdigest()
    return sums
