"""A folder that `sarchat build` wrote, on this machine or at a URL: its files, and the records in them."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import pyarrow as pa
from fsspec import AbstractFileSystem

from builders.core.checksums import SUMS, hash_text, parse_checksums, require_inside
from builders.core.errors import SARChatError
from builders.core.resources import load_foreign_yaml, load_json
from builders.core.schema import COLUMNS, TASKS, fewest_records_first
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus, parse_info
from builders.data.columns import require_columns, require_values
from builders.data.records import BATCH_ROWS, Records
from builders.data.rows import ImageKey, ParquetPart, find_single_records, read_row, read_rows

CARD = "README.md"
# A build's file with its versions and options.
BUILD_INFO = "build.json"
# The scores of blind players, which `sarchat baseline` adds to a build.
BASELINE = "baseline.json"
_FRONT_MATTER = re.compile(r"---\r?\n(.*?\n)---\r?\n", re.DOTALL)
# Of a text file.
_MOST_BYTES = 10_000_000
_Configs = Mapping[str, Mapping[str, Sequence[ParquetPart]]]


class Place(NamedTuple):
    """A folder that somebody else may have written.

    Attributes:
        root: its path.
        fs: its file system; `None` for a local folder.
    """

    root: str
    fs: AbstractFileSystem | None = None

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file, or `None` if there is no such file; of a larger one, its start."""
        path = f"{self.root}/{name}"
        if self.fs is not None:
            return self.fs.cat_file(path) if self.fs.isfile(path) else None
        # A pipe would block, and a device has no end.
        if not Path(path).is_file():
            return None
        with open(path, "rb") as stream:
            return stream.read(_MOST_BYTES + 1)

    def read_text(self, name: str) -> str | None:
        """Return the text of a file, or `None` if there is no such file.

        Raises:
            SARChatError: if it is a link out of the folder, has more than 10 MB, or is not UTF-8.
        """
        if self.fs is None:
            require_inside(Path(self.root), Path(self.root, name))
        content = self.read(name)
        if content is None:
            return None
        if len(content) > _MOST_BYTES:
            raise SARChatError(f"{self.root}/{name}: it has more than {_MOST_BYTES:,} bytes; rebuild the folder")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SARChatError(f"{self.root}/{name} is not UTF-8: {error.reason}; rebuild the folder") from error

    def find(self, pattern: object) -> list[ParquetPart]:
        """Return the Parquet files of a path or pattern in the card, sorted.

        Raises:
            SARChatError: if it leads out of the folder, or there is no such file.
        """
        if not _stays_inside(pattern):
            raise SARChatError(
                f"{self.root}: {CARD} lists the path {pattern!r}, which is not one of files in the folder"
            )
        try:
            paths = self.fs.glob(f"{self.root}/{pattern}") if self.fs else Path(self.root).glob(str(pattern))
            found = sorted(map(str, paths))
        # Two stars within a name, or a name that is too long.
        except (ValueError, OSError) as error:
            if self.fs is not None and isinstance(error, OSError):
                raise
            raise SARChatError(
                f"{self.root}: {CARD} lists the path {pattern!r}: {error}; rebuild the folder"
            ) from error
        if not found:
            raise SARChatError(f"{self.root}: {pattern} is listed in {CARD}, but missing; rebuild the folder")
        if self.fs is None:
            require_inside(Path(self.root), *map(Path, found))
        return [ParquetPart(path, self.fs) for path in found]


class Build(Records):
    """A built folder, or the part of one.

    Attributes:
        configs: the Parquet files by config and split, in the order of their rows.
    """

    def __init__(
        self,
        location: str,
        configs: _Configs,
        info: CorpusInfo,
        version: str | None = None,
        place: Place | None = None,
    ) -> None:
        """Set the files; `place` is their folder, which only the fingerprint needs."""
        super().__init__(location, {task: tuple(configs[task]) for task in TASKS if task in configs}, info, version)
        self.configs = configs
        self._place = place or Place(location)
        self._known: dict[str, frozenset[ImageKey]] = {}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the Parquet files' checksums if the folder has them, otherwise of their names and sizes."""
        text = self._place.read_text(SUMS)
        try:
            sums = parse_checksums(text) if text else self._list_sizes()
        except ValueError as error:
            raise SARChatError(f"{self.location}, {SUMS}: {error}; rebuild the folder") from error
        lines = sorted(f"{value}  {path}\n" for path, value in sums.items() if path.endswith(".parquet"))
        return hash_text("".join(lines))

    def _list_sizes(self) -> dict[str, int]:
        parts = [part for task in self.tasks for split in self.splits(task) for part in self._parts(task, split)]
        return {part.path[len(self._place.root) :].lstrip("/"): part.size for part in parts}

    def _parts(self, config: str, split: str) -> list[ParquetPart]:
        return [part for task in self.select(config, split) for part in self.configs[task][split]]

    def read_text(self, name: str) -> str | None:
        """Return the text of one of the build's small files; see `Records.read_text`."""
        return self._place.read_text(name)

    def count(self, config: str, split: str) -> int:
        """Return the number of records of a split, from the files' footers."""
        return sum(part.footer.num_rows for part in self._parts(config, split))

    def rows(
        self, config: str, split: str, keep: Container[str] | None = None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a split in order; see `Records.rows`."""
        parts = self._parts(config, split)
        known = self._known_images(split) if "image" in columns else ()
        for part in parts:
            yield from read_rows(part, columns, keep, known)

    def _known_images(self, split: str) -> frozenset[ImageKey]:
        """Return the keys that tell images apart: those of exactly one record of the task with the fewest per image.

        So the other tasks' copies of an image need not be read.
        """
        if split not in self._known:
            task = next(task for task in fewest_records_first() if self.has(task, split))
            self._known[split] = find_single_records(self.configs[task][split])
        return self._known[split]

    def batches(
        self, config: str, split: str, columns: Sequence[str], rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of a split's records in order; see `Records.batches`."""
        for part in self._parts(config, split):
            with part.open() as file:
                require_columns(file.schema_arrow, part.path, columns)
                for batch in file.iter_batches(rows, columns=list(columns)):
                    require_values(batch, part.path, file.metadata)
                    yield batch

    def sample(
        self, config: str, split: str, columns: Sequence[str], groups: int, rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the first `rows` rows of up to `groups` row groups that are spread evenly over a split."""
        places = [(part, group) for part in self._parts(config, split) for group in range(part.footer.num_row_groups)]
        for number in range(min(groups, len(places))):
            part, group = places[number * len(places) // min(groups, len(places))]
            with part.open() as file:
                yield next(file.iter_batches(rows, row_groups=[group], columns=list(columns)))

    def record(self, config: str, split: str, index: int) -> dict[str, Any]:
        """Return one record by its index; only its row group is read. See `Records.record`."""
        left = index
        for part in self._parts(config, split):
            rows = part.footer.num_rows
            if 0 <= left < rows:
                return read_row(part, left)
            left -= rows
        return self._refuse_index(config, split, index)


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
    """Open a built folder of this machine by the `configs` in its card, which `load_dataset` uses too.

    Raises:
        SARChatError: if the folder does not exist, is not a build, or lacks a file.
    """
    require_folder(folder, "build")
    build = find_build(str(folder), Place(str(folder)))
    if build is None:
        raise SARChatError(f"{folder}: no {CARD}, or no list of configs in it; create a build with `sarchat build`")
    return build


def find_build(location: str, place: Place) -> Build | None:
    """Open the build in a folder; return `None` if it has no card that lists configs.

    Args:
        location: what the user calls it.
        place: the folder.

    Raises:
        SARChatError: if a file is missing or is not what this package writes, or there is no config of a task.
    """
    card = place.read(CARD)
    try:
        patterns = parse_configs((card or b"").decode("utf-8", "replace"))
    except ValueError:
        return None
    # Only now is it known to be a build's: a corpus may have any card.
    place.read_text(CARD)
    configs = {
        config: {split: [part for path in paths for part in place.find(path)] for split, paths in splits.items()}
        for config, splits in patterns.items()
    }
    build = Build(location, configs, *_read_info(place, location), place)
    if not build.tasks:
        raise SARChatError(
            f"{location} has no config of a SARChat task; expected {', '.join(TASKS)}, found {', '.join(configs)}"
        )
    return build


def _read_info(place: Place, location: str) -> tuple[CorpusInfo, str | None]:
    """Return what the corpus is about and the version, as `build.json` says.

    A folder without one is of an older version, which built SARDet-100K alone.
    """
    try:
        content = load_json(place.read_text(BUILD_INFO) or "{}")
    except ValueError as error:
        raise SARChatError(f"{location}: {BUILD_INFO} is not valid JSON: {error}; rebuild the folder") from error
    entries = content if isinstance(content, dict) else {}
    corpus, version = entries.get("corpus"), entries.get("version")
    info = known_corpus(DEFAULT) if corpus is None else parse_info(corpus, f"{location}: {BUILD_INFO}")
    return info, version if isinstance(version, str) else None


@lru_cache(maxsize=8)
def parse_configs(card: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Parse the `configs` in the YAML of a card's text, which takes most of the time of opening a build.

    Returns:
        The paths or patterns of the files of each split, by config and split.

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


@dataclass(frozen=True)
class ParquetFile:
    """One Parquet file of a task and split, as the card and the checksums describe it.

    Attributes:
        task: the task.
        split: the split.
        path: its path.
        rows: the number of records.
        dense_bytes: its size when read back, each row with its own copy of its image.
        file_bytes: its size on disk.
        sha256: its checksum, hexadecimal.
    """

    task: str
    split: str
    path: Path
    rows: int
    dense_bytes: int
    file_bytes: int
    sha256: str


def arrange(shards: Iterable[ParquetFile], info: CorpusInfo) -> Build:
    """Return the build, or the part of one, that consists of these Parquet files; it needs no card."""
    configs: dict[str, dict[str, list[ParquetPart]]] = {}
    for shard in shards:
        configs.setdefault(shard.task, {}).setdefault(shard.split, []).append(ParquetPart(str(shard.path)))
    return Build("", configs, info)


def _stays_inside(pattern: object) -> bool:
    if not isinstance(pattern, str) or not pattern.isprintable():
        return False
    path = PurePath(pattern)
    # The time for several "**" grows with a power of the depth of the folder.
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and path.parts.count("**") < 2
