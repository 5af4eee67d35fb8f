"""Errors of the Hub and of the connection to it, each as one line that says what to do."""

from __future__ import annotations

import json
from typing import Any

from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from builders.core.errors import redact

# The common base of HTTP errors and broken connections. It belongs to the HTTP library under huggingface_hub, which
# depends on its version: requests, httpx or httpx2.
_HTTP_ERROR: Any = next(kind for kind in reversed(HfHubHTTPError.__mro__) if kind.__module__ != "builtins")
# A proxy or a failing server responds with a page instead of JSON.
_KINDS = (_HTTP_ERROR, OfflineModeIsEnabled, ConnectionError, TimeoutError, json.JSONDecodeError)
# Errors of huggingface_hub: one of these, or a RuntimeError caused by one of them. The library for the Hub's newer
# storage raises a RuntimeError without a cause.
HUB_FAILURES = (*_KINDS, RuntimeError)
_TRANSIENT = {408, 425, 429}


def find_hub_error(error: BaseException | None) -> BaseException | None:
    """Return the Hub's response or the broken connection that caused an error, or `None`; uploads wrap the cause."""
    while error is not None and not isinstance(error, _KINDS):
        error = error.__cause__
    return error


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed later: a broken connection, or a busy or failing server."""
    if isinstance(error, OfflineModeIsEnabled):
        return False
    status = get_status(error)
    return status is None or status in _TRANSIENT or status >= 500


def get_status(error: BaseException) -> int | None:
    """Return the HTTP status of the Hub's response, or `None` if there was no response."""
    # In some versions, an empty response is false: compare with None.
    response = getattr(error, "response", None)
    return None if response is None else response.status_code


def explain(error: BaseException, where: str) -> str:
    """Return one line that says what failed at the URL `where`, and what to do."""
    if isinstance(error, OfflineModeIsEnabled):
        return f"{where}: HF_HUB_OFFLINE keeps huggingface_hub off the network; unset it to push"
    status = get_status(error)
    said = _quote_answer(error)
    if status is None:
        return (
            f"{where}: no connection to {constants.ENDPOINT} ({said}); "
            "run the same command again; it uploads only what is missing"
        )
    advice = {
        400: "the Hub rejects the content; fix it and push again",
        401: "the Hub does not accept the token; log in with `hf auth login` or set HF_TOKEN to a valid one",
        402: "the Hub requires payment; see the account's settings",
        403: "no permission to write: the name belongs to another owner, or the token is read-only; "
        "push to your own namespace, or propose the change with --create-pr",
        404: "no such repo or revision; check the name and the token's permissions",
        409: "the Hub reports a conflict; wait for other uploads to finish and push again",
        412: "someone else changed the repo in the meantime; push again",
        413: "too large for the Hub; see its storage limits",
        429: "too many requests; wait some minutes and push again",
    }.get(status, "the Hub failed; push again later, which uploads only what is missing")
    return f"{where}: {advice} ({status}: {said})"


def _quote_answer(error: BaseException) -> str:
    response = getattr(error, "response", None)
    headers = {} if response is None else response.headers
    said = headers.get("X-Error-Message") or getattr(error, "server_message", None)
    if not said and response is None:
        said = f"{type(error).__name__}: {error}"
    text = redact(" ".join(str(said or "no reason given").split()))
    return text if len(text) <= 200 else text[:197] + "..."
