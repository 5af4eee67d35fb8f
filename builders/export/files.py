"""Files of records: JSON Lines, one JSON list, TSV, or Parquet.

The layout says which file holds a record. A sample of a file's records is deterministic, the same on every machine.
"""

from __future__ import annotations

import csv
import hashlib
import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builders.core.errors import SARChatError
from builders.core.resources import read_yaml
from builders.core.schema import fewest_records_first
from builders.data.records import Records
from builders.export.format import PAPER, Format, Table
from builders.export.images import ImageStore
from builders.export.recipe import mixture
from builders.export.record import ExportRecord, Row, make_record, to_json
from builders.notation.render import Phrasing

# Written last, since the other tasks decide how many of its records the recipe trains on.
LARGEST_TASK = fewest_records_first()[-1]
TRAIN, VALIDATION, TEST = "train", "validation", "test"
_COLUMNS = ("id", "image", "width", "height", "task", "scenario", "messages")
# The records of each task that a trainer evaluates on while it trains, if the validation split is exported.
_EVALUATION, _EVALUATED = "evaluation", 100
_ROW_GROUP_ROWS = 10_000
_SAMPLE_KEY = b"sarchat export"
# What stands before, between and after the records of a file of JSON.
_FRAMES = {".jsonl": ("", "\n", "\n"), ".json": ("[\n", ",\n", "\n]\n")}


class RecordFile(ABC):
    """A file to which records are added one by one, as dicts; a file of JSON takes their text as well.

    Attributes:
        path: its path.
        records: the number of records added.
    """

    def __init__(self, path: Path) -> None:
        """Set the path."""
        self.path = path
        self.records = 0

    def write(self, record: Row) -> None:
        """Add a record."""
        self._write(record)
        self.records += 1

    @abstractmethod
    def _write(self, record: Any) -> None: ...  # noqa: ANN401

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


class _Json(RecordFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._before, self._between, self._after = _FRAMES[path.suffix]
        self._stream = path.open("w", encoding="utf-8", newline="\n")

    def _write(self, record: Row) -> None:
        text = record if isinstance(record, str) else to_json(record)
        self._stream.write((self._between if self.records else self._before) + text)

    def close(self) -> None:
        self._stream.write(self._after)
        self._stream.close()


class _Tsv(RecordFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stream = path.open("w", encoding="utf-8", newline="")
        self._writer: csv.DictWriter[str] = csv.DictWriter(self._stream, (), delimiter="\t", lineterminator="\n")

    def _write(self, record: dict[str, Any]) -> None:
        if not self.records:
            self._writer.fieldnames = list(record)
            self._writer.writeheader()
        self._writer.writerow(record)

    def close(self) -> None:
        self._stream.close()


class _Parquet(RecordFile):
    def __init__(self, path: Path, complete: Callable[[pa.Schema], pa.Schema]) -> None:
        super().__init__(path)
        self._complete = complete
        self._schema: pa.Schema | None = None
        self._rows: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None

    def _write(self, record: dict[str, Any]) -> None:
        self._rows.append(record)
        if len(self._rows) == _ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._schema = self._complete(pa.Table.from_pylist(self._rows).schema)
            self._writer = pq.ParquetWriter(self.path, self._schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def close(self) -> None:
        if self._rows:
            self._flush()
        if self._writer is not None:
            self._writer.close()


def record_file(path: Path, complete: Callable[[pa.Schema], pa.Schema] = lambda schema: schema) -> RecordFile:
    """Return a new file of the kind that its suffix names.

    Args:
        path: the file.
        complete: for Parquet, returns the schema to use, given the one inferred from the first rows.
    """
    if path.suffix == ".parquet":
        return _Parquet(path, complete)
    return _Tsv(path) if path.suffix == ".tsv" else _Json(path)


class Sample:
    """Keeps the `size` records with the smallest keyed hashes of their ids; no other record stays in memory."""

    def __init__(self, size: int) -> None:
        """Start empty; `size` is the maximum number of records to keep."""
        self.size = size
        # Rank, position in the file, record; the first entry is the next to be dropped.
        self._heap: list[tuple[int, int, Row]] = []
        self._seen = 0

    def add(self, record_id: str, record: Row) -> None:
        """Offer a record."""
        rank = -int.from_bytes(hashlib.blake2b(record_id.encode(), key=_SAMPLE_KEY, digest_size=8).digest(), "big")
        self._seen += 1
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, (rank, self._seen, record))
        elif rank > self._heap[0][0]:
            heapq.heapreplace(self._heap, (rank, self._seen, record))

    def records(self) -> list[Row]:
        """Return the sample in the order of the file."""
        return [record for _, _, record in sorted(self._heap, key=lambda entry: entry[1])]


def _name_file(layout: str, task: str, split: str, scenario: str) -> str:
    """Return the name of a record's file without its suffix: `TASK-SPLIT`, or that in the paper's inference script.

    Raises:
        SARChatError: if the script has no file for such records.
    """
    if layout != PAPER:
        return f"{task}-{split}"
    names = read_yaml("paper_layout.yaml", "builders.export")
    name = names.get(task) or names.get(f"{task}/{scenario}")
    if name is None:
        known = ", ".join(key.partition("/")[2] for key in names if key.startswith(f"{task}/"))
        if not known:
            raise SARChatError(
                f"the paper's layout has no file for the task {task}; name others with --task, or use --layout tasks"
            )
        raise SARChatError(
            f"the paper's layout has no file for {task} records with scenario {scenario!r}, only for {known}; correct "
            "the column `scenario`, or use --layout tasks"
        )
    return name


class RecordWriter:
    """Writes the records, one task and split at a time."""

    def __init__(
        self,
        fmt: Format,
        phrasing: Phrasing | None,
        layout: str,
        images: ImageStore,
        staging: Path,
        advance: Callable[[int], object],
    ) -> None:
        """Set where the files are written; `advance` is called with the number of further records."""
        self._format = fmt
        self._phrasing = phrasing
        self._layout = layout
        self._images = images
        self._staging = staging
        self._advance = advance
        # For the training split: the number of records written per task, and the sample of the largest task.
        self._written: dict[str, int] = {}
        self._sample: Table | None = None
        self._held_out: list[Sample] = []

    def write(self, data: Records, task: str, split: str, keep: Container[str] | None) -> list[Table]:
        """Write a task's records of a split, of those to keep; return the files that hold them."""
        files: dict[str, RecordFile] = {}
        samples = [self._start_sample(task, split)]
        if split == VALIDATION and not self._format.evaluates:
            self._held_out.append(Sample(_EVALUATED))
            samples.append(self._held_out[-1])
        with ExitStack() as stack:
            for record, converted in self._convert(data, task, split, keep):
                name = _name_file(self._layout, task, split, record.scenario) + self._format.suffix
                if name not in files:
                    files[name] = self._open(name)
                    stack.callback(files[name].close)
                files[name].write(converted)
                for sample in filter(None, samples):
                    sample.add(record.id, converted)
                self._advance(1)
        total = sum(file.records for file in files.values())
        if split == TRAIN:
            self._written[task] = total
        if samples[0] is not None and total > samples[0].size:
            name = f"{task}-{split}-sample"
            self._sample = self._write_samples([samples[0]], Table(task, split, name, 0, 0))
        return [Table(task, split, name, file.records, file.records) for name, file in sorted(files.items())]

    def training(self, tables: Sequence[Table]) -> list[Table]:
        """Return the files that the recipe trains on, with the number of records to use from each."""
        use = mixture(self._written)
        chosen = [table._replace(use=use[table.task]) for table in tables if table.split == TRAIN]
        return [
            self._sample if self._sample is not None and table.task == self._sample.task else table for table in chosen
        ]

    def evaluation(self) -> list[Table]:
        """Write a sample of every task's validation split into one file, and return it, if there is any."""
        if not any(sample.records() for sample in self._held_out):
            return []
        return [self._write_samples(self._held_out, Table("", VALIDATION, _EVALUATION, 0, 0))]

    def _convert(
        self, data: Records, task: str, split: str, keep: Container[str] | None
    ) -> Iterator[tuple[ExportRecord, Row]]:
        convert = self._format.convert
        image, place = None, ""
        for row in data.rows(task, split, keep, _COLUMNS):
            if row["image"] is not image:
                image = row["image"]
                place = self._images.place(split, image)
            record = make_record(row, place, self._phrasing, data.info)
            yield record, convert(record)

    def _open(self, name: str) -> RecordFile:
        return record_file(self._staging / name, self._format.schema)

    def _start_sample(self, task: str, split: str) -> Sample | None:
        if self._format.draws_samples or (task, split) != (LARGEST_TASK, TRAIN) or not self._written:
            return None
        return Sample(max(self._written.values()))

    def _write_samples(self, samples: Sequence[Sample], table: Table) -> Table:
        file = self._open(table.name + self._format.suffix)
        for sample in samples:
            for converted in sample.records():
                file.write(converted)
        file.close()
        return table._replace(name=file.path.name, records=file.records, use=file.records)
