"""Checks that a folder is fit for publishing: a built data set, or the metric's Space."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

import pyarrow.compute as pc
from huggingface_hub import DatasetCard, RepoCard
from tqdm import tqdm

from builders.core.checksums import SUMS, read_checksums, verify_checksums
from builders.core.errors import SARChatError
from builders.core.processes import run_apart
from builders.core.resources import load_json
from builders.data.origin import OPTIONS, find_origin
from builders.data.reader import BUILD_INFO, CARD, Build, open_build, require_folder
from builders.data.rows import ParquetPart

_METRIC = "sarchat_metric"
# What every folder has that is published, by the command that writes it.
_WRITTEN = {"build": (CARD,), "space": (f"{_METRIC}.py", "README.md", "app.py", "requirements.txt")}
_BATCH_ROWS = 10_000
# One right box and one answer without a box: half of the records score.
_PROBE = {"task": "referring", "scenario": "single", "answer": "{<10><20><110><90>} (top left)"}
_PROBE_KEY, _PROBE_SCORE = "referring/single/iou@0.5", 50.0
# The number of records by config and split.
_Counts = dict[str, dict[str, int]]
# The identity of a file, to detect a replacement: device, inode, size, time of the last change.
FileStates = dict[str, tuple[int, int, int, int]]
# Parts of paths that no build has: hidden ones, such as `.env`, and the names of keys and tokens.
_SECRET = re.compile(
    r"""\.[^.].* | _netrc | id_(rsa|dsa|ecdsa|ed25519)\b.*
    | (.*[._-])?(token|secret|credential|password|passwd)s?(\..*)?
    | .*\.(pem|key|p12|pfx|ppk|jks|keystore|kdbx|asc|gpg|env|ovpn)""",
    re.VERBOSE | re.IGNORECASE,
)


def list_files(folder: Path, command: str) -> FileStates:
    """List the files in the `SHA256SUMS` of a folder that `sarchat COMMAND` wrote, and that file, with their states.

    Args:
        folder: the folder.
        command: `build` or `space`.

    Returns:
        The state of each file, by its path in the folder, sorted.

    Raises:
        SARChatError: if the folder or a file of it does not exist, or a file has the name of a secret.
    """
    require_folder(folder, command)
    for name in _WRITTEN[command]:
        if not (folder / name).is_file():
            raise SARChatError(f"{folder}: no {name}, so `sarchat {command}` did not write this folder; run that first")
    paths = sorted([*read_checksums(folder), SUMS])
    for path in paths:
        if any(map(_SECRET.fullmatch, PurePath(path).parts)):
            raise SARChatError(
                f"{folder / path} may hold a secret, such as a key or a token, and would be published; move it out of "
                f"the folder, and write the folder again with `sarchat {command}`"
            )
    return _read_states(folder, paths)


def _read_states(folder: Path, paths: Iterable[str]) -> FileStates:
    """Return the state of files of a folder, for comparison with a later one.

    Raises:
        SARChatError: if a file is missing.
    """
    states = {}
    for path in paths:
        try:
            status = (folder / path).stat()
        except OSError as error:
            raise SARChatError(f"{folder / SUMS}: {path} is listed, but missing; rebuild the folder") from error
        states[path] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return states


def require_unchanged(folder: Path, states: FileStates) -> None:
    """Check that no file has changed since its state was read, so that exactly the checked files are published.

    Raises:
        SARChatError: if a file has changed or is missing.
    """
    now = _read_states(folder, states)
    for path, state in states.items():
        if now[path] != state:
            raise SARChatError(f"{folder / path} has changed since it was checked; nothing was published, push again")


def _read_metadata(card: Path, kind: type[RepoCard]) -> dict[str, Any]:
    """Read a card's front matter with huggingface_hub's checks of that kind of card.

    Raises:
        SARChatError: if it is not valid.
    """
    try:
        return kind.load(card).data.to_dict()
    # The YAML parser and the card's checks raise errors of several libraries.
    except Exception as error:
        raise SARChatError(f"{card}: the front matter is not valid: {_describe_error(error)}") from error


def _describe_error(error: Exception) -> str:
    """Return an error of another library as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


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
    metadata: dict[str, Any] = _read_metadata(card, DatasetCard)
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
    import datasets

    for name, splits in configs.items():
        try:
            streams = datasets.load_dataset(str(folder), name, streaming=True)
            for split, count in splits.items():
                if next(iter(streams[split]), None) is None and count:
                    return f"{name}/{split} loads no record"
        # Any error of the readers makes the folder unfit.
        except Exception as error:
            return f"{name} does not load: {_describe_error(error)}"
    return None


def inspect_metric(folder: Path) -> None:
    """Check the metric's Space: its sums, its card, and that `evaluate` loads the metric and scores with it.

    Raises:
        SARChatError: at the first fault.
    """
    # Imported here, as `datasets` is: they take seconds.
    import evaluate

    verify_checksums(folder)
    card = folder / "README.md"
    metadata = _read_metadata(card, RepoCard)
    if metadata.get("sdk") != "gradio":
        raise SARChatError(
            f"{card}: sdk is {metadata.get('sdk')!r}, not 'gradio'; write the folder with `sarchat space`"
        )
    app = str(metadata.get("app_file", "app.py"))
    if app not in read_checksums(folder):
        raise SARChatError(f"{card}: app_file {app!r} is not a file of the folder; write it with `sarchat space`")
    script = folder / f"{_METRIC}.py"
    try:
        metric = evaluate.load(str(script), keep_in_memory=True)
        scores = metric.compute(predictions=[_PROBE["answer"], "none"], references=[_PROBE, _PROBE])
    # Any error of the script makes it unfit.
    except Exception as error:
        raise SARChatError(
            f"{script}: does not load and score: {_describe_error(error)}; write it again with `sarchat space`"
        ) from error
    got = scores.get(_PROBE_KEY)
    if got != _PROBE_SCORE:
        raise SARChatError(f"{script}: a known pair of answers scores {got}, not {_PROBE_SCORE}, as {_PROBE_KEY}")
