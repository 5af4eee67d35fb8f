"""A folder in object storage: whole objects under one prefix of a bucket, by their relative paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fsspec import AbstractFileSystem

from builders.core.errors import SARChatError
from builders.core.storage import cannot_open, describe, is_missing, open_url

# Where file systems have the checksum of an object: S3's and Google's.
_CHECKSUMS = ("ETag", "md5Hash")
# What can be read, or written by its own process alone.
_REFUSED = {"http", "https", "hf", "file", "memory"}


class Stored(NamedTuple):
    """What storage says of an object: its size in bytes, and its checksum if it has one."""

    size: int
    checksum: str | None


def _describe(entry: Mapping[str, Any]) -> Stored:
    return Stored(entry["size"], next((str(entry[key]) for key in _CHECKSUMS if entry.get(key)), None))


class ObjectFolder:
    """A folder in object storage, which exists as soon as it has an object.

    An object is written whole or not at all, so that nobody sees a part of one. It can be sent to other processes,
    which open the storage themselves; it carries no credentials.
    """

    def __init__(self, url: str) -> None:
        """Open the storage; nothing is requested from it.

        Args:
            url: the URL of the folder, for any file system of fsspec that can be written to.

        Raises:
            SARChatError: if the URL has a password, or its file system is unknown or cannot be written to.
        """
        self.location = url.rstrip("/")
        parts = urlsplit(url)
        if parts.password:
            raise SARChatError(f"{url} has a password in it; storage takes credentials from the environment")
        if parts.scheme in _REFUSED:
            raise SARChatError(
                f"cannot build into {url}: --out is a folder's path, or a URL of object storage, such as s3:// or "
                "gs://; for the Hub, build to a folder, and run `sarchat push`"
            )
        try:
            self._open, self._root = open_url(self.location)
        except Exception as error:
            raise cannot_open(url, error) from error

    def __reduce__(self) -> tuple[type[ObjectFolder], tuple[str]]:
        """Pickle the URL alone."""
        return ObjectFolder, (self.location,)

    @property
    def _fs(self) -> AbstractFileSystem:
        return self._open()

    def url(self, relative: str) -> str:
        """Return the URL of an object."""
        return f"{self.location}/{relative}".rstrip("/")

    def list(self) -> dict[str, Stored]:
        """Map the objects in the folder to what the storage lists of them now; that at the URL itself is `""`.

        Raises:
            SARChatError: if it cannot be listed.
        """
        with self._errors_naming("list", ""):
            self._fs.invalidate_cache()
            found = self._fs.find(self._root, detail=True)
        listed = {name[len(self._root) :].lstrip("/"): _describe(entry) for name, entry in found.items()}
        # Consoles represent an empty folder as an empty object with its name.
        return {name: stored for name, stored in listed.items() if stored.size or not (name or "/").endswith("/")}

    def put(self, file: Path, relative: str) -> Stored:
        """Write a whole object and compare its size; an object with this name is replaced.

        Raises:
            SARChatError: if it cannot be written, or is stored with another size.
        """
        path, size = self._path(relative), file.stat().st_size
        with self._errors_naming("write", relative):
            self._fs.put_file(str(file), path)
            self._fs.invalidate_cache(path)
            stored = _describe(self._fs.info(path))
            if stored.size != size:
                self._fs.rm_file(path)
                raise OSError(f"it has {stored.size} bytes after it was written, not {size}")
        return stored

    def write(self, relative: str, content: bytes) -> None:
        """Write an object; another process may remove it at once.

        Raises:
            SARChatError: if it cannot be written.
        """
        with self._errors_naming("write", relative):
            self._fs.pipe_file(self._path(relative), content)

    def create(self, relative: str, content: bytes) -> bytes:
        """Write an object unless there is one with this name; return the content that is stored now.

        Two processes may do so at once: the content of one of them stays.

        Raises:
            SARChatError: if it cannot be written.
        """
        with self._errors_naming("write", relative):
            try:
                self._fs.pipe_file(self._path(relative), content, mode="create")
            except Exception:
                # Storage refuses a second object with many kinds of error.
                with suppress(FileNotFoundError):
                    return self._fs.cat_file(self._path(relative))
                raise
        return content

    def get(self, relative: str) -> bytes | None:
        """Read an object, or return `None` if there is none.

        Raises:
            SARChatError: if it cannot be read.
        """
        with self._errors_naming("read", relative), suppress(FileNotFoundError):
            return self._fs.cat_file(self._path(relative))
        return None

    def remove(self, relatives: Iterable[str]) -> None:
        """Remove objects; a missing object is no error.

        Raises:
            SARChatError: if they cannot be removed.
        """
        if paths := list(map(self._path, relatives)):
            with self._errors_naming("remove", ""), suppress(FileNotFoundError):
                self._fs.rm(paths)

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}"

    @contextmanager
    def _errors_naming(self, verb: str, relative: str) -> Iterator[None]:
        """Convert errors, whose classes differ between file systems, into one line that names the object."""
        try:
            yield
        except Exception as error:
            advice = "create the bucket first" if verb != "read" and is_missing(error) else "run the command again"
            raise SARChatError(f"cannot {verb} {self.url(relative)}: {describe(error)}; {advice}") from error
