"""Plain-text tables for the terminal."""

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
    right = [index > 0 and all(_is_numeric(row[index]) for row in texts) for index in range(len(header))]
    widths = [max(len(row[index]) for row in [list(header), *texts]) for index in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(cells, widths, right, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, texts)])


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return f"{cell:,}"
    return str(cell)


def _is_numeric(text: str) -> bool:
    return not text.strip(" -+.,%0123456789x[]±")
