"""The HTML of the page: the templates of its folder, filled in. All user input passes through `escape`."""

from __future__ import annotations

import html
from pathlib import Path

from markupsafe import Markup

from builders.core.errors import printable
from builders.drawing.templating import make_environment

# Characters that the page's own templates, those of Gradio, would interpret.
_TEMPLATE_SIGNS = {ord("{"): "&#123;", ord("}"): "&#125;", ord("$"): "&#36;", ord("`"): "&#96;"}


def escape(value: object) -> Markup:
    """Convert any value but HTML to text that a page shows literally."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(printable(str(value))).translate(_TEMPLATE_SIGNS))


def clip(value: object, most: int) -> str:
    """Return a value as text; one of more characters is truncated with an ellipsis."""
    text = str(value)
    return f"{text[:most]}…" if len(text) > most else text


_ENVIRONMENT = make_environment(
    lambda name: Path(__file__).with_name(name).read_text(encoding="utf-8"),
    {"clip": clip, "edge": "{:g}".format},
    escape,
)


def render(template: str, **values: object) -> str:
    """Return a template of the folder, filled in."""
    return _ENVIRONMENT.get_template(template).render(values)


def notice(text: str, kind: str = "hint") -> str:
    """Return a framed line; its kind is `hint`, or `error`, which screen readers announce at once."""
    return str(_ENVIRONMENT.get_template("markup.html").module.notice(text, kind))
