"""Many files of a corpus: their sizes by name, and their content read before it is needed.

So a remote source's latency is not paid file by file, and no list of all files is in memory where the storage allows
it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any

from builders.core.storage import REQUESTS_AT_ONCE
from builders.corpus.source import Source, join
from builders.corpus.temporary_database import TemporaryDatabase

# Returns the size of a file in bytes, or `None` where the storage does not say.
SizeOf = Callable[[str], int | None]
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


@contextmanager
def looking_up_sizes(source: Source) -> Iterator[Callable[[str], SizeOf]]:
    """Give a function that opens a folder, relative to the source's top folder, for looking up sizes in it.

    What it returns gives the size of a file by its path relative to the folder, and raises `KeyError` if there is no
    such file. The size of a file on this machine is found with `stat`; an archive lists the sizes of its files. A
    remote folder is listed once, however often it is opened, in constant memory if it is in S3.

    Args:
        source: the files.

    Raises:
        SARChatError: if a folder cannot be listed, or a file is a link out of the top folder.
    """
    with ExitStack() as opened:
        yield cache(partial(_open_folder, source, opened))


def _open_folder(source: Source, opened: ExitStack, folder: str) -> SizeOf:
    if source.is_local_folder:
        return lambda name: _local_size(source, join(folder, name))
    if source.is_archive:
        return dict(source.list_sizes(folder)).__getitem__
    return opened.enter_context(_Listing(source.list_sizes(folder))).size_of


def _local_size(source: Source, relative: str) -> int:
    path = source.path(relative)
    try:
        status = os.stat(path)
    except ValueError as error:
        # A name that the locale cannot encode.
        raise KeyError(path) from error
    except OSError as error:
        if error.errno not in _MISSING:
            raise
        raise KeyError(path) from error
    if not stat.S_ISREG(status.st_mode):
        raise KeyError(path)
    source.check_links(relative)
    return status.st_size


class _Listing(TemporaryDatabase):
    """A listing in a temporary database."""

    tables = "create table files (name text primary key, bytes integer) without rowid;"
    purpose = "list the images"

    def __init__(self, sizes: Iterable[tuple[str, int | None]]) -> None:
        super().__init__()
        self._fill("files", sizes)

    def size_of(self, name: str) -> int | None:
        found = self._one("select bytes from files where name = ?", name)
        if found is None:
            raise KeyError(name)
        size: int | None = found[0]
        return size


# Bytes per process that are read ahead: being read, or not used yet.
BYTES_AHEAD = 256_000_000


def read_ahead(
    source: Source, files: Iterable[tuple[str, int | None]], read: Callable[[str], Any] | None = None
) -> Generator[Any, None, None]:
    """Yield the content of each file, in order, or what `read` returns for its path.

    From a remote folder, up to `REQUESTS_AT_ONCE` files are read at a time, as long as together they have no more than
    `BYTES_AHEAD` bytes; a larger file is read alone. One is read at first, and one more at a time with each that is
    used, since many streams are left after a few. A local file is read when it is needed, and so is one in an archive,
    whose files share one stream.

    Args:
        source: the corpus's files.
        files: path, relative to the top folder, and size in bytes of each file; a size may be unknown, as web servers
            list files without it, and then counts as an equal part of `BYTES_AHEAD`.
        read: called with the path of each file, in threads if the source is remote; default: reads it whole.

    Raises:
        SARChatError: if a file does not exist or cannot be read, when its turn comes.
    """
    read = read or source.read
    if source.is_local_folder or source.is_archive:
        yield from (read(relative) for relative, _ in files)
        return
    coming = ((relative, BYTES_AHEAD // REQUESTS_AT_ONCE if size is None else size) for relative, size in files)
    following = next(coming, None)
    reading: deque[tuple[Future[Any], int]] = deque()
    ahead, most = 0, 1
    pool = ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="read-ahead")
    try:
        while following or reading:
            while following and len(reading) < most and (not reading or ahead + following[1] <= BYTES_AHEAD):
                reading.append((pool.submit(read, following[0]), following[1]))
                ahead += following[1]
                following = next(coming, None)
            future, size = reading.popleft()
            yield future.result()
            ahead -= size
            most = min(most + 1, REQUESTS_AT_ONCE)
    finally:
        pool.shutdown(cancel_futures=True)
