"""Object storage other than S3 on this machine: emulators, behind a proxy whose answers can fail."""

from __future__ import annotations

import http.client
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pytest
from http_handler import Handler

_SECONDS_TO_START = 60
_DATE = "2026-01-01T00:00:00.000Z"


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a server.

    Attributes:
        fault: returns how a request fails, given its number from 0, method and path: "503", "cut" before it takes
            effect, "lost" after that; `None` if it succeeds.
        before_write: called with the number of each request that writes, from 0, before it takes effect.
        failed: how many requests failed.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.upstream = port
        self.restart()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def restart(self) -> None:
        """Make the server faultless, and count requests from 0."""
        self.fault: Callable[[int, str, str], str | None] = lambda *request: None
        self.before_write: Callable[[int], object] = lambda number: None
        self.numbers, self.writes, self.failed = itertools.count(), itertools.count(), 0

    def handle_error(self, *_: object) -> None:
        """Clients go away: the tests kill them."""


class _Handler(Handler):
    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"content-length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Passing(_Handler):
    server: Proxy

    def pass_on(self) -> None:
        server = self.server
        body = self.read_body()
        fault = server.fault(next(server.numbers), self.command, self.path)
        server.failed += fault is not None
        if fault == "503":
            self.answer(503, {}, b"")
            return
        if fault == "cut":
            self.cut()
            return
        if self.command in ("PUT", "POST"):
            server.before_write(next(server.writes))
        connection = http.client.HTTPConnection("127.0.0.1", server.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {*_HOP, "content-length"}}
        if headers.get("Content-Type", "").startswith("multipart/related"):
            body = _with_crlf(body)
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if fault == "lost":
            self.cut()
            return
        kept = {name.lower(): value for name, value in response.getheaders() if name.lower() not in _HOP}
        # To a HEAD, it is the size of what a GET would return.
        self.answer(response.status, kept, content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = pass_on

    def cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


_HOP = {"connection", "transfer-encoding", "keep-alive", "date", "server"}


def _with_crlf(body: bytes) -> bytes:
    """Return an upload of gcsfs with the line ends of RFC 2046, on which the emulator, unlike the storage, insists."""
    *head, data = body.split(b"\n", 7)
    boundary = head[0] + b"--"
    return b"\r\n".join([*head, data.removesuffix(b"\n" + boundary), boundary + b"\r\n"])


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def _running(command: list[object], port: int, **environment: str) -> Iterator[Proxy]:
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + _SECONDS_TO_START
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None and time.monotonic() < deadline, f"{command[0]} did not start"
            time.sleep(0.2)
        proxy = Proxy(port)
        yield proxy
        proxy.close()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command(name: str, how: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on the PATH: {how}")
    return found


@contextmanager
def google(folder: Path) -> Iterator[tuple[Proxy, str]]:
    """Run Google's emulator of its storage; give the proxy and the URL of a bucket."""
    if find_spec("gcsfs") is None:
        pytest.skip("needs gcsfs")
    command = _command("storage-testbench", "pip install git+https://github.com/googleapis/storage-testbench")
    port = _free_port()
    with _running([command, "--port", port], port) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        patch.setenv("FSSPEC_GS_TOKEN", "anon")
        # Otherwise gcsfs asks, with TLS, which kind of bucket it is.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        fsspec.config.conf.setdefault("gs", {})["token"] = "anon"
        fsspec.filesystem("gs").mkdir("bucket")
        yield proxy, "gs://bucket"
        del fsspec.config.conf["gs"]["token"]


@contextmanager
def azure(folder: Path) -> Iterator[tuple[Proxy, str]]:
    """Run the emulator of Azure's storage; give the proxy and the URL of a container."""
    pytest.importorskip("adlfs", reason="needs adlfs")
    command = _command("azurite-blob", "npm install -g azurite")
    port = _free_port()
    options = ["--blobHost", "127.0.0.1", "--blobPort", port, "--location", folder, "--silent", "--disableTelemetry"]
    with (
        _running([command, *options, "--skipApiVersionCheck"], port, AZURITE_ACCOUNTS="test:dGVzdA==") as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        account = "DefaultEndpointsProtocol=http;AccountName=test;AccountKey=dGVzdA=="
        patch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"{account};BlobEndpoint={proxy.url}/test;")
        fsspec.filesystem("abfs").mkdir("bucket")
        yield proxy, "abfs://bucket"
