"""How much there is to read: modules and lines of code by room, without blank lines, comments and docstrings."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from builders.core.tables import format_table

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)


def net_lines(source: str) -> int:
    """Return the number of lines of a module that are neither blank, nor a comment, nor part of a docstring."""
    documentation: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            documentation.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in documentation
        for number, line in enumerate(source.splitlines(), 1)
    )


def modules() -> Iterator[tuple[str, Path]]:
    """Yield each module outside of tests and benchmarks, with its room."""
    for path in sorted(ROOT.glob("*.py")):
        yield "top level", path
    for path in sorted((ROOT / "builders").rglob("*.py")):
        parts = path.relative_to(ROOT / "builders").parts
        yield parts[0] if len(parts) > 1 else "builders", path


def main() -> None:
    """Print the table."""
    lines, numbers = Counter[str](), Counter[str]()
    for room, path in modules():
        lines[room] += net_lines(path.read_text(encoding="utf-8"))
        numbers[room] += 1
    rows = [[room, numbers[room], lines[room]] for room in sorted(lines)]
    print(format_table(["room", "modules", "net lines"], [*rows, ["all", numbers.total(), lines.total()]]))


if __name__ == "__main__":
    main()
