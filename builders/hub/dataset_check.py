"""Whether a folder is a built data set that is fit to be published."""

from __future__ import annotations

import atexit
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard

from builders.errors import SARChatError
from builders.folder.checksums import SUMS, read_checksums, verify_checksums
from builders.hub.folder_check import describe_error, read_metadata, require_files


def list_dataset_files(folder: Path) -> list[str]:
    """List what a data set's repo shall hold: the files of its `SHA256SUMS`, and that file.

    Args:
        folder: a folder that `sarchat build` wrote.

    Returns:
        Paths relative to the folder, sorted.

    Raises:
        SARChatError: if the folder does not exist or is no build.
    """
    require_files(folder, ["README.md"], "build")
    paths = sorted([*read_checksums(folder), SUMS])
    for path in paths:
        if not (folder / path).is_file():
            raise SARChatError(f"{folder / SUMS}: {path} is listed, but missing; rebuild the folder")
    return paths


def inspect_dataset(folder: Path) -> list[str]:
    """Check a built data set: its sums, its card, its row counts, and that each config loads.

    Args:
        folder: a folder that `sarchat build` wrote.

    Returns:
        The names of its configs.

    Raises:
        SARChatError: at the first thing that is wrong.
    """
    verify_checksums(folder)
    card = folder / "README.md"
    metadata = read_metadata(card, DatasetCard)
    configs = {config["config_name"]: config for config in _get_entries(metadata, "configs", card)}
    infos = {info["config_name"]: info for info in _get_entries(metadata, "dataset_info", card)}
    expected: dict[str, dict[str, int]] = {}
    for name, config in configs.items():
        if name not in infos:
            raise SARChatError(f"{card}: config {name} has no dataset_info; rebuild the folder")
        try:
            splits = {split["name"]: split["num_examples"] for split in infos[name]["splits"]}
            _check_rows(folder, config, splits)
            expected[name] = splits
        except SARChatError:
            raise
        # Whatever else the readers can raise makes the folder unfit.
        except Exception as error:
            raise SARChatError(
                f"{folder}: {name} does not load: {describe_error(error)}; rebuild the folder"
            ) from error
    _check_loads(folder, expected)
    return list(configs)


def _get_entries(metadata: dict[str, Any], key: str, card: Path) -> list[dict[str, Any]]:
    entries = metadata.get(key)
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and "config_name" in entry for entry in entries
    ):
        raise SARChatError(f"{card}: no list {key!r} of named configs in the front matter; rebuild the folder")
    return entries


def _check_rows(folder: Path, config: dict[str, Any], splits: dict[str, int]) -> None:
    rows = dict.fromkeys(splits, 0)
    embedded = False
    for split, file in _list_parquet(folder, config):
        # Image bytes are all there or all missing: the first rows of a config tell.
        with pq.ParquetFile(file) as parquet:
            if not embedded and parquet.metadata.num_rows:
                _check_embedded(folder, parquet)
                embedded = True
            rows[split] = rows.get(split, 0) + parquet.metadata.num_rows
    for split, count in rows.items():
        if count != splits.get(split):
            name = f"{config['config_name']}/{split}"
            raise SARChatError(
                f"{folder}: {name} holds {count:,} rows, but README.md says {splits.get(split)}; rebuild the folder"
            )


def _list_parquet(folder: Path, config: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    for entry in config["data_files"]:
        patterns = [entry["path"]] if isinstance(entry["path"], str) else entry["path"]
        for pattern in patterns:
            for file in sorted(folder.glob(pattern)):
                yield entry["split"], file


def _check_embedded(folder: Path, parquet: pq.ParquetFile) -> None:
    column = parquet.read_row_group(0, columns=["image.bytes"]).column("image").combine_chunks()
    if column.field("bytes").null_count == len(column):
        raise SARChatError(
            f"{folder}: holds the paths of images in place of the images, which nobody else could open; "
            "rebuild it with `sarchat build --embed` and push that"
        )


def _check_loads(folder: Path, configs: Mapping[str, Mapping[str, int]]) -> None:
    """Load the first record of each split of each config, as a stream."""
    # In a process of its own, which ends at once: some versions of `datasets` leave threads behind where a stream is
    # left half-way, and the interpreter may then abort as it ends.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, atexit.register, (os._exit, 0)) as process:
        fault = process.submit(_find_fault, folder, configs).result()
    if fault is not None:
        raise SARChatError(f"{folder}: {fault}; rebuild the folder")


def _find_fault(folder: Path, configs: Mapping[str, Mapping[str, int]]) -> str | None:
    for name, splits in configs.items():
        try:
            streams = datasets.load_dataset(str(folder), name, streaming=True)
            for split, count in splits.items():
                if next(iter(streams[split]), None) is None and count:
                    return f"{name}/{split} loads no record"
        # Whatever the readers can raise makes the folder unfit.
        except Exception as error:
            return f"{name} does not load: {describe_error(error)}"
    return None
