"""Texts and data that are stored as files in the packages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

# The C loader reads the templates twenty times as fast; PyYAML may be installed without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(name: str, package: str = "dataset_card") -> str:
    """Read a text file of a package.

    Args:
        name: its path in the package, with `/`.
        package: the package.
    """
    return files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def read_yaml(name: str, package: str = "builders") -> Any:  # noqa: ANN401
    """Read a YAML file of a package; the result is shared and must not be changed.

    Args:
        name: its path in the package, with `/`.
        package: the package.
    """
    return load_yaml(read_text(name, package))


def load_yaml(text: str) -> Any:  # noqa: ANN401
    """Parse YAML of plain data: no tag makes an object.

    Raises:
        yaml.YAMLError: it is not valid.
    """
    return yaml.load(text, Loader=_LOADER)
