"""Figures of records and builds: Matplotlib, an extra, is imported in this room alone."""

from importlib.util import find_spec

NEEDS_MATPLOTLIB = "matplotlib is not installed: pip install 'sarchat-bench[pictures]'"


def has_matplotlib() -> bool:
    """Return whether figures can be drawn; import a module of this room only if they can."""
    return find_spec("matplotlib") is not None
