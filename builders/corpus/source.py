"""Files of a corpus in a folder or a zip, on disk or at a URL, read through fsspec."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial, wraps
from inspect import signature
from pathlib import Path, PurePosixPath
from posixpath import splitext
from typing import Any, BinaryIO, TypeVar, cast

import fsspec
from fsspec import AbstractFileSystem

from builders.core.atomic import scratch_folder
from builders.core.checksums import hash_text, new_digest, read_pieces, require_inside
from builders.core.errors import SARChatError
from builders.core.storage import PerProcess, cannot_open, describe, open_url

Found = TypeVar("Found")
# Far above any file of a corpus; a small archive may claim far more.
_MOST_BYTES = 1 << 30
# Endings of image files.
IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
# Of macOS, in an archive: a second, hidden file for each one.
_HIDDEN = (".", "__MACOSX")
# Large enough for most images in one request, small enough that reading one image transfers little of an archive.
_REMOTE_BLOCK = 256 * 1024
_LINK_ADVICE = "copy it into the folder, or give the folder of the images with --images DIR --annotations SPLIT=FILE"


def _remembered(find: Callable[[Source, str], Found]) -> Callable[[Source, str], Found]:
    """Keep what a method of `Source` finds in a folder, where it is to be remembered."""

    @wraps(find)
    def found(source: Source, relative: str) -> Found:
        if source.known is None:
            return find(source, relative)
        # A folder inside this one has its own path.
        key = find.__name__, source.path(relative)
        if key not in source.known:
            source.known[key] = find(source, relative)
        return cast(Found, source.known[key])

    return found


@dataclass(frozen=True)
class Source:
    """A tree of files to read, from any process and thread.

    Attributes:
        location: the path or URL that the user gave.
        open_fs: returns the calling process's file system for the source.
        root: the tree's top folder in the file system.
        is_local_folder: whether the files are ordinary files on this machine.
        is_archive: whether the source is a zip, which is read without unpacking.
        known: what was found in folders, if it is to be remembered, see `remembering`.
    """

    location: str
    open_fs: Callable[[], AbstractFileSystem]
    root: str
    is_local_folder: bool
    is_archive: bool
    known: dict[tuple[str, str], Any] | None = field(default=None, compare=False, repr=False)

    @property
    def fs(self) -> AbstractFileSystem:
        """The file system, as this process opened it."""
        return self.open_fs()

    def path(self, relative: str) -> str:
        """Return the path in `fs` of a file, given its path relative to the top folder."""
        return join(self.root, relative)

    def show(self, relative: str) -> str:
        """Return a file's location as shown to the user: that of the source, and the file in it."""
        return join(self.location.rstrip("/"), relative) if relative else self.location

    def read(self, relative: str) -> bytes:
        """Read one file.

        Raises:
            SARChatError: if it does not exist or cannot be read (damaged, encrypted, unreachable).
        """
        self.check_links(relative)
        size = self._known_size(relative)
        if size > _MOST_BYTES:
            raise SARChatError(f"{self.show(relative)} has {size:,} bytes; files of up to {_MOST_BYTES:,} are read")
        with self._errors_naming(relative):
            if self.is_local_folder:
                return Path(self.path(relative)).read_bytes()
            return self.fs.cat_file(self.path(relative), **(_in_one_request(self.fs) if self._is_in_s3 else {}))

    def chunks(self, relative: str) -> Iterator[bytes]:
        """Yield the content of one file in pieces, however large it is; errors as in `read`."""
        with self.local_copy(relative) if self._is_remote_folder else nullcontext() as copy:
            with self._errors_naming(relative):
                stream = open(copy, "rb") if copy else self.fs.open(self.path(relative), "rb")
            with stream, self._errors_naming(relative):
                yield from read_pieces(stream)

    def digest(self, relative: str) -> str:
        """Return the hash of one file's content, hexadecimal; errors as in `read`."""
        digest = new_digest()
        for chunk in self.chunks(relative):
            digest.update(chunk)
        return digest.hexdigest()

    @contextmanager
    def open(self, relative: str, head: int) -> Iterator[BinaryIO]:
        """Open one file; of a file at a URL, only its first `head` bytes are there; errors as in `read`."""
        self.check_links(relative)
        if self._is_remote_folder:
            stream: BinaryIO = io.BytesIO(self._head(relative, head))
        else:
            with self._errors_naming(relative):
                stream = self.fs.open(self.path(relative), "rb")
        with stream:
            yield stream

    def _head(self, relative: str, length: int) -> bytes:
        try:
            content: bytes = self.fs.cat_file(self.path(relative), 0, length)
        # Some servers refuse a range that goes past the end, each with its own error.
        except Exception:
            return self.read(relative)
        return content

    def check_links(self, relative: str) -> None:
        """Check that a file or folder on this machine is not a link out of the top folder, which may be a link itself.

        Raises:
            SARChatError: if it, or a folder that it is in, is one; the message has the link and its target.
        """
        if self.is_local_folder:
            path = self.path(relative)
            _check_folder(self.root, os.path.dirname(path))
            if os.path.islink(path):
                require_inside(Path(self.root), Path(path), advice=_LINK_ADVICE)

    @contextmanager
    def local_copy(self, relative: str) -> Iterator[Path]:
        """Give the path of a file on this machine: of the file itself, or of a copy that is removed after the block.

        Raises:
            SARChatError: if it does not exist or cannot be read.
        """
        if self.is_local_folder:
            yield Path(self.path(relative))
            return
        with scratch_folder() as folder:
            copy = folder / "copy"
            with self._errors_naming(relative):
                self.fs.get_file(self.path(relative), str(copy))
            yield copy

    @property
    def _is_remote_folder(self) -> bool:
        return not (self.is_local_folder or self.is_archive)

    @property
    def _is_in_s3(self) -> bool:
        return "s3" in self.fs.protocol

    def _known_size(self, relative: str) -> int:
        """Return a file's size in bytes, or 0 if finding it would take a request of its own."""
        with self._errors_naming(relative):
            if self.is_local_folder:
                return os.path.getsize(self.path(relative))
            return self.fs.size(self.path(relative)) if self.is_archive else 0

    def remembering(self) -> Source:
        """Return the source, for a moment in which its folders do not change: a remote one is listed once each."""
        return replace(self, known={}) if self._is_remote_folder else self

    @_remembered
    def is_dir(self, relative: str) -> bool:
        """Return whether a folder exists."""
        with self._errors_naming(relative):
            if self._is_in_s3:
                # `isdir` of s3fs lists the whole folder, and keeps the list.
                return any(_list_s3(self.fs, self.path(relative), most=1))
            found: bool = self.fs.isdir(self.path(relative))
            return found

    def is_file(self, relative: str) -> bool:
        """Return whether a file exists."""
        with self._errors_naming(relative):
            return self.fs.isfile(self.path(relative))

    def identity(self, relative: str) -> str:
        """Return a hash of what the file system knows about a file without reading it, which changes with the file."""
        with self._errors_naming(relative):
            info = self.fs.info(self.path(relative))
            # In S3, a listing says more of a file than a request for it.
            return hash_text(f"{info['size']} {info['ETag']}") if "ETag" in info else self.fs.ukey(self.path(relative))

    def folder_identity(self, relative: str) -> str:
        """Return a hash of what the file system knows about the files in a folder, which changes with any of them."""
        with self._errors_naming(relative):
            entries = self.fs.ls(self.path(relative), detail=True, refresh=True)
        known = sorted(str(entry) for entry in entries if entry["type"] == "file")
        return hash_text("\n".join(known))

    def files(self, relative: str) -> list[str]:
        """List the files in a folder, sorted, without hidden ones and subfolders; empty if there is no such folder."""
        return self._list(relative)[0] if self.is_dir(relative) else []

    def folders(self, relative: str = "") -> list[str]:
        """List the folders in a folder, by default the top one, without hidden ones, sorted."""
        return self._list(relative)[1]

    @_remembered
    def _list(self, relative: str) -> tuple[list[str], list[str]]:
        with self._errors_naming(relative):
            if self.is_local_folder:
                # Links count as what they lead to; for fsspec, they are neither.
                with os.scandir(self.path(relative)) as listed:
                    entries = [(entry.name, entry.is_dir()) for entry in listed if entry.is_dir() or entry.is_file()]
            else:
                found = self.fs.ls(self.path(relative), detail=True)
                kinds = ("file", "directory")
                entries = [
                    (PurePosixPath(entry["name"].rstrip("/")).name, entry["type"] == "directory")
                    for entry in found
                    if entry["type"] in kinds
                ]
        shown = sorted((name, is_folder) for name, is_folder in entries if not name.startswith("."))
        return [name for name, is_folder in shown if not is_folder], [name for name, is_folder in shown if is_folder]

    def files_like(self, relative: str, endings: Collection[str]) -> Iterator[str]:
        """Yield the files in a folder, not in those in it, with one of the endings, which are in small letters.

        They come in any order. On this machine and in S3, the folder is listed no further than they are wanted.
        """
        is_lazy = self.is_local_folder or self._is_in_s3
        names = (name for name, _, _ in self.walk(relative, deep=False)) if is_lazy else self.files(relative)
        return (name for name in names if splitext(name)[1].lower() in endings)

    def has_file(self, relative: str, endings: Collection[str]) -> bool:
        """Return whether `files_like` yields any."""
        return any(True for _ in self.files_like(relative, endings))

    def list_sizes(self, relative: str, *, deep: bool = True) -> Iterator[tuple[str, int | None]]:
        """Yield path and size in bytes of each file under a folder of an archive or at a URL, in any order.

        The path is relative to the folder; the size is `None` where the storage does not say. In S3, the listing is
        read page by page, in constant memory, and without `deep`, no page has files of the folder's own folders.
        """
        top = self.path(relative)
        with self._errors_naming(relative):
            if self._is_in_s3:
                yield from _list_s3(self.fs, top, deep=deep)
                return
            found = self.fs.find(top, detail=True)
        for name, entry in found.items():
            yield name[len(top) :].lstrip("/"), entry["size"]

    def walk(self, relative: str, *, deep: bool = True) -> Iterator[tuple[str, int | None, int]]:
        """Yield each file under a folder, without hidden files and folders, in any order; none if it does not exist.

        Args:
            relative: the folder.
            deep: whether to yield the files in its folders, too.

        Yields:
            Path, relative to the folder; size in bytes, if known; and on this machine the time of the last change.
        """
        if self.is_local_folder:
            if relative:
                self.check_links(relative)
            yield from _walk_local(self.path(relative), deep=deep)
        elif self.is_dir(relative):
            for name, size in self.list_sizes(relative, deep=deep):
                parts = name.split("/")
                if not any(part.startswith(_HIDDEN) for part in parts) and (deep or len(parts) == 1):
                    yield name, size, 0

    @contextmanager
    def _errors_naming(self, relative: str) -> Iterator[None]:
        """Convert errors of a file into one line that names the file."""
        try:
            yield
        except (FileNotFoundError, KeyError) as error:
            raise SARChatError(f"no such file: {self.show(relative)}") from error
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            raise SARChatError(f"cannot read {self.show(relative)}: {error}; download the archive again") from error
        except Exception as error:
            # Remote file systems raise errors without a common class. On a local folder, any other error is a bug.
            if self.is_local_folder:
                raise
            raise SARChatError(f"cannot read {self.show(relative)}: {describe(error)}") from error

    def inside(self, folder: str) -> Source:
        """Return the source that starts at a folder of this one."""
        return replace(self, location=self.show(folder), root=self.path(folder))


def _walk_local(top: str, inside: str = "", *, deep: bool = True) -> Iterator[tuple[str, int, int]]:
    try:
        entries = os.scandir(join(top, inside))
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.name.startswith(_HIDDEN):
                continue
            path = join(inside, entry.name)
            # A link to a folder may lead to one around it.
            if entry.is_dir(follow_symlinks=False):
                if deep:
                    yield from _walk_local(top, path)
            elif entry.is_file():
                status = entry.stat()
                yield path, status.st_size, status.st_mtime_ns


# An image's folder is that of many others.
@lru_cache(maxsize=1_000)
def _check_folder(root: str, folder: str) -> None:
    require_inside(Path(root), Path(folder), advice=_LINK_ADVICE)


def join(folder: str, name: str) -> str:
    """Return the path of a file in a folder; an empty folder is the top one."""
    return f"{folder}/{name}" if folder and name else folder or name


def open_source(location: str | os.PathLike[str]) -> Source:
    """Open a folder or a zip, at a path or at a URL that fsspec knows (`https://`, `hf://`, ...).

    Args:
        location: the path or URL. A URL whose path ends in `.zip` is read as a zip, and so is a file.

    Raises:
        SARChatError: if nothing exists there or it is not a readable zip.
    """
    location = os.fspath(location)
    if "://" not in location:
        return _open_local(Path(location).expanduser())
    if location.partition("?")[0].endswith(".zip"):
        return _open_zip(location, partial(_remote_zip, location))
    try:
        open_fs, root = open_url(location)
        found = open_fs().exists(root)
    # Remote file systems raise errors without a common class.
    except Exception as error:
        raise cannot_open(location, error) from error
    if not found:
        raise SARChatError(f"nothing found at {location}; check the URL")
    return Source(location, open_fs, root, is_local_folder=False, is_archive=False)


def _open_local(path: Path) -> Source:
    if not path.exists():
        raise SARChatError(f"no such file or folder: {path}")
    place = path.absolute()
    if path.is_dir():
        open_fs = partial(fsspec.filesystem, "file")
        return Source(str(path), open_fs, str(place), is_local_folder=True, is_archive=False)
    if not path.is_file():
        # A pipe would block.
        raise SARChatError(f"{path} is neither a folder nor a zip; give one of the two")
    return _open_zip(str(path), partial(_local_zip, place, _identity(place)))


def _open_zip(location: str, open_fs: Callable[[], AbstractFileSystem]) -> Source:
    per_process = PerProcess(open_fs)
    is_local = "://" not in location
    try:
        per_process()
    except Exception as error:
        if is_local and isinstance(error, OSError):
            raise
        # Besides BadZipFile: a name that is not UTF-8, a version that Python does not know, errors of remote systems.
        if is_local or isinstance(error, zipfile.BadZipFile):
            raise SARChatError(
                f"{location} is not a readable zip: {error}; download it again, or give the folder"
            ) from error
        raise cannot_open(location, error) from error
    return Source(location, per_process, "", is_local_folder=False, is_archive=True)


def _remote_zip(location: str) -> AbstractFileSystem:
    return _zip_fs(location, {"block_size": _REMOTE_BLOCK})


def _local_zip(path: Path, identity: tuple[int, ...]) -> AbstractFileSystem:
    """Open a zip on this machine, which must not have changed since it was first opened."""
    if _identity(path) != identity:
        raise SARChatError(f"{path} has changed since it was opened; run the command again")
    # Opened here because fsspec interprets "::" and other characters in a path.
    stream = path.open("rb")
    try:
        return _zip_fs(stream, {})
    except BaseException:
        stream.close()
        raise


def _identity(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _zip_fs(target: str | BinaryIO, options: dict[str, int]) -> AbstractFileSystem:
    # A new instance each time: fsspec's cached one may be of an archive that has been replaced since.
    fs = fsspec.filesystem("zip", fo=target, target_options=options, skip_instance_cache=True)
    # fsspec lists the members at the first query. Without this one, a second thread could see an incomplete list.
    fs.exists("")
    return fs


@lru_cache(maxsize=8)
def _in_one_request(fs: AbstractFileSystem) -> dict[str, int]:
    """Return the options with which S3 reads a file in one request: newer s3fs asks for its size first by default."""
    return {"max_concurrency": 1} if "max_concurrency" in signature(fs.cat_file).parameters else {}


def _list_s3(fs: AbstractFileSystem, top: str, most: int = 1_000, *, deep: bool = True) -> Iterator[tuple[str, int]]:
    """List objects by pages of a maximum size; `find` of s3fs takes and keeps 1.3 kB per object."""
    bucket, key, _ = fs.split_path(top)
    prefix = f"{key}/" if key else ""
    asked = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": most} | ({} if deep else {"Delimiter": "/"})
    page: dict[str, Any] = {}
    while True:
        more = {"ContinuationToken": page["NextContinuationToken"]} if page else {}
        page = fs.call_s3("list_objects_v2", **asked, **more)
        for entry in page.get("Contents", ()):
            yield entry["Key"][len(prefix) :], entry["Size"]
        if not page.get("IsTruncated"):
            return
