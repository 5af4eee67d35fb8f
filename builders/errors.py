"""The exception for errors that a user can fix."""

from __future__ import annotations


class SARChatError(ValueError):
    """A user's mistake or a damaged input. The message is one line: what is wrong, where, the value, and what to do."""
