"""What a message may show: no tokens, passwords or signatures of URLs, and no control characters of a terminal."""

from __future__ import annotations

import re

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
