"""Texts and data that are stored as files in the packages, and the parsers for YAML and JSON from anywhere."""

from __future__ import annotations

import json
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


def load_json(text: str | bytes) -> Any:  # noqa: ANN401
    """Parse JSON from anywhere.

    Raises:
        ValueError: it is not valid, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        # Raised from some hundreds of brackets on, depending on the version of Python.
        raise ValueError("it is nested too deeply") from error
