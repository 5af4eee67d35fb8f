"""Rows of a file of answers in any container.

Containers are JSON Lines, JSON, CSV, TSV, Parquet, Excel, a log of Inspect, a data set on the Hub, and standard input.
Public name: `read_rows(location, columns, split, container) -> Iterator[Row]`. Texts stay texts: no cell is
converted to a number, and "NA" is not a missing value.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import json
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from builders.core.errors import SARChatError, install_extra
from builders.core.parquet_rows import read_parquet_rows
from builders.core.resources import load_json
from builders.data.open_data import REPO_ID

STDIN = "-"
# The container of Inspect's logs: `.eval`, or one JSON object.
INSPECT_LOG = ".eval"
_GZIP = b"\x1f\x8b"
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_CHUNK = 2**20
# Far above real files: a small archive, or a file without line breaks, could otherwise fill the memory.
_LONGEST_ROW = 64 * 2**20
_LARGEST_DOCUMENT = 512 * 2**20
_LARGEST_UNPACKED = 4 * 2**30


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        place: the file and the line or row, for messages; counted from 1.
        entry: the row's values by the names of its columns.
    """

    place: str
    entry: dict[str, Any]


def read_rows(
    location: str, columns: Sequence[str] | None = None, split: str = "test", container: str | None = None
) -> Iterator[Row]:
    """Yield the rows of a file of answers in order.

    The file's suffix decides how it is read: `.csv`, `.tsv`, `.parquet`, `.xlsx`, and everything else as JSON
    Lines or one JSON list. A gzip file is decompressed first; a byte order mark is skipped.

    Args:
        location: a file, `-` for standard input, or a data set on the Hub as `OWNER/NAME` or `OWNER/NAME@REVISION`.
        columns: the columns to read from Parquet and from a data set on the Hub; missing ones are skipped. All if None.
        split: the split of a data set on the Hub.
        container: `.csv`, `.tsv`, `.jsonl` or `.eval`: read the file in that format, and ignore its suffix.

    Raises:
        SARChatError: if the file cannot be read, is damaged or not UTF-8, or a line is not an object; if a row has more
            than 64 MiB, a file that must be read whole (one JSON list, an Excel file) more than 512 MiB, or a gzip file
            unpacks to more than 4 GiB.
    """
    path = Path(location).expanduser()
    if location != STDIN and not path.exists() and REPO_ID.fullmatch(location):
        yield from _read_hub(location, columns, split)
        return
    if path.is_dir():
        raise SARChatError(f"{location} is a folder; give the file of a model's answers")
    name = path.name.removesuffix(".gz").lower()
    suffix = container or Path(name).suffix
    try:
        if suffix == ".parquet":
            yield from _read_parquet(path, columns)
        elif suffix == ".xlsx":
            yield from _read_excel(path)
        elif suffix == INSPECT_LOG:
            yield from _read_inspect_log(path)
        elif suffix in (".pkl", ".pickle"):
            raise SARChatError(f"{location} is a pickle, which can run any code when it is loaded; save it as TSV")
        else:
            with _open(location, path) as stream:
                if suffix in _DELIMITERS:
                    yield from _read_csv(stream, location, _DELIMITERS[suffix])
                else:
                    yield from _read_json(stream, location)
    except OSError as error:
        raise SARChatError(f"cannot read {location}: {error.strerror or error}") from error


@contextmanager
def _open(location: str, path: Path) -> Iterator[IO[bytes]]:
    """Open a file or standard input, decompressed if it is gzip."""
    stream: Any = sys.stdin.buffer if location == STDIN else path.open("rb")
    try:
        packed = stream.peek(2)[:2] == _GZIP
        try:
            yield io.BufferedReader(_Unpacked(stream, location), _CHUNK) if packed else stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SARChatError(f"{location} is not a complete gzip file: {error}") from error
    finally:
        if location != STDIN:
            stream.close()


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, up to a limit."""

    def __init__(self, stream: Any, location: str) -> None:  # noqa: ANN401
        self._gzip = gzip.GzipFile(fileobj=stream)
        self._location = location
        self._left = _LARGEST_UNPACKED

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        content = self._gzip.read1(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise SARChatError(
                f"{self._location} unpacks to more than {_show(_LARGEST_UNPACKED)}; unpack it and give the file"
            )
        buffer[: len(content)] = content
        return len(content)


def _show(size: int) -> str:
    return f"{size / 2**30:g} GiB" if size >= 2**30 else f"{size / 2**20:g} MiB"


def _check_row(size: int, place: str) -> None:
    if size > _LONGEST_ROW:
        raise SARChatError(f"{place} has more than {_show(_LONGEST_ROW)}; give a file with one answer per row")


def _check_document(size: int, location: str, remedy: str) -> None:
    if size > _LARGEST_DOCUMENT:
        raise SARChatError(f"{location} has more than {_show(_LARGEST_DOCUMENT)}, which must be read at once; {remedy}")


def _read_json(stream: IO[bytes], location: str) -> Iterator[Row]:
    """Read JSON Lines, or one JSON list of objects."""
    first = stream.readline(_LONGEST_ROW + 1)
    if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
        yield from _read_list(_decode(_read_rest(first, stream, location), location, first=True), location)
        return
    lines = itertools.chain([first], iter(lambda: stream.readline(_LONGEST_ROW + 1), b""))
    for number, line in enumerate(lines, 1):
        place = f"{location}, line {number}"
        _check_row(len(line), place)
        text = _decode(line, place, first=number == 1)
        if text.strip():
            yield Row(place, _parse(text, place))


def _read_rest(first: bytes, stream: IO[bytes], location: str) -> bytes:
    """Return the whole of a document, given its first line."""
    content = io.BytesIO()
    content.write(first)
    while part := stream.read(_CHUNK):
        content.write(part)
        _check_document(content.tell(), location, "write JSON Lines: one object per line")
    return content.getvalue()


def _decode(line: bytes, place: str, first: bool = False) -> str:
    try:
        return line.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError as error:
        raise SARChatError(
            f"{place} is not UTF-8: {error.reason} at byte {error.start + 1:,}; save it as UTF-8"
        ) from error


def _parse(text: str, place: str) -> dict[str, Any]:
    try:
        entry = load_json(text)
    except ValueError as error:
        raise SARChatError(f"{place} is not JSON: {error}") from error
    if not isinstance(entry, dict):
        raise SARChatError(f"{place}: expected an object such as {{...}}, got {text.strip()[:80]}")
    return entry


def _read_list(text: str, location: str) -> Iterator[Row]:
    try:
        entries = load_json(text)
    except ValueError as error:
        raise SARChatError(f"{location} is not JSON: {error}") from error
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise SARChatError(f"{location}, entry {number}: expected an object, got {json.dumps(entry)[:80]}")
        yield Row(f"{location}, entry {number}", entry)


def _read_csv(stream: IO[bytes], location: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_ROW)
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    number = size = 0

    def read_lines() -> Iterator[str]:
        nonlocal size
        while line := lines.readline(_LONGEST_ROW + 1):
            # A quoted cell may hold line breaks, so a row is one line or many.
            size += len(line)
            _check_row(size, f"{location}, row {number + 1}")
            yield line

    try:
        reader = csv.DictReader(read_lines(), delimiter=delimiter, strict=True)
        for entry in reader:
            number, size = number + 1, 0
            place = f"{location}, row {number}"
            if None in entry or None in entry.values():
                raise SARChatError(f"{place}: expected {len(reader.fieldnames or ())} cells as in the header")
            yield Row(place, entry)
    except UnicodeDecodeError as error:
        raise SARChatError(f"{location} is not UTF-8: {error.reason}; save it as UTF-8") from error
    except csv.Error as error:
        raise SARChatError(f"{location}: {error} after line {reader.line_num}") from error
    finally:
        lines.detach()


def _read_parquet(path: Path, columns: Sequence[str] | None) -> Iterator[Row]:
    for number, entry in enumerate(read_parquet_rows(path, str(path), columns), 1):
        yield Row(f"{path}, row {number}", entry)


def _read_excel(path: Path) -> Iterator[Row]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise SARChatError(
            f"{path} is an Excel file, which needs openpyxl; {install_extra('xlsx')}, or save it as TSV"
        ) from error
    workbook = None
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        _check_document(size, f"{path}, unpacked,", "save it as TSV")
        workbook = load_workbook(path, read_only=True, data_only=True)
        lines = workbook.worksheets[0].iter_rows(values_only=True)
        heading = [_spell(cell) for cell in next(lines, ())]
        for number, cells in enumerate(lines, 2):
            yield Row(f"{path}, row {number}", dict(zip(heading, map(_spell, cells), strict=False)))
    except (OSError, SARChatError):
        raise
    except Exception as error:
        # openpyxl raises errors of many libraries, without a common class.
        raise SARChatError(f"{path} is not a complete Excel file: {type(error).__name__}: {error}") from error
    finally:
        if workbook is not None:
            workbook.close()


def _read_inspect_log(path: Path) -> Iterator[Row]:
    """Read the samples of a log of Inspect AI; one in JSON, as `inspect log dump` prints it, needs nothing else."""
    if path.suffix == ".json":
        try:
            samples = load_json(path.read_text(encoding="utf-8"))["samples"]
        except (ValueError, KeyError, TypeError) as error:
            raise SARChatError(f"{path} is not a log of Inspect with its samples: {error!r:.200}") from error
        if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
            raise SARChatError(f"{path} is not a log of Inspect: its samples are not a list of objects")
        yield from (Row(f"{path}, sample {number}", sample) for number, sample in enumerate(samples, 1))
        return
    try:
        from inspect_ai.log import read_eval_log_samples
    except ImportError as error:
        raise SARChatError(
            f"{path} is a log that only Inspect AI reads; {install_extra('inspect')}, or write it as JSON: "
            "inspect log dump FILE > FILE.json"
        ) from error
    try:
        samples = read_eval_log_samples(str(path), all_samples_required=False)
        for number, sample in enumerate(samples, 1):
            yield Row(
                f"{path}, sample {number}", sample.model_dump(include={"id", "epoch", "output", "error", "metadata"})
            )
    except Exception as error:
        # For a damaged log, Inspect raises errors without a common class.
        raise SARChatError(f"{path} is not a complete log of Inspect: {type(error).__name__}: {error}") from error


def _spell(cell: object) -> str:
    """Return a cell as the text that it shows; Excel may have turned "2" into a number."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _read_hub(location: str, columns: Sequence[str] | None, split: str) -> Iterator[Row]:
    from datasets import load_dataset

    repo_id, _, revision = location.partition("@")
    try:
        stream = load_dataset(repo_id, split=split, revision=revision or None, streaming=True)
        if columns is not None and stream.column_names:
            stream = stream.select_columns([name for name in columns if name in stream.column_names])
        for number, entry in enumerate(stream, 1):
            yield Row(f"{location}, row {number}", entry)
    except Exception as error:
        # Loading from the Hub raises errors of many libraries without a common class.
        raise SARChatError(
            f"{location}: no such file, and no data set on the Hub with a split {split!r} that can be read: "
            f"{type(error).__name__}: {error}"
        ) from error
