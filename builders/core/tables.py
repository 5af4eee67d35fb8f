"""Tables as aligned text, Markdown, LaTeX, CSV and JSON.

A cell is a text, an integer, `None` for a blank, or one of `Figure` and `Interval`, which text shows rounded and CSV
and JSON write in full. A text may come from anywhere: each format shows it as one line, and neither a terminal nor a
reader of Markdown, LaTeX or CSV interprets anything in it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from builders.core.errors import UNPRINTABLE, check_name, one_line

# Notes are wrapped at this width, so that they are read next to a table.
_LINE = 120
FORMATS = ("table", "markdown", "latex", "csv", "json")
_LATEX_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    ">": r"\textgreater{}",
    "<": r"\textless{}",
    "±": r"$\pm$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}
_LATEX = str.maketrans(_LATEX_SIGNS)
# Characters that Markdown interprets, and what turns a bare address into a link.
_MARKDOWN = re.compile(r"[\\|<>*_`\[\]~&$]|(?<=http):|(?<=https):|(?<=ftp):|(?<=www)\.|^[#+-](?= )", re.IGNORECASE)
# What a spreadsheet takes for a formula, also in its full-width form.
_FORMULA = re.compile(r"[\s\ufffd]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True)
class Figure:
    """A number with the decimals that text shows.

    Attributes:
        value: the number in full.
        digits: decimals.
        sign: whether a positive number gets a plus sign.
    """

    value: float
    digits: int = 2
    sign: bool = False

    def __str__(self) -> str:
        """Return the number as text shows it."""
        return f"{self.value:{'+' if self.sign else ''},.{self.digits}f}"


@dataclass(frozen=True)
class Interval:
    """Two numbers, the ends of an interval: one column of a text, two of CSV and JSON.

    Attributes:
        low: the lower end.
        high: the upper end.
        digits: decimals.
        sign: whether positive numbers get a plus sign.
        mark: whether text marks it with an asterisk.
    """

    low: float
    high: float
    digits: int = 2
    sign: bool = False
    mark: bool = False

    def __str__(self) -> str:
        """Return the interval as text shows it."""
        low, high = (Figure(end, self.digits, self.sign) for end in (self.low, self.high))
        return (f"{low} to {high}" if self.sign else f"{low} - {high}") + (" *" if self.mark else "")


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: its name; empty for none.
        header: the columns' names, all different.
        rows: one sequence of cells per row, as long as the header.
        notes: lines for the reader, below the table; CSV has none.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    notes: Sequence[str] = ()


def write_tables(tables: Sequence[Table], style: str = "table") -> str:
    """Return tables as text in one of `FORMATS`, without a newline at the end.

    CSV puts all tables into one, with the columns of all and the title in the first one. JSON is an object with a list
    `tables` of `{"title", "rows", "notes"}`, each row an object. LaTeX needs the package booktabs.

    Raises:
        SARChatError: if the format is unknown.
    """
    check_format(style)
    if style == "csv":
        return _format_csv(tables)
    if style == "json":
        listed = [
            {"title": table.title, "rows": list(_to_records(table)), "notes": list(table.notes)} for table in tables
        ]
        text = json.dumps({"tables": listed}, ensure_ascii=False, indent=1)
        # A parser reads the same, a terminal interprets nothing. Only texts hold such characters, apart from newlines.
        return UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)
    writers = {"table": _write_text, "markdown": _write_markdown, "latex": _write_latex}
    return "\n\n".join(map(writers[style], tables))


def check_format(style: str) -> None:
    """Check, before any work is done, that a format is one of `FORMATS`.

    Raises:
        SARChatError: if it is not.
    """
    check_name("format", style, FORMATS)


def format_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format rows under a header with aligned columns: text to the left, numbers to the right.

    Args:
        header: column names.
        rows: one sequence per row, as long as the header; integers get thousands separators, `None` becomes a blank.
    """
    header = [one_line(name) for name in header]
    texts = [[show_cell(cell) for cell in row] for row in rows]
    right = flush_right(header, texts)
    widths = [max(len(row[index]) for row in [header, *texts]) for index in range(len(header))]

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
        rows: as for `format_table`; the texts are Markdown and contain no `|`.
    """
    texts = [[show_cell(cell) for cell in row] for row in rows]
    rules = ["---:" if flush else "---" for flush in flush_right(header, texts)]
    return "\n".join([_markdown_line(header), f"|{'|'.join(rules)}|", *map(_markdown_line, texts)])


def _write_text(table: Table) -> str:
    title = [one_line(table.title)] if table.title else []
    notes = [line for note in table.notes for line in textwrap.wrap(one_line(note), _LINE, break_long_words=False)]
    return "\n".join([*title, format_table(table.header, table.rows), *([""] if notes else []), *notes])


def _write_markdown(table: Table) -> str:
    title = [f"**{_escape_markdown(table.title)}**", ""] if table.title else []
    header = [_escape_markdown(name) for name in table.header]
    rows = [[_escape_markdown(show_cell(cell)) for cell in row] for row in table.rows]
    notes = [line for note in table.notes for line in ("", _escape_markdown(note))]
    return "\n".join([*title, format_markdown(header, rows), *notes])


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text))


def _write_latex(table: Table) -> str:
    texts = [[show_cell(cell) for cell in row] for row in table.rows]
    columns = "".join("r" if flush else "l" for flush in flush_right(table.header, texts))
    lines = [_latex_line(row) for row in texts]
    notes = [rf"\par\smallskip\footnotesize {escape_latex(note)}" for note in table.notes]
    caption = [rf"\caption{{{escape_latex(table.title)}}}"] if table.title else []
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            *caption,
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _latex_line(table.header),
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
        ]
    )


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(map(escape_latex, cells)) + r" \\"


def escape_latex(text: str) -> str:
    """Return a text that LaTeX sets as it is; a range of numbers gets a dash, a negative number a minus sign."""
    escaped = one_line(text).translate(_LATEX).replace("--", "-{}-").replace(" - ", "--")
    is_negative = escaped.startswith("-") and not escaped.startswith("--") and _is_numeric(text)
    return f"$-${escaped[1:]}" if is_negative else escaped


def _format_csv(tables: Sequence[Table]) -> str:
    records = [(table.title, record) for table in tables for record in _to_records(table)]
    columns = list(dict.fromkeys(column for _, record in records for column in record))
    if len(tables) > 1:
        columns.insert(0, "table")
        records = [(title, {"table": title, **record}) for title, record in records]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(_defuse, columns))
    writer.writerows([_defuse(record.get(column)) for column in columns] for _, record in records)
    return stream.getvalue().rstrip("\n")


def _defuse(cell: object) -> object:
    """Return a cell that no spreadsheet runs: a text that looks like a formula gets an apostrophe."""
    if not isinstance(cell, str):
        return cell
    text = one_line(cell)
    return f"'{text}" if _FORMULA.match(text) else text


def _to_records(table: Table) -> Iterator[dict[str, Any]]:
    """Yield each row by the names of its columns, numbers in full; every row has every column."""
    intervals = {
        name
        for name, *cells in zip(table.header, *table.rows, strict=True)
        if any(isinstance(c, Interval) for c in cells)
    }
    for row in table.rows:
        record: dict[str, Any] = {}
        for name, cell in zip(table.header, row, strict=True):
            if name in intervals:
                low, high = (cell.low, cell.high) if isinstance(cell, Interval) else (None, None)
                record |= {f"{name}, low": _finite(low), f"{name}, high": _finite(high)}
            else:
                record[name] = _finite(cell.value) if isinstance(cell, Figure) else cell
        yield record


def _finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def flush_right(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bool]:
    """Return which columns contain only numbers; the first column never counts as one."""
    return [index > 0 and all(_is_numeric(row[index]) for row in rows) for index in range(len(header))]


def show_cell(cell: object) -> str:
    """Return a cell as text shows it: one line."""
    if cell is None:
        return ""
    if isinstance(cell, int):
        return f"{cell:,}"
    return one_line(str(cell))


def _is_numeric(text: str) -> bool:
    return not text.replace(" to ", "").strip(" -+.,%0123456789x[]±*")
