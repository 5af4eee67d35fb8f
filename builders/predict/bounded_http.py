"""An HTTP client that trusts no server: responses are limited, and redirects are not followed."""

from __future__ import annotations

import asyncio
import importlib
import zlib
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import openai

# httpx or httpx2, whichever this version of openai uses.
_http: Any = importlib.import_module(openai.DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0])

# Far above real answers: 128,000 tokens with their reasoning, every character escaped, have some 4 MB.
LONGEST_RESPONSE = 8 * 2**20
# An unreachable server is named within 5 seconds, with the start of the command.
_CONNECT_SECONDS = 3.5
_READ_SECONDS = 0.5
# The response extension that says why the response was not read: too long, or compressed to an unknown length.
UNBOUNDED = "sarchat_unbounded"
_SENT_ON = ("location", "retry-after", "retry-after-ms", "x-should-retry")


class _Unbounded(Exception):
    """Why a response is not read."""


class BoundedClient(openai.DefaultAsyncHttpxClient):
    """A client whose responses have at most `LONGEST_RESPONSE` bytes, compressed or not, and arrive in time.

    It follows no redirect, and keeps no cookie.
    """

    def __init__(self, seconds: float) -> None:
        """Set the time for each request, from its first byte to the last byte of its response."""
        super().__init__(
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"Accept-Encoding": "identity"},
        )
        self._seconds = seconds

    async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:  # noqa: ANN401
        """Send a request and read its whole response; one that is not read becomes a failure that is not repeated.

        Raises:
            Exception: of the HTTP library, if there is none in time.
        """
        try:
            return await asyncio.wait_for(self._receive(request, options), self._seconds)
        except asyncio.TimeoutError as error:
            raise _http.ReadTimeout(f"no complete response within {self._seconds:g} s", request=request) from error

    async def _receive(self, request: Any, options: dict[str, Any]) -> Any:  # noqa: ANN401
        response = await super().send(request, stream=True, **options)
        try:
            content = await _read(response)
        except _Unbounded as error:
            whole = type(response)(502, headers={"x-should-retry": "false"}, extensions={UNBOUNDED: str(error)})
        else:
            # Neither cookies nor a character set of the server's choice.
            headers = {name: response.headers[name] for name in _SENT_ON if name in response.headers}
            whole = type(response)(response.status_code, headers=headers, content=content)
        finally:
            await response.aclose()
        whole.request, whole.elapsed = request, response.elapsed
        return whole


async def _read(response: Any) -> bytes:  # noqa: ANN401
    content = bytearray()
    async for part in response.aiter_raw():
        content += part
        _check_length(len(content))
    return _unpack(bytes(content), response.headers.get("content-encoding", "identity").strip().lower())


def _check_length(length: int) -> None:
    if length > LONGEST_RESPONSE:
        raise _Unbounded(f"it has more than {LONGEST_RESPONSE // 2**20} MiB")


def _unpack(content: bytes, encoding: str) -> bytes:
    """Decompress a response of a server that compresses although it is asked not to."""
    if encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "deflate"):
        raise _Unbounded(f"it is compressed as {encoding:.40}, although no compression was asked for")
    try:
        # Either header: of gzip, or of zlib.
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(content, LONGEST_RESPONSE + 1)
    except zlib.error as error:
        raise _Unbounded(f"it is not complete {encoding}: {error}") from error
    _check_length(len(unpacked))
    return unpacked


def find_fault(url: str) -> BaseException | None:
    """Return why no server answers at an address, within about 4 seconds; `None` if one does, whatever it responds."""
    return asyncio.run(_find_fault(url))


async def _find_fault(url: str) -> BaseException | None:
    async with BoundedClient(_CONNECT_SECONDS + _READ_SECONDS) as client:
        try:
            await client.get(url, timeout=_http.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS))
        except _http.ReadTimeout:
            # It is there, and busy.
            return None
        except _http.TransportError as error:
            return error
    return None
