"""Reading a folder that `sarchat build` wrote: its configs, splits, columns, and single records with images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builders.corpus_info import DEFAULT, CorpusInfo, known_corpus, parse_info
from builders.errors import SARChatError, near
from builders.folder.column_check import require_columns, require_values
from builders.folder.image_file import read_image_file
from builders.folder.parquet_file import ParquetFile
from builders.folder.rows import ParquetPart
from builders.inside import require_inside
from builders.resources import load_foreign_yaml, load_json
from builders.schema import ALL, COLUMNS, SPLITS

CARD = "README.md"
# A build's file with its versions and options.
BUILD_INFO = "build.json"
_FRONT_MATTER = re.compile(r"---\r?\n(.*?\n)---\r?\n", re.DOTALL)
_MOST_CARD_BYTES = 10_000_000
_BATCH_ROWS = 20_000
# A row's image is searched in small batches, so that a row group's images are never all in memory.
_IMAGE_ROWS = 16


@dataclass(frozen=True)
class Build:
    """A built folder: the Parquet files of each config and split, in the order of their rows.

    Attributes:
        folder: its path.
        configs: the files, by config and split.
        info: what its corpus is about.
    """

    folder: Path
    configs: Mapping[str, Mapping[str, Sequence[Path]]]
    info: CorpusInfo

    @property
    def splits(self) -> list[str]:
        """The splits that at least one config has, in the usual order."""
        return [split for split in SPLITS if any(split in built for built in self.configs.values())]

    def files(self, config: str, split: str) -> Sequence[Path]:
        """Return the files of a split of a config.

        Raises:
            SARChatError: if the config or the split does not exist.
        """
        splits = self._files_by_split(config)
        if split not in splits:
            raise SARChatError(
                f"{self.folder}: config {config} has no split {split!r}{near(split, splits)}; "
                f"it has {', '.join(splits) or 'none'}"
            )
        return splits[split]

    def _files_by_split(self, config: str) -> Mapping[str, Sequence[Path]]:
        if config not in self.configs:
            raise SARChatError(
                f"{self.folder} has no config {config!r}{near(config, self.configs)}; it has {', '.join(self.configs)}"
            )
        return self.configs[config]

    def count(self, config: str, split: str) -> int:
        """Return the number of records of a split, read from its files' footers."""
        return sum(_read_footer(path).num_rows for path in self.files(config, split))

    def batches(
        self, config: str, split: str, columns: Sequence[str], rows: int = _BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield the named columns of a split's records in order, at most `rows` at a time.

        Args:
            config: a task, or `all`.
            split: the split.
            columns: names of columns, or of parts of them such as `objects.bbox`.
            rows: the maximum number of rows per batch.

        Raises:
            SARChatError: if the config or split does not exist or a file cannot be read.
        """
        for path in self.files(config, split):
            with _open(path) as file:
                require_columns(file.schema_arrow, str(path), columns)
                for batch in file.iter_batches(rows, columns=list(columns)):
                    require_values(batch, str(path), file.metadata)
                    yield batch

    def sample(
        self, config: str, split: str, columns: Sequence[str], groups: int, rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the first `rows` rows of up to `groups` row groups that are spread evenly over a split."""
        places = [
            (path, group) for path in self.files(config, split) for group in range(_read_footer(path).num_row_groups)
        ]
        for number in range(min(groups, len(places))):
            path, group = places[number * len(places) // min(groups, len(places))]
            with _open(path) as file:
                yield next(file.iter_batches(rows, row_groups=[group], columns=list(columns)))

    def record(self, config: str, split: str, index: int) -> dict[str, Any]:
        """Return one record with its image, by its index in a split; see `read_row`.

        Raises:
            SARChatError: if the config, the split or the index does not exist.
        """
        total = 0
        for path in self.files(config, split):
            rows = _read_footer(path).num_rows
            if 0 <= index - total < rows:
                return read_row(path, index - total)
            total += rows
        raise SARChatError(
            f"{self.folder}: no record {index} in {config}, {split}; it has {total:,} records, counted from 0"
        )

    def record_with_id(self, config: str, record_id: str, splits: Sequence[str] = ()) -> dict[str, Any]:
        """Return one record with its image, by its id, from some splits or from all; see `read_row`.

        Raises:
            SARChatError: if the config, the split or the id does not exist.
        """
        splits = splits or list(self._files_by_split(config))
        for split in splits:
            for path in self.files(config, split):
                row = _find(path, record_id)
                if row is not None:
                    return read_row(path, row)
        raise SARChatError(
            f"{self.folder}: no record with id {record_id!r} in {config}, {', '.join(splits)}; "
            "ids look like 'referring/test/0000026/0'"
        )


def has_configs(folder: Path) -> bool:
    """Return whether a folder has a card that lists configs; `open_build` reports whatever else is wrong."""
    card = folder / CARD
    try:
        # A pipe would block, and a device may have no end.
        return card.is_file() and bool(parse_configs(_read_start(card).decode("utf-8", "replace")))
    except (OSError, ValueError):
        return False


def require_folder(folder: Path, command: str) -> None:
    """Check that a folder of `sarchat COMMAND` exists.

    Raises:
        SARChatError: if it does not, or a URL was given.
    """
    if re.match(r"[a-z][a-z0-9+.-]+:/", os.fspath(folder)):
        url = os.fspath(folder).replace(":/", "://", 1)
        raise SARChatError(f"{url} is not on this machine, but a local folder is needed; copy it to one, and give that")
    if not folder.is_dir():
        raise SARChatError(f"{folder}: no such folder; create it with `sarchat {command}`")


def open_build(folder: Path) -> Build:
    """Open a built folder by the `configs` in its card, which `load_dataset` uses too.

    Raises:
        SARChatError: if the folder does not exist, is not a build, or lacks a file.
    """
    require_folder(folder, "build")
    card = folder / CARD
    if not card.is_file():
        raise SARChatError(f"{folder}: no {CARD}, so this is not a build; create one with `sarchat build`")
    require_inside(folder, card)
    try:
        patterns = parse_configs(_read_card(card))
    except ValueError as error:
        raise SARChatError(f"{card}: {error}; rebuild the folder") from error
    configs = {
        config: {split: _list_files(folder, paths) for split, paths in splits.items()}
        for config, splits in patterns.items()
    }
    return Build(folder, configs, read_info(folder))


def read_info(folder: Path) -> CorpusInfo:
    """Return what the corpus of a built folder is about, as its `build.json` says.

    A folder without one is of an older version, which built SARDet-100K alone.

    Raises:
        SARChatError: if the file is not one that this package writes.
    """
    path = folder / BUILD_INFO
    if not path.is_file():
        return known_corpus(DEFAULT)
    require_inside(folder, path)
    if path.stat().st_size > _MOST_CARD_BYTES:
        raise SARChatError(f"{path} has more than {_MOST_CARD_BYTES:,} bytes; rebuild the folder")
    try:
        return info_of_build(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise SARChatError(f"{path} is not UTF-8: {error.reason}; rebuild the folder") from error


def info_of_build(text: str | None, place: str) -> CorpusInfo:
    """Return what the corpus is about, given the text of `build.json`, or `None` if there is none.

    Raises:
        SARChatError: if the text is not what this package writes.
    """
    try:
        content = load_json(text or "{}")
    except ValueError as error:
        raise SARChatError(f"{place} is not valid JSON: {error}; rebuild the folder") from error
    corpus = content.get("corpus") if isinstance(content, dict) else None
    return known_corpus(DEFAULT) if corpus is None else parse_info(corpus, place)


# A command asks whether a folder is a build, and then opens it.
@lru_cache(maxsize=2)
def parse_configs(card: str) -> dict[str, dict[str, list[str]]]:
    """Parse the `configs` in the YAML of a card's text.

    Returns:
        The paths or patterns of the files of each split, by config and split; shared, so it must not be changed.

    Raises:
        ValueError: if there is no front matter or no list of configs with data files in it.
    """
    matter = _FRONT_MATTER.match(card)
    if matter is None:
        raise ValueError("it has no list of configs")
    metadata = load_foreign_yaml(matter[1])
    try:
        return {
            _text(config["config_name"]): {
                _text(entry["split"]): [entry["path"]] if isinstance(entry["path"], str) else list(entry["path"])
                for entry in config["data_files"]
            }
            for config in metadata["configs"]
        }
    except (KeyError, TypeError) as error:
        raise ValueError("it has no list of configs") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _read_start(card: Path) -> bytes:
    with card.open("rb") as stream:
        return stream.read(_MOST_CARD_BYTES + 1)


def _read_card(card: Path) -> str:
    content = _read_start(card)
    if len(content) > _MOST_CARD_BYTES:
        raise ValueError(f"it has more than {_MOST_CARD_BYTES:,} bytes")
    return content.decode("utf-8")


def arrange(folder: Path, shards: Iterable[ParquetFile], info: CorpusInfo) -> Build:
    """Return the build, or the part of one, that consists of these Parquet files; it needs no card."""
    configs: dict[str, dict[str, list[Path]]] = {ALL: {}}
    for shard in shards:
        for config in (ALL, shard.task):
            configs.setdefault(config, {}).setdefault(shard.split, []).append(shard.path)
    return Build(folder, configs, info)


def read_row(path: Path, row: int) -> dict[str, Any]:
    """Read one row of a Parquet file as a dict, without keeping other rows' images in memory.

    `row` is less than the number of rows in the file's footer.

    Returns:
        The record; its `image` is `{"bytes", "path"}`, as stored.
    """
    with _open(path) as file:
        require_columns(file.schema_arrow, str(path), COLUMNS)
    with _open(path, read_dictionary=["image.bytes"]) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < rows:
                for batch in file.iter_batches(_IMAGE_ROWS, row_groups=[group]):
                    if row < len(batch):
                        found = batch.slice(row, 1)
                        require_values(found, str(path), file.metadata)
                        return found.to_pylist()[0]
                    row -= len(batch)
            row -= rows
    raise ParquetPart(str(path)).damaged("its row groups have fewer rows than its footer says")


def image_bytes(record: Mapping[str, Any]) -> bytes:
    """Return the encoded image of a record: its bytes, or those of the file that it references.

    Raises:
        SARChatError: if the record references a file that cannot be read.
    """
    image = record["image"]
    if image["bytes"] is not None:
        return image["bytes"]
    if image["path"] is None:
        raise SARChatError(f"{record['id']}: it has neither an image nor a path to one; build the folder again")
    return read_image_file(image["path"])


def _list_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    paths = []
    for pattern in patterns:
        if not _stays_inside(pattern):
            raise SARChatError(f"{folder}: {CARD} lists the path {pattern!r}, which is not one of files in the folder")
        try:
            found = sorted(folder.glob(pattern))
        # Two stars within a name, or a name that is too long.
        except (ValueError, OSError) as error:
            raise SARChatError(f"{folder}: {CARD} lists the path {pattern!r}: {error}; rebuild the folder") from error
        if not found:
            raise SARChatError(f"{folder}: {pattern} is listed in {CARD}, but missing; rebuild the folder")
        require_inside(folder, *found)
        paths += found
    return paths


def _stays_inside(pattern: object) -> bool:
    if not isinstance(pattern, str) or not pattern.isprintable():
        return False
    path = PurePath(pattern)
    # The time for several "**" grows with a power of the depth of the folder.
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and path.parts.count("**") < 2


def _open(path: Path, **options: Any) -> AbstractContextManager[pq.ParquetFile]:  # noqa: ANN401
    return ParquetPart(str(path)).open(**options)


def _read_footer(path: Path) -> pq.FileMetaData:
    with _open(path) as file:
        return file.metadata


def _find(path: Path, record_id: str) -> int | None:
    """Return the row number of an id in a file, or `None` if it is not there."""
    start = 0
    with _open(path) as file:
        require_columns(file.schema_arrow, str(path), ["id"])
        for batch in file.iter_batches(_BATCH_ROWS, columns=["id"]):
            row = pc.index(batch.column("id"), record_id).as_py()
            if row >= 0:
                return start + row
            start += len(batch)
    return None
