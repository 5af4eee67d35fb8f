"""What went wrong between here and the Hub, in a line that says what to do."""

from __future__ import annotations

import json
from typing import Any

from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from builders.redact import redact

# The base of both an answer's error and a broken connection. It belongs to the HTTP library that huggingface_hub
# builds on, and that differs with its version: requests, httpx or httpx2.
_HTTP_ERROR: Any = next(kind for kind in reversed(HfHubHTTPError.__mro__) if kind.__module__ != "builtins")
# A proxy or a failing server answers with a page in place of JSON.
_KINDS = (_HTTP_ERROR, OfflineModeIsEnabled, ConnectionError, TimeoutError, json.JSONDecodeError)
# What a call of huggingface_hub raises: one of these, or a RuntimeError around one of them; the library behind the
# Hub's newer storage raises a RuntimeError with no cause.
HUB_FAILURES = (*_KINDS, RuntimeError)
_TRANSIENT = {408, 425, 429}


def find_hub_error(error: BaseException | None) -> BaseException | None:
    """Find the Hub's answer, or the broken connection, behind an error.

    Args:
        error: what was raised; the uploading of a file wraps its cause.

    Returns:
        The cause, or `None` if the error has another one.
    """
    while error is not None and not isinstance(error, _KINDS):
        error = error.__cause__
    return error


def is_transient(error: BaseException) -> bool:
    """Tell whether the same request may well succeed a moment later.

    Args:
        error: what `find_hub_error` found.

    Returns:
        True for a broken connection, a busy or a failing server.
    """
    if isinstance(error, OfflineModeIsEnabled):
        return False
    status = get_status(error)
    return status is None or status in _TRANSIENT or status >= 500


def get_status(error: BaseException) -> int | None:
    """Return the status of the Hub's answer, or `None` if there was no answer."""
    # An empty response is false in some versions: compare with None.
    response = getattr(error, "response", None)
    return None if response is None else response.status_code


def explain(error: BaseException, where: str) -> str:
    """Say in one line what the Hub, or the way to it, did not do, and what to do about it.

    Args:
        error: what `find_hub_error` found.
        where: the repo, as its address.

    Returns:
        The line.
    """
    if isinstance(error, OfflineModeIsEnabled):
        return f"{where}: HF_HUB_OFFLINE keeps huggingface_hub off the network; unset it to push"
    status = get_status(error)
    said = _quote_answer(error)
    if status is None:
        return (
            f"{where}: no connection to {constants.ENDPOINT} ({said}); "
            "run the same command again, it goes on with what is not there yet"
        )
    advice = {
        400: "the Hub refuses what was sent; put that right and push again",
        401: "the Hub does not accept the token; log in with `hf auth login` or set HF_TOKEN to a valid one",
        402: "the Hub asks for payment; see the account's settings",
        403: "no right to write there: the name is another owner's, or the token may not write; "
        "push under a name of your own, or propose the change with --create-pr",
        404: "no such repo or revision; check the name, and whether the token may see it",
        409: "the Hub reports a conflict; wait until no other upload runs, and push again",
        412: "someone else changed the repo in the meantime; push again",
        413: "the Hub finds it too large; see its storage limits",
        429: "too many requests; wait some minutes and push again",
    }.get(status, "the Hub failed; push again later, it goes on with what is not there yet")
    return f"{where}: {advice} ({status}: {said})"


def _quote_answer(error: BaseException) -> str:
    response = getattr(error, "response", None)
    headers = {} if response is None else response.headers
    said = headers.get("X-Error-Message") or getattr(error, "server_message", None)
    if not said and response is None:
        said = f"{type(error).__name__}: {error}"
    text = redact(" ".join(str(said or "no reason given").split()))
    return text if len(text) <= 200 else text[:197] + "..."
