"""Files of a corpus, wherever it lies: a folder or a zip, on disk or at a URL, read through fsspec."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import fsspec
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from builders.errors import SARChatError

# Enough for most images in one request, little enough that one image costs little of a remote archive.
_REMOTE_BLOCK = 256 * 1024


class Source(NamedTuple):
    """A tree of files to read.

    Attributes:
        location: what the user gave: a path or a URL.
        fs: the file system that reads it.
        root: the tree's top folder in `fs`.
        is_local_folder: whether the files are ordinary files of this machine.
        is_archive: whether it is a zip that is read without unpacking it.
    """

    location: str
    fs: AbstractFileSystem
    root: str
    is_local_folder: bool
    is_archive: bool

    def path(self, relative: str) -> str:
        """Return the path in `fs` of a file given from the top folder."""
        return f"{self.root}/{relative}" if self.root else relative

    def show(self, relative: str) -> str:
        """Name a file for a person: where the source lies, and the file in it."""
        return f"{self.location.rstrip('/')}/{relative}" if relative else self.location

    def read(self, relative: str) -> bytes:
        """Read one file.

        Raises:
            SARChatError: it does not exist or cannot be read (damaged, encrypted, out of reach).
        """
        with self._telling(relative):
            return self.fs.cat_file(self.path(relative))

    def is_dir(self, relative: str) -> bool:
        """Tell whether a folder is there."""
        with self._telling(relative):
            return self.fs.isdir(self.path(relative))

    def is_file(self, relative: str) -> bool:
        """Tell whether a file is there."""
        with self._telling(relative):
            return self.fs.isfile(self.path(relative))

    def folders(self) -> list[str]:
        """List the folders at the top, sorted."""
        with self._telling(""):
            entries = self.fs.ls(self.root, detail=True)
        return sorted(
            PurePosixPath(entry["name"].rstrip("/")).name for entry in entries if entry["type"] == "directory"
        )

    def sizes(self, relative: str) -> dict[str, int]:
        """List the files under a folder with their sizes in bytes, by their path from it."""
        top = self.path(relative)
        if self.is_local_folder:
            return {name: entry.stat().st_size for name, entry in _walk(top)}
        with self._telling(relative):
            found = self.fs.find(top, detail=True)
        return {name[len(top) :].lstrip("/"): entry["size"] for name, entry in found.items()}

    @contextmanager
    def _telling(self, relative: str) -> Iterator[None]:
        """Turn what goes wrong with a file into one line that names it."""
        try:
            yield
        except (FileNotFoundError, KeyError) as error:
            raise SARChatError(f"no such file: {self.show(relative)}") from error
        except (zipfile.BadZipFile, zipfile.zlib.error, RuntimeError, EOFError) as error:
            raise SARChatError(f"cannot read {self.show(relative)}: {error}; get the archive anew") from error
        except Exception as error:
            # Each remote file system has errors of its own, of no common class. A bug of ours is none of its.
            if self.is_local_folder:
                raise
            raise SARChatError(f"cannot read {self.show(relative)}: {_describe(error)}") from error

    def names(self, relative: str) -> Set[str]:
        """List the files under a folder, by their path from it; quicker than `sizes`, which asks after each file."""
        if self.is_local_folder:
            return {name for name, _ in _walk(self.path(relative))}
        return self.sizes(relative).keys()

    def inside(self, folder: str) -> Source:
        """Return the source that starts at a folder of this one."""
        return self._replace(location=self.show(folder), root=self.path(folder))


def open_source(location: str | os.PathLike[str]) -> Source:
    """Open a folder or a zip, at a path or at a URL that fsspec knows (`https://`, `hf://`, ...).

    Args:
        location: the path or URL. A URL whose path ends in `.zip`, and a file, is taken for a zip.

    Raises:
        SARChatError: nothing is there, or it is no readable zip.
    """
    location = os.fspath(location)
    if "://" not in location:
        return _open_local(Path(location).expanduser())
    try:
        if location.partition("?")[0].endswith(".zip"):
            return _open_zip(location, location)
        fs, root = url_to_fs(location)
        found = fs.exists(root)
    except SARChatError:
        raise
    except Exception as error:
        # Each remote file system has errors of its own, of no common class.
        raise SARChatError(f"cannot open {location}: {_describe(error)}; check the URL") from error
    if not found:
        raise SARChatError(f"nothing found at {location}; check the URL")
    return Source(location, fs, root.rstrip("/"), is_local_folder=False, is_archive=False)


def _open_local(path: Path) -> Source:
    if not path.exists():
        raise SARChatError(f"no such file or folder: {path}")
    if path.is_dir():
        root = str(path.absolute())
        return Source(str(path), fsspec.filesystem("file"), root, is_local_folder=True, is_archive=False)
    # Opened here: fsspec would read signs such as "::" in a path as its own.
    return _open_zip(str(path), path.open("rb"))


def _open_zip(location: str, target: str | BinaryIO) -> Source:
    options = {"block_size": _REMOTE_BLOCK} if isinstance(target, str) else {}
    try:
        # A fresh instance each time: fsspec would hand out the one it has, and with it an archive since replaced.
        fs = fsspec.filesystem("zip", fo=target, target_options=options, skip_instance_cache=True)
    except zipfile.BadZipFile as error:
        if not isinstance(target, str):
            target.close()
        raise SARChatError(f"{location} is not a readable zip: {error}; get it anew, or give the folder") from error
    return Source(location, fs, "", is_local_folder=False, is_archive=True)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _walk(top: str, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the files under a folder of this machine with their paths from it."""
    with os.scandir(top) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                yield from _walk(entry.path, f"{name}/")
            else:
                yield name, entry
