"""File systems at URLs: one instance per process, and attempts for a minute when a server or network fails."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from builders.errors import SARChatError, install_extra
from builders.redact import redact
from builders.temporary import temporary

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)
# Its errors are raised, too: without a handler, Python would print them with a traceback.
logging.getLogger("gcsfs").addHandler(logging.NullHandler())
# Requests of a process to remote storage at a time. More gain little, and object storage starts to answer 503.
REQUESTS_AT_ONCE = 32
_OPTIONS: dict[str, dict[str, Any]] = {
    # By default, s3fs has 10 connections.
    "s3": {"config_kwargs": {"max_pool_connections": REQUESTS_AT_ONCE}},
}
# What URLs of buckets of the Hugging Face Hub begin with.
HUB_BUCKETS = "hf://buckets/"
# Seconds before the second attempt, the third one, and so on. File systems have retries of their own, so that one
# attempt may take half a minute.
WAITS = (1, 8)
# There is no further attempt if it would end later than this, in seconds, should it take as long as the last one.
PATIENCE = 60
# By default, s3fs makes five attempts, in each of which botocore makes five, with random waits of up to 15 seconds in
# all. Two leave time for a second attempt here, whatever these waits are.
_S3FS_ATTEMPTS = 2
_SECONDS_BETWEEN_WARNINGS = 10
# A server that is overloaded or failing (RFC 9110, section 15.6; RFC 6585, section 4).
_TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}
# Codes of connections that fail, and those that s3fs makes of 409, 500 and 503.
_TRANSIENT_CODES = {
    getattr(errno, name, None)
    for name in (
        *("EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "EIO", "ENETDOWN"),
        *("ENETUNREACH", "EPIPE", "EREMOTEIO", "ETIMEDOUT"),
    )
} - {None}
# HTTP libraries raise errors without a common class, some of which are no `OSError`.
_HTTP_LIBRARIES = {"aiohttp", "azure", "botocore", "httpcore", "httpcore2", "httpx", "httpx2", "requests", "urllib3"}
_TRANSIENT_NAMES = (
    *("Connect", "Connection", "Disconnected", "IncompleteRead", "Payload", "Protocol", "Proxy", "Read"),
    *("HTTPClient", "ResponseParser", "ServiceRequest", "ServiceResponse", "Timeout"),
)


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
        What gives the calling process's file system, whose methods are repeated after transient errors; and the URL's
        path in it.

    Raises:
        ImportError: if a package for such URLs is not installed.
        ValueError: if fsspec knows no such URLs.
    """
    root = _open(url)[1]
    return PerProcess(lambda: cast(AbstractFileSystem, _Retrying(_open(url)[0]))), root.rstrip("/")


def _open(url: str) -> tuple[AbstractFileSystem, str]:
    scheme = url.partition("://")[0]
    if scheme in LocalFileSystem.protocol:
        return _WholeFiles(auto_mkdir=True), LocalFileSystem._strip_protocol(url)
    if url.startswith(HUB_BUCKETS):
        # Here, since importing it takes a second.
        from builders.hub_buckets import HubBuckets

        return HubBuckets(), HubBuckets._strip_protocol(url)
    fs, root = url_to_fs(url, **_OPTIONS.get(scheme, {}))
    if scheme == "s3":
        fs.retries = _S3FS_ATTEMPTS
    return fs, root


class _WholeFiles(LocalFileSystem):
    """A local or shared folder used like object storage: a file appears whole or not at all, an empty folder never."""

    def put_file(self, path1: str, path2: str, callback: object = None, **kwargs: object) -> None:
        _write_whole(path2, lambda file: shutil.copyfile(path1, file), os.replace)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: object) -> None:
        # Unlike a renamed file, a link does not replace another one.
        _write_whole(path, lambda file: file.write_bytes(value), os.link if mode == "create" else os.replace)

    def rm_file(self, path: str) -> None:
        super().rm_file(path)
        # The two folders of what is temporary, at most.
        with suppress(OSError):
            for folder in list(Path(path).parents)[:2]:
                folder.rmdir()

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        for file in [path] if isinstance(path, str) else path:
            self.rm_file(file)


def _write_whole(path: str, write: Callable[[Path], object], publish: Callable[[Path, Path], object]) -> None:
    target = Path(path)
    partial_file = temporary(target)
    for is_last in (False, True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write(partial_file)
            publish(partial_file, target)
            break
        except FileNotFoundError:
            # Another process may have cleaned up meanwhile.
            if is_last:
                raise
        finally:
            partial_file.unlink(missing_ok=True)


class _Retrying:
    """A file system whose methods are repeated after transient errors."""

    def __init__(self, fs: AbstractFileSystem) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        found = getattr(self._fs, name)
        return partial(retry, found) if callable(found) else found


def retry(function: Callable[..., _T], *arguments: Any, **options: Any) -> _T:  # noqa: ANN401
    """Call a function, again after each transient error, at most `len(WAITS)` times more and for about `PATIENCE`.

    Raises:
        Exception: the function's error if it is not transient, or the last one.
    """
    begun = time.monotonic()
    for wait in WAITS:
        attempted = time.monotonic()
        try:
            return function(*arguments, **options)
        except Exception as error:
            failed = time.monotonic()
            if not is_transient(error) or failed + wait + (failed - attempted) > begun + PATIENCE:
                raise
            _warn(error, [argument for argument in arguments if isinstance(argument, str)])
            time.sleep(wait)
    return function(*arguments, **options)


_warned = float("-inf")


def _warn(error: Exception, paths: list[str]) -> None:
    """Warn of an error that is no end yet; of those that follow closely, only of the first one."""
    global _warned
    if time.monotonic() - _warned > _SECONDS_BETWEEN_WARNINGS:
        _warned = time.monotonic()
        # The last path is the remote one.
        place = f" for {paths[-1]}" if paths else ""
        # Workers print it themselves.
        text = redact(f"storage fails{place}: {describe(error)}")
        _LOG.warning("%s; trying again for up to %d s", text, PATIENCE)


def is_transient(error: BaseException) -> bool:
    """Return whether the same call may succeed later: a failing connection, or a server that is overloaded."""
    if (status := _http_status(error)) is not None:
        return status in _TRANSIENT_STATUS
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _TRANSIENT_CODES
    # Before Python 3.11, the two timeouts are different classes.
    if isinstance(error, (ConnectionError, TimeoutError, asyncio.TimeoutError)):
        return True
    library = type(error).__module__.partition(".")[0]
    return library in _HTTP_LIBRARIES and any(name in type(error).__name__ for name in _TRANSIENT_NAMES)


def is_missing(error: BaseException) -> bool:
    """Return whether a call failed because there is no such object or bucket."""
    return isinstance(error, FileNotFoundError) or _http_status(error) == 404


def _http_status(error: BaseException) -> int | None:
    """Return the status code of a server's answer, which each library keeps in another place."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
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
        return "its server sends files as a whole only (no byte ranges); download it and give the file"
    text = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())
    # s3fs gives errors of the operating system, whose cause has the status.
    status = _http_status(error) or (_http_status(error.__cause__) if error.__cause__ else None)
    return text if status is None or str(status) in text else f"{text} (HTTP {status})"


def _lacks_ranges(error: Exception) -> bool:
    """Return whether an error of fsspec says that a server sends files as a whole only."""
    return "range requests" in str(error)
