"""The sizes of a corpus's images, looked up by name, without a list of all in memory where the storage allows it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice

from builders.corpus.source import Source, join
from builders.corpus.temporary_database import naming_disk, open_database

# Returns the size of a file in bytes, or `None` where the storage does not say.
SizeOf = Callable[[str], int | None]
_PURPOSE = "list the images"
_BATCH = 1_000
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


@contextmanager
def looking_up_sizes(source: Source, folder: str) -> Iterator[SizeOf]:
    """Give a function that returns the size of a file, by its path relative to a folder.

    It raises `KeyError` if there is no such file. A file on this machine is asked for when it is looked up, and one in
    an archive is in its directory. A remote folder is listed once, in constant memory if it is in S3.

    Args:
        source: the files.
        folder: the folder, relative to the source's top folder.

    Raises:
        SARChatError: if the folder cannot be listed; the function, if a file is a link out of the top folder.
    """
    if source.is_local_folder:
        yield lambda name: _local_size(source, join(folder, name))
    elif source.is_archive:
        yield dict(source.list_sizes(folder)).__getitem__
    else:
        with closing(_Listing(source.list_sizes(folder))) as listing:
            yield listing.size_of


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
