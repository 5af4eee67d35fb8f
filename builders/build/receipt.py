"""What is known about shards once they are written: their files, and what the card needs of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from builders.build.card.summary import Summary
from builders.core.schema import SPLITS, TASKS
from builders.data.parquet_file import ParquetFile


@dataclass(frozen=True)
class Receipt:
    """The result of a job.

    Attributes:
        split: the split of its records.
        files: the files, one per task that has records.
        summary: what the card needs of them.
    """

    split: str
    files: Sequence[ParquetFile]
    summary: Summary

    def to_json(self) -> dict[str, Any]:
        """Return the receipt as JSON can hold it; the files' paths are written with '/'."""
        files = [{**asdict(file), "path": file.path.as_posix()} for file in self.files]
        return {"split": self.split, "files": files, "summary": self.summary.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Receipt:
        """Return the receipt that `to_json` returned.

        Raises:
            KeyError, TypeError, ValueError: if it is not one.
        """
        files = [ParquetFile(**{**file, "path": Path(file["path"])}) for file in content["files"]]
        return cls(content["split"], files, Summary.from_json(content["summary"]))


@dataclass(frozen=True)
class Written:
    """All shards of a build.

    Attributes:
        files: the files, sorted by task, split and path.
        summaries: the summary of each split.
    """

    files: Sequence[ParquetFile]
    summaries: Mapping[str, Summary]


def gather(receipts: Iterable[Receipt]) -> Written:
    """Gather the receipts of all jobs, in any order; only one of them is in memory at a time."""
    tasks, splits = list(TASKS), list(SPLITS)
    files: list[ParquetFile] = []
    summaries: dict[str, Summary] = {}
    for receipt in receipts:
        files += receipt.files
        before = summaries.get(receipt.split)
        summaries[receipt.split] = before + receipt.summary if before else receipt.summary
    files.sort(key=lambda file: (tasks.index(file.task), splits.index(file.split), file.path))
    return Written(files, summaries)
