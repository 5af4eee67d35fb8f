"""Reading files of a corpus before they are needed, so that a remote source's latency is not paid file by file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from builders.core.storage import REQUESTS_AT_ONCE
from builders.corpus.source import Source

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
