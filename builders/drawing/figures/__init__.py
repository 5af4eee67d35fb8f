"""Figures of records and builds: only this room imports Matplotlib, an extra."""

from importlib.util import find_spec

from builders.core.errors import SARChatError, install_extra

NEEDS_MATPLOTLIB = f"matplotlib is not installed; {install_extra('pictures')}"

# What a picture that is drawn for a user says of its origin.
PICTURE_MARK = b"Drawn by sarchat-bench"


def has_matplotlib() -> bool:
    """Return whether figures can be drawn; import a module of this room only if they can."""
    return find_spec("matplotlib") is not None


def require_matplotlib() -> None:
    """Check that figures can be drawn.

    Raises:
        SARChatError: if Matplotlib is not installed.
    """
    if not has_matplotlib():
        raise SARChatError(NEEDS_MATPLOTLIB)
