"""The exception for errors that a user can fix."""

from __future__ import annotations

from builders.redact import redact


class SARChatError(ValueError):
    """A user's mistake or a damaged input. The message is one line: what is wrong, where, the value, and what to do.

    Tokens and the secrets of URLs are left out of it, so that it can be shown and logged.
    """

    def __init__(self, message: str) -> None:
        """Set the message."""
        super().__init__(redact(message))
