"""Checks that a folder is a built data set fit for publishing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow.compute as pc
from huggingface_hub import DatasetCard
from tqdm import tqdm

from builders.core.checksums import verify_checksums
from builders.core.errors import SARChatError
from builders.core.processes import run_apart
from builders.core.resources import load_json
from builders.data.origin import OPTIONS, find_origin
from builders.data.reader import BUILD_INFO, CARD, Build, open_build
from builders.data.rows import ParquetPart
from builders.hub.folder_check import FileStates, describe_error, list_files, read_metadata

_BATCH_ROWS = 10_000
# The number of records by config and split.
_Counts = dict[str, dict[str, int]]


def list_dataset_files(folder: Path) -> FileStates:
    """List the files of a data set's repo: those in its `SHA256SUMS`, and that file; see `list_files`."""
    return list_files(folder, [CARD], "build")


def inspect_dataset(folder: Path) -> list[str]:
    """Check a built data set (checksums, card, row counts, each config loads); return the names of its configs.

    Raises:
        SARChatError: at the first fault.
    """
    verify_checksums(folder)
    counts = _read_counts(folder / CARD)
    build = open_build(folder)
    for config in build.configs:
        if config not in counts:
            raise SARChatError(f"{folder / CARD}: config {config} has no dataset_info; rebuild the folder")
        _check_rows(build, config, counts[config])
    parts = {part for splits in build.configs.values() for parts in splits.values() for part in parts}
    for part in tqdm(sorted(parts), desc="Checking images", unit=" files", delay=1, disable=None):
        _check_embedded(part)
    _check_loads(folder, {config: counts[config] for config in build.configs})
    return list(build.configs)


def describe_unknown(folder: Path) -> str | None:
    """Return a line that says what the card lacks, the images' source or licence; else `None`."""
    try:
        unknown = find_origin(load_json((folder / BUILD_INFO).read_text(encoding="utf-8"))).unknown
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Builds of version 1.0 have no such file.
        return None
    if not unknown:
        return None
    return (
        f"{folder / CARD}: the {' and the '.join(unknown)} of the images {'are' if unknown[1:] else 'is'} unknown; "
        f"build it again with {' and '.join(OPTIONS[name] for name in unknown)} before you publish it"
    )


def _read_counts(card: Path) -> _Counts:
    metadata: dict[str, Any] = read_metadata(card, DatasetCard)
    try:
        return {
            info["config_name"]: {split["name"]: split["num_examples"] for split in info["splits"]}
            for info in metadata["dataset_info"]
        }
    except (KeyError, TypeError) as error:
        raise SARChatError(f"{card}: dataset_info has no numbers of records; rebuild the folder") from error


def _check_rows(build: Build, config: str, expected: Mapping[str, int]) -> None:
    for split in {**build.configs[config], **expected}:
        count = sum(part.footer.num_rows for part in build.configs[config].get(split, ()))
        if count != expected.get(split):
            raise SARChatError(
                f"{build.location}: {config}/{split} has {count:,} rows, but {CARD} says {expected.get(split)}; "
                "rebuild the folder"
            )


def _check_embedded(part: ParquetPart) -> None:
    """Check that every record of a Parquet file contains its image's bytes, a row group at a time."""
    # An image that several records share is read once per row group.
    with part.open(read_dictionary=["image.bytes"]) as file:
        if "image.bytes" not in {file.schema.column(index).path for index in range(len(file.schema))}:
            raise SARChatError(f"{part.path} has no column `image` with bytes; rebuild the folder")
        batches = (
            batch
            for group in range(file.num_row_groups)
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=["image.bytes"])
        )
        for batch in batches:
            content = pc.struct_field(batch.column("image"), "bytes")
            lengths = pc.take(pc.binary_length(content.dictionary), content.indices)
            lacking = len(batch) - (pc.sum(pc.greater(lengths, 0)).as_py() or 0)
            if lacking:
                raise SARChatError(
                    f"{part.path} contains paths instead of images in {lacking:,} of {len(batch):,} records, which "
                    "nobody else could open; rebuild the folder with `sarchat build --embed` and push that"
                )


def _check_loads(folder: Path, configs: Mapping[str, Mapping[str, int]]) -> None:
    """Load the first record of each split of each config, as a stream."""
    # In a separate process: some versions of `datasets` leave threads running if a stream is not read to its end, and
    # the interpreter may then abort on exit.
    try:
        fault = run_apart(_find_fault, folder, configs)
    except ChildProcessError as error:
        raise SARChatError(f"{folder}: it could not be loaded: {error}; free some memory and try again") from error
    if fault is not None:
        raise SARChatError(f"{folder}: {fault}; rebuild the folder")


def _find_fault(folder: Path, configs: Mapping[str, Mapping[str, int]]) -> str | None:
    for name, splits in configs.items():
        try:
            streams = datasets.load_dataset(str(folder), name, streaming=True)
            for split, count in splits.items():
                if next(iter(streams[split]), None) is None and count:
                    return f"{name}/{split} loads no record"
        # Any error of the readers makes the folder unfit.
        except Exception as error:
            return f"{name} does not load: {describe_error(error)}"
    return None
