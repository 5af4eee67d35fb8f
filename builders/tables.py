"""Tables as text: with aligned columns for the terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def format_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format rows under a header with aligned columns: text to the left, numbers to the right.

    Args:
        header: column names.
        rows: one sequence per row, as long as the header; integers get thousands separators, `None` becomes a blank.

    Returns:
        The table's lines, without a newline at the end.
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    right = _flush_right(header, texts)
    widths = [max(len(row[index]) for row in [list(header), *texts]) for index in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(cells, widths, right, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, texts)])


def format_markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format rows under a header as a Markdown table; columns of numbers are aligned to the right.

    Args:
        header: column names.
        rows: as for `format_table`; no cell contains a `|` or a line break.

    Returns:
        The table's lines, without a newline at the end.
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    rules = ["---:" if flush else "---" for flush in _flush_right(header, texts)]
    return "\n".join([_markdown_line(header), f"|{'|'.join(rules)}|", *map(_markdown_line, texts)])


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _flush_right(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bool]:
    """Return which columns contain only numbers; the first column never counts as one."""
    return [index > 0 and all(_is_numeric(row[index]) for row in rows) for index in range(len(header))]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return f"{cell:,}"
    return str(cell)


def _is_numeric(text: str) -> bool:
    return not text.strip(" -+.,%0123456789x[]±")
