"""File systems at URLs, one instance per process, which repeat requests themselves; and what their errors say."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from builders.core.errors import SARChatError, install_extra

# Its errors are raised, too: without a handler, Python would print them with a traceback.
logging.getLogger("gcsfs").addHandler(logging.NullHandler())
# Requests of a process to remote storage at a time. More gain little, and object storage starts to answer 503.
REQUESTS_AT_ONCE = 32
_OPTIONS: dict[str, dict[str, Any]] = {
    # By default, s3fs has 10 connections.
    "s3": {"config_kwargs": {"max_pool_connections": REQUESTS_AT_ONCE}},
}


class PerProcess:
    """Opens a file system once per process.

    A forked process must not read through its parent's: the two would share the offset of one open file, and remote
    file systems have threads that a fork does not copy.
    """

    def __init__(self, open_fs: Callable[[], AbstractFileSystem]) -> None:
        """Take the function that opens it."""
        self._open = open_fs
        self._opened: dict[int, AbstractFileSystem] = {}

    def __call__(self) -> AbstractFileSystem:
        """Return the calling process's instance."""
        process = os.getpid()
        # No lock: a fork might copy it while another thread holds it. If two threads both open, one instance is kept.
        return self._opened.get(process) or self._opened.setdefault(process, self._open())


def open_url(url: str) -> tuple[PerProcess, str]:
    """Open the file system of a URL that fsspec knows.

    Returns:
        What gives the calling process's file system, and the URL's path in it.

    Raises:
        ImportError: if a package for such URLs is not installed.
        ValueError: if fsspec knows no such URLs.
    """
    options = _OPTIONS.get(url.partition("://")[0], {})
    root = url_to_fs(url, **options)[1]
    return PerProcess(lambda: url_to_fs(url, **options)[0]), root.rstrip("/")


def is_missing(error: BaseException) -> bool:
    """Return whether a call failed because there is no such object or bucket."""
    return isinstance(error, FileNotFoundError) or _http_status(error) == 404


def _http_status(error: BaseException) -> int | None:
    """Return the status code of a server's answer, which each library keeps in another place."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        # One after the other: aiohttp warns of its `code`.
        places = ((response, "status_code"), (error, "status"), (error, "code"))
        status = next((found for place, name in places if (found := getattr(place, name, None))), None)
    return status if isinstance(status, int) else None


def cannot_open(location: str, error: Exception) -> SARChatError:
    """Return the error for a URL or a file that cannot be opened."""
    if isinstance(error, ImportError):
        # fsspec's message names the package.
        hint = f"; {install_extra('s3')}" if location.startswith("s3") else ""
        return SARChatError(f"cannot open {location}: {error}{hint}")
    hint = "" if _lacks_ranges(error) else "; check the URL"
    return SARChatError(f"cannot open {location}: {describe(error)}{hint}")


def describe(error: Exception) -> str:
    """Return class, message and HTTP status of an error, whose class may be unknown, in one line."""
    if _lacks_ranges(error):
        return "its server sends only whole files (no byte ranges); download it and give the file"
    text = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())
    # s3fs gives errors of the operating system, whose cause has the status.
    status = _http_status(error) or (_http_status(error.__cause__) if error.__cause__ else None)
    return text if status is None or str(status) in text else f"{text} (HTTP {status})"


def _lacks_ranges(error: Exception) -> bool:
    """Return whether an error of fsspec says that a server sends files as a whole only."""
    return "range requests" in str(error)
