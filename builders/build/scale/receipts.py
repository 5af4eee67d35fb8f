"""Receipts of a build's jobs as objects: what another command needs of a job to keep its files."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from builders.build.card.summary import Summary
from builders.build.scale.object_folder import Stored
from builders.build.shards import Receipt
from builders.core.resources import load_json
from builders.data.analysis.statistics import TextStatistics
from builders.data.analysis.targets import TargetCounts
from builders.data.parquet_file import ParquetFile


def encode(receipt: Receipt, stored: Mapping[str, Stored]) -> bytes:
    """Encode a receipt, and what storage says of its objects."""
    summary = receipt.summary
    content = {
        "split": receipt.split,
        "files": [{**asdict(file), "path": file.path.as_posix()} for file in receipt.files],
        "targets": summary.targets and [summary.targets.names, *(counts.tolist() for counts in summary.targets[1:])],
        "texts": summary.texts and summary.texts._asdict(),
        "examples": dict(summary.examples),
        "stored": stored,
    }
    # Keys stay in their order, in which the card shows a record's columns. Most counts are zeros.
    return gzip.compress(json.dumps(content).encode(), mtime=0)


def decode(encoded: bytes | None) -> tuple[Receipt, dict[str, Stored]] | None:
    """Return the receipt and what was stored; `None` if there is none, or the checksum of gzip says that it changed."""
    try:
        content = load_json(gzip.decompress(encoded or b"").decode())
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    targets, texts = content["targets"], content["texts"]
    summary = Summary(
        targets and TargetCounts(tuple(targets[0]), *(np.array(counts, int) for counts in targets[1:])),
        texts and TextStatistics(**{**texts, "frequencies": Counter(texts["frequencies"])}),
        content["examples"],
    )
    files = [ParquetFile(**{**file, "path": Path(file["path"])}) for file in content["files"]]
    return Receipt(content["split"], files, summary), {
        name: Stored(*entry) for name, entry in content["stored"].items()
    }
