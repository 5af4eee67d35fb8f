"""One table in every format: the numbers in full where machines read, and every sign as it is."""

import csv
import io
import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.core.errors import SARChatError
from builders.core.tables import FORMATS, Figure, Interval, Table, write_tables

SIGNS = r"a & b %_#{}$\ ~ ^ < > | * `x` ± - --x 1 - 2"
TABLE = Table(
    "Title & more",
    ["name", "n", "score", "interval"],
    [
        [SIGNS, 1234, Figure(1 / 3), Interval(0.125, 2 / 3)],
        ["blank", None, Figure(-2.5, sign=True), None],
    ],
    ["A note: 100 %, --weights own."],
)


def test_text_rounds_and_aligns():
    lines = write_tables([TABLE]).splitlines()
    assert lines[0] == "Title & more"
    assert len(set(map(len, (line.rstrip() for line in lines[2:4])))) == 1
    assert "1,234" in lines[3] and " 0.33  0.12 - 0.67" in lines[3]
    assert lines[-1] == TABLE.notes[0]


def test_csv_and_json_have_the_numbers_in_full():
    (first, second) = csv.DictReader(io.StringIO(write_tables([TABLE], "csv")))
    assert first["name"] == SIGNS and first["n"] == "1234"
    assert float(first["score"]) == 1 / 3
    assert (float(first["interval, low"]), float(first["interval, high"])) == (0.125, 2 / 3)
    assert second["interval, low"] == second["n"] == ""
    (read,) = json.loads(write_tables([TABLE], "json"))["tables"]
    assert read["title"] == TABLE.title and read["notes"] == list(TABLE.notes)
    assert read["rows"][0]["score"] == 1 / 3 and read["rows"][1]["score"] == -2.5


def test_csv_puts_several_tables_into_one():
    other = Table("Other", ["name", "rate"], [["x", Figure(0.1)]])
    rows = list(csv.DictReader(io.StringIO(write_tables([TABLE, other], "csv"))))
    assert [row["table"] for row in rows] == [TABLE.title, TABLE.title, "Other"]
    assert rows[2]["rate"] == "0.1" and rows[2]["score"] == ""


def test_markdown_has_as_many_cells_in_every_line():
    lines = [line for line in write_tables([TABLE], "markdown").splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in lines} == {5}


def test_an_unknown_format_is_named():
    with pytest.raises(SARChatError, match="unknown format 'excel'; choose from table"):
        write_tables([TABLE], "excel")


@pytest.mark.parametrize("style", FORMATS)
def test_no_table_ends_with_a_newline(style):
    assert not write_tables([TABLE], style).endswith("\n")


HOSTILE = "\x1b[2J\x9bm\u202e\ud800\n| 1 | forged\r![x](http://e.org)<img src=x>"
controls = st.characters(categories=["Cc", "Cs", "Zl", "Zp"]) | st.sampled_from("\u202e\u2067|=+-@ a1")


@pytest.mark.parametrize("style", FORMATS)
@given(st.text(controls))
def test_foreign_text_sends_nothing_to_a_terminal_and_forges_no_row(style, text):
    tables = [Table(title, [name, "n"], [[cell, 1]], [note]) for title, name, cell, note in (["a"] * 4, [text] * 4)]
    plain, shown = (write_tables([table], style) for table in tables)
    assert not re.search("[^\\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    if style == "json":
        (read,) = json.loads(shown)["tables"]
        # Two surrogates in a row are one character to JSON.
        assert read["title"].encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
        assert read["rows"][0]["n"] == 1
    elif style == "csv":
        assert len(list(csv.reader(io.StringIO(shown)))) == 2
    else:
        # A title or a note of white space alone takes one line less.
        assert shown.count("\n") <= plain.count("\n")


def test_nothing_in_foreign_text_is_markdown():
    text = "![x](http://e.org) [a](b) <img> `c` *d* _e_ ~~f~~ | &lt; $g$ www.e.org"
    _, _, row = write_tables([Table("", ["a", "n"], [[text, 1]])], "markdown").splitlines()
    cell = row.removeprefix("| ").removesuffix(" | 1 |")
    assert re.sub(r"\\(.)", r"\1", cell) == text
    left = re.sub(r"\\.", "", cell)
    assert not re.search(r"[\[\]<>`*_~|&$]|://|www\.", left)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\uff1d1", "\x00=1"])
def test_no_cell_of_csv_is_a_formula(text):
    header, row = csv.reader(io.StringIO(write_tables([Table("", [text, "n"], [[text, Figure(-2.5)]])], "csv")))
    assert header[0].startswith("'") and row == [header[0], "-2.5"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="pdflatex is not installed (apt-get: texlive-latex-recommended)"
)
def test_latex_compiles(tmp_path, sarchat):
    tables = write_tables([TABLE], "latex") + "\n" + sarchat("leaderboard", "--format", "latex").stdout
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + tables + r"\end{document}"
    (tmp_path / "tables.tex").write_text(document)
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:]
    assert (tmp_path / "tables.pdf").stat().st_size > 1000
