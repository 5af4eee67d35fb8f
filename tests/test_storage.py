"""Which errors of storage are worth another attempt, and how many there are."""

from __future__ import annotations

import errno
import importlib
from importlib.util import find_spec

import pytest
from huggingface_hub.errors import HfHubHTTPError

from builders import storage
from builders.errors import SARChatError
from builders.storage import WAITS, is_transient, retry

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
