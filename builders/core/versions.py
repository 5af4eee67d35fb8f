"""Versions of the data set and of the package.

A corrected wording raises the minor version of the data, a changed counting rule the major one.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from builders.core.resources import read_yaml

# What changed in the data, newest first.
RELEASE_NOTES: dict[str, str] = read_yaml("core/release_notes.yaml")
DATA_VERSION = next(iter(RELEASE_NOTES))

PACKAGE = "sarchat-bench"


def package_version() -> str:
    """Return the version of the installed package; `"0+unknown"` where the code runs without being installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "0+unknown"
