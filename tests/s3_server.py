"""An S3 server on this machine, whose answers can fail as those of a network do."""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass
class Server:
    """A running server.

    Attributes:
        fs: the file system of its storage, with the empty bucket `bucket`.
        fault: returns how a request fails, given its number from 0, method and path: "503", "cut" before it takes
            effect, "lost" after that, "half" of the answer is sent; `None` if it succeeds.
        before_write: called with the number of each PUT, from 0, before it takes effect.
        counts: how many requests failed in which way.
        environment: the variables that say where it is.
    """

    fs: object = None
    environment: dict[str, str] = field(default_factory=dict)
    fault: Callable[[int, str, str], str | None] = lambda number, method, path: None
    before_write: Callable[[int], object] = lambda number: None
    counts: dict[str | None, int] = field(default_factory=dict)

    def restart(self) -> None:
        """Make the server faultless, and count requests from 0."""
        self.fault, self.before_write, self.counts = (lambda *request: None), (lambda number: None), {}
        self._numbers, self._writes = itertools.count(), itertools.count()

    def wrap(self, app: Callable) -> Callable:
        """Return the WSGI application with its faults."""
        self.restart()

        def answer(environ, start_response):
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            fault = self.fault(next(self._numbers), method, path)
            self.counts[fault] = self.counts.get(fault, 0) + 1
            if fault == "503":
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response("503 Slow Down", [("Content-Type", "application/xml")])
                return [_SLOW_DOWN]
            if fault == "cut":
                return _cut(environ)
            if method == "PUT":
                self.before_write(next(self._writes))
            body = b"".join(app(environ, start_response))
            if fault == "lost":
                return _cut(environ)
            if fault == "half" and len(body) > 1:
                return itertools.chain([body[: len(body) // 2]], _cut_later(environ))
            return [body]

        return answer


def _cut(environ) -> list[bytes]:
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError


def _cut_later(environ) -> Iterator[bytes]:
    yield from _cut(environ)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Run a server; the environment says where it is."""
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs")
    moto = pytest.importorskip("moto.server", reason="needs moto[server]")
    from werkzeug.serving import make_server

    server = Server()
    app = moto.DomainDispatcherApplication(moto.create_backend_app)
    running = make_server("127.0.0.1", 0, server.wrap(app), threaded=True)
    running.log = lambda *message: None
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            server.environment = ACCOUNT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{running.port}"}
            for name, value in server.environment.items():
                patch.setenv(name, value)
            s3fs.S3FileSystem.clear_instance_cache()
            # The storage belongs to the process, not to the server.
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{running.port}/moto-api/reset", method="POST"), timeout=60
            ).close()
            server.fs = s3fs.S3FileSystem()
            server.fs.mkdir("bucket")
            yield server
            s3fs.S3FileSystem.clear_instance_cache()
    finally:
        running.shutdown()
        thread.join()
