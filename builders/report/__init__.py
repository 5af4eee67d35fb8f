"""What a model got wrong, as one HTML file; Jinja2, an extra, is imported in this room alone."""

from importlib.util import find_spec

NEEDS_REPORT = "jinja2 and matplotlib are needed: pip install 'sarchat-bench[report]'"


def has_extras() -> bool:
    """Return whether a report can be written; import `builders.report.page` only if it can."""
    return all(find_spec(name) is not None for name in ("jinja2", "matplotlib"))
