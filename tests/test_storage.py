"""Which errors of storage are worth another attempt, and how many there are."""

from __future__ import annotations

import errno
import importlib
from importlib.util import find_spec

import pytest
from huggingface_hub.errors import HfHubHTTPError

from builders import storage
from builders.errors import SARChatError
from builders.storage import PATIENCE, WAITS, describe, is_transient, retry

# The library that this version of huggingface_hub brings.
httpx = importlib.import_module("httpx2" if find_spec("httpx2") else "httpx")


def http_error(status: int) -> Exception:
    response = httpx.Response(status, request=httpx.Request("PUT", "https://server/object"))
    try:
        return HfHubHTTPError("refused", response=response)
    except TypeError:
        return httpx.HTTPStatusError("refused", request=response.request, response=response)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(errno.ECONNRESET, "reset"),
        TimeoutError(),
        OSError(errno.EBUSY, "SlowDown"),
        OSError(errno.EIO, "InternalError"),
        httpx.ConnectTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        http_error(429),
        http_error(503),
    ],
    ids=repr,
)
def test_network_and_overloaded_servers_are_asked_again(error):
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        SARChatError("a damaged image"),
        FileNotFoundError(errno.ENOENT, "no such bucket"),
        FileNotFoundError("no such bucket"),
        FileExistsError("there is one"),
        PermissionError("access denied"),
        OSError(errno.ENOSPC, "disk full"),
        OSError(errno.EINVAL, "bad request"),
        NotImplementedError("read only"),
        ImportError("install s3fs"),
        KeyError("name"),
        http_error(401),
        http_error(404),
    ],
    ids=repr,
)
def test_what_would_fail_again_is_not_repeated(error):
    assert not is_transient(error)


class Server:
    """Fails a number of times before it answers."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def answer(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "done"

    def answer_for(self, here: str, there: str) -> str:
        return self.answer()


def test_attempts_are_bounded(monkeypatch):
    waited = []
    monkeypatch.setattr(storage.time, "sleep", waited.append)
    server = Server(len(WAITS), ConnectionResetError())
    assert retry(server.answer) == "done" and waited == list(WAITS)
    server = Server(100, ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        retry(server.answer)
    assert server.calls == len(WAITS) + 1
    server = Server(1, PermissionError("access denied"))
    with pytest.raises(PermissionError):
        retry(server.answer)
    assert server.calls == 1


@pytest.mark.parametrize(("seconds", "attempts"), [(1, 3), (10, 3), (25, 2), (40, 1), (100, 1)])
def test_no_attempt_begins_that_would_end_too_late(monkeypatch, seconds, attempts):
    """A file system's package repeats requests itself, so that one attempt may take long."""
    now = 0.0

    def pass_time(duration):
        nonlocal now
        now += duration

    monkeypatch.setattr(storage.time, "monotonic", lambda: now)
    monkeypatch.setattr(storage.time, "sleep", pass_time)
    calls = []

    def fail():
        calls.append(now)
        pass_time(seconds)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        retry(fail)
    assert len(calls) == attempts and now <= max(PATIENCE, seconds)


def test_user_is_warned_once_in_a_while(monkeypatch, caplog):
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(storage, "_warned", float("-inf"))
    for _ in range(3):
        with pytest.raises(type(http_error(503))):
            retry(Server(100, http_error(503)).answer_for, "here.parquet", "bucket/there.parquet")
    (message,) = caplog.messages
    assert message.startswith("storage fails for bucket/there.parquet: ") and "503" in message and "60 s" in message


def test_error_is_described_in_one_line_with_its_status():
    cause = http_error(503)
    error = OSError(errno.EBUSY, "reduce\n\n  your rate")
    error.__cause__ = cause
    assert describe(error) == f"OSError: [Errno {errno.EBUSY}] reduce your rate (HTTP 503)"
    assert describe(OSError("HTTP 503: slow down")) == "OSError: HTTP 503: slow down"
