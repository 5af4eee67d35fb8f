"""Texts and data that are stored as files in the packages, and the parsers for YAML and JSON from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

# In C, the templates are read twenty times as fast, and a card is written five times; PyYAML may be installed without.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_MOST_YAML = 1_000_000
_DEEPEST_YAML = 50


def read_text(name: str, package: str = "dataset_card") -> str:
    """Read a text file of a package, by its path in the package, with `/`."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def read_yaml(name: str, package: str = "builders") -> Any:  # noqa: ANN401
    """Read a YAML file of a package like `read_text`; the result is shared and must not be changed."""
    return load_yaml(read_text(name, package))


def load_yaml(text: str) -> Any:  # noqa: ANN401
    """Parse YAML of plain data: no tag makes an object.

    Raises:
        yaml.YAMLError: it is not valid.
    """
    return yaml.load(text, Loader=_LOADER)


def dump_yaml(value: Any, *, inline: bool = False) -> str:  # noqa: ANN401
    """Return plain data as YAML, in the order of its keys; `inline` with brackets, on one line."""
    width = 1_000_000 if inline else 120
    text: str = yaml.dump(
        value, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=width, default_flow_style=inline
    )
    return text


def load_json(text: str | bytes) -> Any:  # noqa: ANN401
    """Parse JSON from anywhere.

    Raises:
        ValueError: if it is not valid, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        # Raised from some hundreds of brackets on, depending on the version of Python.
        raise ValueError("it is nested too deeply") from error


def load_foreign_yaml(text: str) -> Any:  # noqa: ANN401
    """Parse YAML that somebody else wrote, in time and memory that are bounded.

    Raises:
        ValueError: it is not valid, longer than 1 MB, nested deeply, or stands for far more than is written: an alias
            may repeat another one.
    """
    if len(text) > _MOST_YAML:
        raise ValueError(f"its YAML has {len(text):,} characters, more than {_MOST_YAML:,}")
    try:
        _check_events(yaml.parse(text, Loader=_LOADER))
        return load_yaml(text)
    except yaml.YAMLError as error:
        raise ValueError(f"its YAML cannot be read: {error}") from error


def find_repeated_key(text: str) -> str | None:
    """Return a key that a mapping of a YAML text has twice, of which YAML would use the last; `None` if there is none.

    Raises:
        yaml.YAMLError: it is not valid.
    """
    nodes = [yaml.compose(text, Loader=_LOADER)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            keys = [str(key.value) for key, _ in node.value]
            if repeated := next((key for place, key in enumerate(keys) if key in keys[:place]), None):
                return repeated
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
    return None


def _check_events(events: Iterable[yaml.Event]) -> None:
    """Count values as they will be read, with those of aliases, before any is made."""
    # The open collections: anchor, and the number of values so far.
    stack: list[tuple[str | None, int]] = [(None, 0)]
    size_of: dict[str, int] = {}
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append((event.anchor, 1))
        elif isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent, yaml.CollectionEndEvent)):
            anchor, size = stack.pop() if isinstance(event, yaml.CollectionEndEvent) else (event.anchor, 1)
            if isinstance(event, yaml.AliasEvent):
                # One that stands for a collection around it has no end.
                size = size_of.get(event.anchor or "", _MOST_YAML)
            elif anchor:
                size_of[anchor] = size
            outer, total = stack.pop()
            stack.append((outer, total + size))
        if len(stack) > _DEEPEST_YAML or stack[-1][1] > _MOST_YAML:
            raise ValueError("its YAML is nested too deeply or repeats too much")
