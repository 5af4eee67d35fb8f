"""Files of answers that would fill the memory are refused in one line: gzip bombs, rows and lists without an end."""

import gzip
import tracemalloc
import zipfile

import pytest
from built_fixture import sample_build
from support import refusal, slow

from builders.core.errors import SARChatError
from builders.scoring import answer_rows
from builders.scoring.answer_rows import read_rows

MIB = 2**20
# Packed once and repeated: a gzip file may consist of several.
_MEMBER = gzip.compress(b"a" * (16 * MIB), mtime=0)


def pack(start: bytes, members: int) -> bytes:
    return gzip.compress(start, mtime=0) + _MEMBER * members


def refusal_of(path, **options) -> str:
    with pytest.raises(SARChatError) as caught:
        for _ in read_rows(str(path), **options):
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("a.jsonl.gz", b'{"id": "', "line 1 has more than 64 MiB; give a file with one answer per row"),
        ("a.tsv.gz", b'id\tprediction\nx\t"\n', "row 1 has more than 64 MiB"),
        *slow(
            ("a.jsonl.gz", b'{}\n{"id": "', "line 2 has more than 64 MiB"),
            ("a.csv.gz", b"id,prediction\n", "row 1 has more than 64 MiB"),
            ("a.csv.gz", b"", "row 1 has more than 64 MiB"),
        ),
    ],
)
def test_a_row_without_an_end_stops_at_the_limit(name, start, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(pack(start, 64))
    assert path.stat().st_size < 2 * MIB
    tracemalloc.start()
    try:
        assert message in refusal_of(path)
        assert tracemalloc.get_traced_memory()[1] < 400 * MIB
    finally:
        tracemalloc.stop()


def test_a_list_stops_at_the_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(answer_rows, "_LARGEST_DOCUMENT", 32 * MIB)
    path = tmp_path / "a.json.gz"
    path.write_bytes(pack(b'["', 64))
    tracemalloc.start()
    try:
        assert "has more than 32 MiB, which must be read at once; write JSON Lines" in refusal_of(path)
        assert tracemalloc.get_traced_memory()[1] < 200 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", [b"\n", b'{"id": "a"}\n'])
def test_a_gzip_file_stops_at_the_limit(line, monkeypatch, tmp_path):
    monkeypatch.setattr(answer_rows, "_LARGEST_UNPACKED", MIB // 4)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(line * (MIB // 4 // len(line)), mtime=0))
    assert len(list(read_rows(str(path)))) in (0, MIB // 4 // len(line))
    path.write_bytes(gzip.compress(line * (MIB // 2 // len(line)), mtime=0))
    assert "unpacks to more than 0.25 MiB; unpack it and give the file" in refusal_of(path)


def test_an_excel_file_says_what_it_unpacks_to(monkeypatch, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    monkeypatch.setattr(answer_rows, "_LARGEST_DOCUMENT", MIB)
    workbook = openpyxl.Workbook()
    workbook.active.append(["id", "prediction"])
    path = tmp_path / "a.xlsx"
    workbook.save(path)
    assert not list(read_rows(str(path)))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", b" " * (2 * MIB))
    assert "a.xlsx, unpacked, has more than 1 MiB, which must be read at once; save it as TSV" in refusal_of(path)


def test_rows_just_below_the_limit_are_read(monkeypatch, tmp_path):
    monkeypatch.setattr(answer_rows, "_LONGEST_ROW", 1000)
    text = "x" * 950
    lines = tmp_path / "a.jsonl"
    lines.write_text(f'{{"id": "a", "prediction": "{text}"}}\n' * 3)
    assert [row.entry["prediction"] for row in read_rows(str(lines))] == [text] * 3
    table = tmp_path / "a.csv"
    table.write_bytes(f'id,prediction\r\na,"{text[:450]}\r\n{text[:450]}"\r\nb,{text}\r\n'.encode())
    assert [len(row.entry["prediction"]) for row in read_rows(str(table))] == [902, 950]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_ending_of_a_table_is_read(ending, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(ending.join(["id,prediction", "a,b", "c,d"]).encode())
    assert [row.entry for row in read_rows(str(path))] == [
        {"id": "a", "prediction": "b"},
        {"id": "c", "prediction": "d"},
    ]


def test_a_repeated_id_is_reported_before_the_rest_is_read(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "prediction": ""}\n' * 2 + "not JSON")
    message = refusal(capsys, "score", path, "--references", sample_build())
    assert "line 2: id 'a' appears more than once" in message
