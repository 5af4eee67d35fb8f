"""HTML from templates, for the report and for the metric's page. Every value is escaped but HTML itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined


def make_environment(
    read: Callable[[str], str], filters: dict[str, Callable[..., Any]], finalize: Callable[[Any], Any] | None = None
) -> Environment:
    """Return what fills templates in.

    Args:
        read: returns the text of a template by its name.
        filters: what templates apply to values by name, besides `number` and `percent`.
        finalize: converts every value before it is escaped.
    """
    environment = Environment(
        loader=FunctionLoader(read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    environment.filters |= {"number": "{:,}".format, "percent": "{:.1f}".format, **filters}
    return environment
