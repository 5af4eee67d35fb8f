"""The one exception for what a user can put right."""

from __future__ import annotations


class SARChatError(ValueError):
    """A user's mistake or a broken input, told in one line: what is wrong, where, the value, and what to do."""
