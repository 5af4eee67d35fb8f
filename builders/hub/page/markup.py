"""The HTML elements of the page. All user input passes through `escape`."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence

from builders.core.errors import printable
from builders.core.tables import Table, flush_right, show_cell

# Characters that the page's templates would interpret.
_TEMPLATE_SIGNS = {ord("{"): "&#123;", ord("}"): "&#125;", ord("$"): "&#36;", ord("`"): "&#96;"}


def escape(value: object, most: int | None = None) -> str:
    """Convert any value to text that a page shows literally.

    Args:
        value: the value.
        most: the maximum number of characters; a longer text is truncated with an ellipsis.
    """
    text = str(value)
    if most is not None and len(text) > most:
        text = f"{text[:most]}…"
    return html.escape(printable(text)).translate(_TEMPLATE_SIGNS)


def notice(text: str, kind: str = "hint") -> str:
    """Return a framed line.

    Args:
        text: HTML.
        kind: `hint`, or `error`, which screen readers announce at once.
    """
    role, sign = ("alert", "⚠ ") if kind == "error" else ("status", "")
    return f'<p class="sar-notice sar-{kind}" role="{role}">{sign}{text}</p>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], name: str, numeric: Sequence[int] = ()) -> str:
    """Return a table.

    Args:
        header: the columns' names.
        rows: HTML, cell by cell.
        name: the table's description for screen readers.
        numeric: the right-aligned columns.
    """

    def line(cells: Sequence[str], tag: str) -> str:
        classes = (' class="sar-number"' if place in numeric else "" for place in range(len(cells)))
        return "".join(f"<{tag}{own}>{cell}</{tag}>" for own, cell in zip(classes, cells, strict=True))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="sar-scroll"><table class="sar-table" aria-label="{escape(name)}">'
        f"<thead><tr>{line(header, 'th')}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def show_table(content: Table, strong: Callable[[Sequence[object]], bool] = lambda row: False) -> str:
    """Return a table of the project; `strong` chooses the rows in bold."""
    rows = [[show_cell(cell) for cell in row] for row in content.rows]
    numeric = [place for place, is_right in enumerate(flush_right(content.header, rows)) if is_right]
    cells = (
        [f"<strong>{escape(cell)}</strong>" if strong(row) else escape(cell) for cell in texts]
        for row, texts in zip(content.rows, rows, strict=True)
    )
    notes = "".join(f'<p class="sar-faint">{escape(note)}</p>' for note in content.notes)
    return table(content.header, cells, content.title or "Scores", numeric) + notes
