"""The exception for errors that a user can fix, and what a message may show.

That is no tokens, passwords or signatures of URLs, and no control characters of a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

_HIDDEN = "***"
# Control characters (escape codes of a terminal start with one), those that reverse the direction of the text around
# them, and surrogates, which no encoding has. Tab and newline are not among them.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SECRETS = (
    # Tokens of the Hub, keys of servers with OpenAI's protocol, and the headers with them.
    (re.compile(r"\b(hf_|api_org_|sk-)[\w-]{8,}[^\s'\"]*"), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(bearer|basic) +[^\s'\"]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    # A name and a password before the host (RFC 3986, section 3.2.1) ...
    (re.compile(r"(?<=://)[^\s/?#]*@"), f"{_HIDDEN}@"),
    # ... also if the password contains a slash that should have been escaped; digits alone are a port.
    (re.compile(r"(?<=://)[^\s/?#:@]+:(?!\d+(?:[/?#]|\s|$))\S*@"), f"{_HIDDEN}@"),
    # The query of a signed URL is its key; some libraries omit the host.
    (re.compile(r"(/[^\s?'\"<>]*)\?[^\s'\"<>]+"), rf"\1?{_HIDDEN}"),
)
# Names of values in a request that are secrets. A `token` alone may be one of a model, such as `eos_token`.
_SECRET_NAMES = re.compile(
    r"(^|_)(key|apikey|secret|password|passwd|credentials?|authorization|cookie|auth)$|(^|(access|api|auth|bearer|id)_)token$"
)
# A shorter secret may be a word, and would be found in answers that do not hold it.
_SHORTEST_IN_ANSWERS, _SHORTEST = 8, 4


def redact(text: str) -> str:
    """Replace tokens, and the user name, password and query in URLs, by asterisks; redacting twice changes nothing."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def printable(text: str) -> str:
    """Return a text that came from elsewhere with each unprintable character replaced; line breaks stay."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """Return a text as one line of printable characters; any white space becomes a space."""
    return printable(" ".join(text.split()))


class Secrets:
    """Secrets that are known, to be hidden wherever somebody repeats them."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Set the secrets."""
        # The longest first, since one may be part of another.
        self._texts = sorted({text for text in texts if len(text) >= _SHORTEST}, key=lambda text: (-len(text), text))

    def hide(self, text: str) -> str:
        """Return a message without the secrets, and without what `redact` finds."""
        return redact(self._replace(text, _SHORTEST))

    def hide_in_answer(self, text: str) -> str:
        """Return a model's answer without the secrets of 8 characters or more, and otherwise unchanged."""
        return self._replace(text, _SHORTEST_IN_ANSWERS)

    def _replace(self, text: str, shortest: int) -> str:
        for secret in self._texts:
            if len(secret) >= shortest:
                text = text.replace(secret, _HIDDEN)
        return text


def split_secrets(value: Any, is_secret: bool = False) -> tuple[Any, list[str]]:  # noqa: ANN401
    """Return a JSON value with every text under the name of a secret (`api_key`, ...) hidden, and those texts."""
    if isinstance(value, str):
        shown = _HIDDEN if is_secret and value else redact(value)
        # A header may have a word before its key.
        return shown, [value, value.split()[-1]] if shown != value else []
    if isinstance(value, Mapping):
        parts = {
            name: split_secrets(part, is_secret or bool(_SECRET_NAMES.search(_snake_case(name))))
            for name, part in value.items()
        }
        return {name: shown for name, (shown, _) in parts.items()}, [
            text for _, found in parts.values() for text in found
        ]
    if isinstance(value, list):
        items = [split_secrets(part, is_secret) for part in value]
        return [shown for shown, _ in items], [text for _, found in items for text in found]
    return value, []


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]", "_", name).lower()


class SARChatError(ValueError):
    """A user's mistake or a damaged input. The message is one line: what is wrong, where, the value, and what to do.

    Tokens and the secrets of URLs are left out of it, so that it can be shown and logged. A very long message, such as
    one with a foreign value in it, is cut in the middle.

    Attributes:
        longest: the most characters of a message.
    """

    # A foreign value in a message may be megabytes long.
    longest = 1_000

    def __init__(self, message: str) -> None:
        """Set the message."""
        text = one_line(redact(message))
        if len(text) > self.longest:
            text = f"{text[: self.longest // 2]} ... {text[-self.longest // 2 :]}"
        super().__init__(text)


def install_extra(extra: str) -> str:
    """Return the command that installs an extra of this package, to follow the message that it is needed."""
    return f"run pip install '.[{extra}]' in SARChat's repository"


def check_name(kind: str, name: str, known: Collection[str]) -> None:
    """Check that a name is a known one.

    Args:
        kind: what it is the name of, such as `split`.
        name: the name.
        known: the known names, in the order in which the message lists them.

    Raises:
        SARChatError: if it is not.
    """
    if name not in known:
        raise SARChatError(f"unknown {kind} {name!r}{near(name, known)}; choose from {', '.join(known)}")


def near(name: str, names: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)`, to follow an unknown name in a message; nothing if no known one is near.

    Args:
        name: the unknown name.
        names: the known ones; case does not matter.
    """
    # Imported here, since most commands need no hint.
    from difflib import get_close_matches

    known = {other.casefold(): other for other in sorted(names)}
    found = get_close_matches(name.casefold(), known, n=1)
    return f" (did you mean {known[found[0]]!r}?)" if found else ""
