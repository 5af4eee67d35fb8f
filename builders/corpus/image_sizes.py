"""The sizes of a corpus's images, looked up by name, without a list of all in memory where the storage allows it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache, partial
from itertools import islice

from builders.corpus.source import Source, join
from builders.corpus.temporary_database import naming_disk, open_database

# Returns the size of a file in bytes, or `None` where the storage does not say.
SizeOf = Callable[[str], int | None]
_PURPOSE = "list the images"
_BATCH = 1_000
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
    return opened.enter_context(closing(_Listing(source.list_sizes(folder)))).size_of


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


class _Listing:
    """A listing in a temporary database."""

    def __init__(self, sizes: Iterable[tuple[str, int | None]]) -> None:
        self._database = open_database("create table files (name text primary key, bytes integer) without rowid;")
        rows = iter(sizes)
        while some := list(islice(rows, _BATCH)):
            with naming_disk(_PURPOSE):
                self._database.executemany("insert or replace into files values (?, ?)", some)

    def size_of(self, name: str) -> int | None:
        with naming_disk(_PURPOSE):
            found = self._database.execute("select bytes from files where name = ?", (name,)).fetchone()
        if found is None:
            raise KeyError(name)
        return found[0]

    def close(self) -> None:
        self._database.close()
