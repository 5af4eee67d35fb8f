"""The exception for errors that a user can fix, and what a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from builders.core.redact import one_line, redact


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
