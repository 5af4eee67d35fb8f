"""A folder in object storage: whole objects under one prefix of a bucket, by their relative paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fsspec import AbstractFileSystem

from builders.core.errors import SARChatError
from builders.core.storage import cannot_open, describe, is_missing, open_url

# Where file systems have the checksum of an object: S3's and Google's.
_CHECKSUMS = ("ETag", "md5Hash")
# Why a build cannot be written to some URLs that can be read.
_REFUSED = {
    "http": "a web server accepts no files",
    "https": "a web server accepts no files",
    "hf": "the Hub is no object storage; build to a local folder, and run `sarchat push`",
    "file": "a folder is given by its path, without file://",
    "memory": "it is the memory of one process",
}


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
            raise SARChatError(f"cannot write to {url}: {_REFUSED[parts.scheme]}")
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
        return f"{self.location}/{relative}"

    def list(self) -> dict[str, Stored]:
        """Map the objects in the folder to what the storage lists of them now.

        Raises:
            SARChatError: if it cannot be listed, or the URL is that of an object.
        """
        try:
            self._fs.invalidate_cache()
            found = self._fs.find(self._root, detail=True)
        except FileNotFoundError as error:
            raise SARChatError(f"cannot list {self.location}: {describe(error)}; create the bucket first") from error
        except Exception as error:
            raise cannot_open(self.location, error) from error
        listed = {name[len(self._root) :].lstrip("/"): _describe(entry) for name, entry in found.items()}
        if "" in listed and listed[""].size:
            raise SARChatError(f"{self.location} is an object, not a folder; choose another prefix")
        # Consoles represent an empty folder as an empty object with its name.
        return {name: stored for name, stored in listed.items() if name and not name.endswith("/")}

    def put(self, file: Path, relative: str) -> Stored:
        """Write a whole object and compare its size; an object with this name is replaced.

        Raises:
            SARChatError: if it cannot be written, or is stored with another size.
        """
        size = file.stat().st_size
        with self._errors_naming("write", relative):
            self._fs.put_file(str(file), self._path(relative))
            self._fs.invalidate_cache(self._path(relative))
            stored = _describe(self._fs.info(self._path(relative)))
            if stored.size == size:
                return stored
            self._fs.rm_file(self._path(relative))
        raise SARChatError(
            f"{self.url(relative)} has {stored.size} bytes after it was written, not {size}; check the storage, and "
            "run the command again"
        )

    def create(self, relative: str, content: bytes) -> bytes:
        """Write an object unless there is one with this name.

        Two processes may do so at once: the content of one of them stays.

        Returns:
            The content that is stored now.

        Raises:
            SARChatError: if it cannot be written.
        """
        path = self._path(relative)
        for is_last in (False, True):
            with self._errors_naming("write", relative):
                try:
                    self._fs.pipe_file(path, content, mode="create")
                    return content
                except Exception:
                    # Storage refuses a second object with many kinds of error, and the first may be gone already.
                    with suppress(FileNotFoundError):
                        return self._fs.cat_file(path)
                    if is_last:
                        raise
        raise RuntimeError("unreachable")

    def get(self, relative: str) -> bytes | None:
        """Read an object, or return `None` if there is none.

        Raises:
            SARChatError: if it cannot be read.
        """
        with self._errors_naming("read", relative), suppress(FileNotFoundError):
            return self._fs.cat_file(self._path(relative))
        return None

    def read(self, relatives: Sequence[str]) -> dict[str, bytes]:
        """Read objects, several at a time if the file system can.

        Raises:
            SARChatError: if one cannot be read.
        """
        if not relatives:
            return {}
        with self._errors_naming("read", relatives[0]):
            # For a list, unlike for a path, the result is a dict, even if one path is in it.
            found = self._fs.cat([self._path(relative) for relative in relatives])
        return {relative: found[self._path(relative)] for relative in relatives}

    def remove(self, relatives: Iterable[str]) -> None:
        """Remove objects; a missing object is no error.

        Raises:
            SARChatError: if they cannot be removed.
        """
        names = list(relatives)
        if names:
            with self._errors_naming("remove", names[0]), suppress(FileNotFoundError):
                self._fs.rm([self._path(relative) for relative in names])

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}"

    @contextmanager
    def _errors_naming(self, verb: str, relative: str) -> Iterator[None]:
        """Convert errors, whose classes differ between file systems, into one line that names the object."""
        try:
            yield
        except Exception as error:
            advice = "create the bucket first" if verb == "write" and is_missing(error) else "run the command again"
            raise SARChatError(f"cannot {verb} {self.url(relative)}: {describe(error)}; {advice}") from error
