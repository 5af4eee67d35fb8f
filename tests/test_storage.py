"""What is said of errors of storage, whose classes differ."""

from __future__ import annotations

import errno
import importlib
from importlib.util import find_spec

from huggingface_hub.errors import HfHubHTTPError

from builders.core.storage import describe

# The library that this version of huggingface_hub brings.
httpx = importlib.import_module("httpx2" if find_spec("httpx2") else "httpx")


def http_error(status: int) -> Exception:
    response = httpx.Response(status, request=httpx.Request("PUT", "https://server/object"))
    try:
        return HfHubHTTPError("refused", response=response)
    except TypeError:
        return httpx.HTTPStatusError("refused", request=response.request, response=response)


def test_error_is_described_in_one_line_with_its_status():
    cause = http_error(503)
    error = OSError(errno.EBUSY, "reduce\n\n  your rate")
    error.__cause__ = cause
    assert describe(error) == f"OSError: [Errno {errno.EBUSY}] reduce your rate (HTTP 503)"
    assert describe(OSError("HTTP 503: slow down")) == "OSError: HTTP 503: slow down"
