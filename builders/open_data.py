"""The argument DATA of commands: one interface to a built folder, a data set on the Hub, or SARDet-100K."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from builders.corpus.sardet import Corpus, find_corpus
from builders.corpus.source import join
from builders.corpus_info import CorpusInfo
from builders.digests import hash_text
from builders.encoded_image import EncodedImage
from builders.errors import SARChatError, near
from builders.folder.checksums import SUMS, parse_checksums
from builders.folder.reader import BUILD_INFO, CARD, has_configs, info_of_build, open_build, parse_configs
from builders.folder.rows import ImageKey, ParquetPart, find_single_records, read_rows
from builders.folder.subset import choose_subset
from builders.inside import require_inside
from builders.live import make_example, open_split
from builders.records.tasks import generate_records
from builders.records.templating import Chooser
from builders.resources import load_json
from builders.schema import ALL, COLUMNS, TASKS, fewest_records_first

# A repo id on the Hub, with or without a revision.
REPO_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


class OpenData(ABC):
    """A data set whose records can be read task by task, in order.

    Attributes:
        location: the path, URL or repo id that the user gave.
        tasks: its tasks, in the order of the records of `all`.
        info: what its corpus is about.
        version: the version of the data set, if known.
    """

    def __init__(self, location: str, tasks: Sequence[str], info: CorpusInfo, version: str | None = None) -> None:
        """Set the properties that are known without reading a record."""
        self.location = location
        self.info = info
        self.tasks = tuple(tasks)
        self.version = version

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes with the records and the images."""

    @abstractmethod
    def splits(self, task: str) -> tuple[str, ...]:
        """Return the splits of a task."""

    @abstractmethod
    def count(self, task: str, split: str) -> int | None:
        """Return the number of records of a task's split, or `None` if it is unknown before they are generated."""

    @abstractmethod
    def rows(
        self, task: str, split: str, keep: Container[str] | None = None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a split of a task in order.

        Args:
            task: one of `tasks`.
            split: one of `splits(task)`.
            keep: the ids of the records to yield; all if `None`.
            columns: the columns of each dict.

        Yields:
            A dict. Its `image` is an `EncodedImage`, the same object for consecutive records of one image, so an
            image is read once if `read` is called once per object. Otherwise no image is read or decoded.

        Raises:
            SARChatError: if a file cannot be read.
        """

    def select(self, config: str, split: str) -> tuple[str, ...]:
        """Return the tasks of a config that have a split.

        Raises:
            SARChatError: if the config does not exist or has no such split.
        """
        if config != ALL and config not in self.tasks:
            known = (ALL, *self.tasks)
            raise SARChatError(
                f"{self.location} has no config {config!r}{near(config, known)}; it has {', '.join(known)}"
            )
        among = self.tasks if config == ALL else (config,)
        tasks = tuple(task for task in among if split in self.splits(task))
        if not tasks:
            splits = dict.fromkeys(name for task in among for name in self.splits(task))
            raise SARChatError(
                f"{self.location}: config {config} has no split {split!r}{near(split, splits)}; "
                f"it has {', '.join(splits) or 'none'}"
            )
        return tasks

    def subset(self, tasks: Sequence[str], split: str, limit: int | None) -> frozenset[str] | None:
        """Choose the ids of `--limit`, that many records per sub-score; see `choose_subset`.

        Returns:
            The ids, or `None` for all records if there is no limit.
        """
        if limit is None:
            return None
        rows = (row for task in tasks for row in self.rows(task, split, columns=("id", "task", "scenario")))
        return choose_subset(((row["id"], row["task"], row["scenario"]) for row in rows), limit)


class ParquetData(OpenData):
    """A folder that `sarchat build` wrote, local or remote."""

    def __init__(
        self,
        location: str,
        files: Mapping[str, Mapping[str, Sequence[str]]],
        root: str,
        fs: AbstractFileSystem | None = None,
    ) -> None:
        """Set the files of each config and split, their top folder, and the file system if it is remote."""
        self._parts = {
            task: {split: [ParquetPart(path, fs) for path in paths] for split, paths in files[task].items()}
            for task in TASKS
            if task in files
        }
        self._known: dict[str, frozenset[ImageKey]] = {}
        self._root = root
        self._fs = fs
        text = self._read_text(BUILD_INFO)
        info = info_of_build(text, f"{location}: {BUILD_INFO}")
        super().__init__(location, tuple(self._parts), info, _read_version(text))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the Parquet files' checksums if the folder has them, otherwise of their names and sizes."""
        text = self._read_text(SUMS)
        try:
            sums = parse_checksums(text) if text else self._list_sizes()
        except ValueError as error:
            raise SARChatError(f"{self.location}, {SUMS}: {error}; rebuild the folder") from error
        lines = sorted(f"{value}  {path}\n" for path, value in sums.items() if path.endswith(".parquet"))
        return hash_text("".join(lines))

    def splits(self, task: str) -> tuple[str, ...]:
        """Return the splits of a task."""
        return tuple(self._parts[task])

    def count(self, task: str, split: str) -> int:
        """Return the number of records of a split of a task, from the files' footers."""
        total = 0
        for part in self._parts[task][split]:
            with part.open() as file:
                total += file.metadata.num_rows
        return total

    def rows(
        self, task: str, split: str, keep: Container[str] | None = None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a split of a task in order; see `OpenData.rows`."""
        known = self._known_images(split) if "image" in columns else ()
        for part in self._parts[task][split]:
            yield from read_rows(part, columns, keep, known)

    def _known_images(self, split: str) -> frozenset[ImageKey]:
        """Return the keys that tell images apart: those of exactly one record of the task with the fewest per image.

        So the other tasks' copies of an image need not be read.
        """
        if split not in self._known:
            parts = next(
                self._parts[task][split] for task in fewest_records_first() if split in self._parts.get(task, ())
            )
            self._known[split] = find_single_records(parts)
        return self._known[split]

    def _read_text(self, name: str) -> str | None:
        path = f"{self._root}/{name}"
        try:
            if self._fs is not None:
                return self._fs.cat_file(path).decode("utf-8")
            require_inside(Path(self._root), Path(path))
            return Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise SARChatError(f"{path} is not UTF-8: {error.reason}; rebuild the folder") from error

    def _list_sizes(self) -> dict[str, int]:
        parts = [part for splits in self._parts.values() for parts in splits.values() for part in parts]
        sizes = {}
        for part in parts:
            size = Path(part.path).stat().st_size if self._fs is None else self._fs.size(part.path)
            sizes[part.path[len(self._root) :].lstrip("/")] = size
        return sizes


class LiveData(OpenData):
    """SARDet-100K in a folder, a zip or at a URL, whose records are generated when they are read, with seed 0."""

    def __init__(self, location: str, corpus: Corpus) -> None:
        """Set the corpus."""
        super().__init__(location, tuple(TASKS), corpus.info)
        self._corpus = corpus

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the corpus."""
        return self._corpus.fingerprint()

    def splits(self, task: str) -> tuple[str, ...]:
        """Return the splits of the corpus."""
        return self._corpus.splits

    def count(self, task: str, split: str) -> None:
        """Return `None`: the number is unknown before the records are generated."""

    def rows(
        self, task: str, split: str, keep: Container[str] | None = None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a split of a task in order; see `OpenData.rows`."""
        opened = open_split(self.location, self._corpus.stamp(), split)
        chooser = Chooser(0, opened.corpus.info)
        for image in opened.images():
            stored = _refer_to_image(opened.corpus, opened.folder, image.file_name)
            for record in generate_records(task, split, image, chooser):
                if keep is None or record.id in keep:
                    row = make_example(record, task, image, stored)
                    yield {name: row[name] for name in columns}


def open_data(location: str) -> OpenData:
    """Open the argument DATA of a command.

    Args:
        location: a folder of `sarchat build`, or a URL of one; a data set on the Hub as `OWNER/NAME` or
            `OWNER/NAME@REVISION`; SARDet-100K as a folder, a zip or a URL.

    Raises:
        SARChatError: if it is none of these; the message lists what was tried.
    """
    path = Path(location).expanduser()
    if "://" in location:
        is_zip = location.partition("?")[0].endswith(".zip")
        return (None if is_zip else _open_remote(location, location)) or _open_corpus(location)
    if has_configs(path):
        build = open_build(path)
        files = {
            config: {split: list(map(str, paths)) for split, paths in splits.items()}
            for config, splits in build.configs.items()
        }
        return _require_tasks(ParquetData(location, files, str(path)), files)
    if path.exists():
        return _open_corpus(location)
    if REPO_ID.fullmatch(location):
        return _open_hub(location)
    raise SARChatError(
        f"{location}: no such file or folder; give a folder of `sarchat build`, SARDet-100K (folder, zip or URL), or a "
        "data set on the Hub as OWNER/NAME"
    )


def _open_hub(repo_id: str) -> OpenData:
    data = _open_remote(f"hf://datasets/{repo_id}", repo_id)
    if data is None:
        raise SARChatError(
            f"{repo_id}: no such file or folder, and no data set on the Hub with a {CARD} that lists configs; check "
            "the name, and log in with `hf auth login` if it is private"
        )
    return data


def _open_remote(url: str, location: str) -> ParquetData | None:
    """Open a remote build; return `None` if there is no card with configs."""
    try:
        fs, root = url_to_fs(url)
        root = root.rstrip("/")
        if not fs.isfile(f"{root}/{CARD}"):
            return None
        files = _list_remote(fs, root, fs.cat_file(f"{root}/{CARD}").decode("utf-8"))
        data = None if files is None else ParquetData(location, files, root, fs)
    except Exception as error:
        # Remote file systems raise errors without a common class.
        raise SARChatError(f"cannot open {location}: {type(error).__name__}: {error}") from error
    return data and _require_tasks(data, files or ())


def _list_remote(fs: AbstractFileSystem, root: str, card: str) -> dict[str, dict[str, list[str]]] | None:
    """Return the files of a remote build by config and split, or `None` if its card lists no configs."""
    try:
        configs = parse_configs(card)
    except ValueError:
        return None
    files: dict[str, dict[str, list[str]]] = {}
    for config, splits in configs.items():
        for split, patterns in splits.items():
            found = [path for pattern in patterns for path in sorted(fs.glob(f"{root}/{pattern}"))]
            files.setdefault(config, {})[split] = found
    return files


def _open_corpus(location: str) -> LiveData:
    try:
        return LiveData(location, find_corpus(location))
    except SARChatError as error:
        raise SARChatError(f"neither a build (no {CARD} with configs) nor SARDet-100K: {error}") from error


def _require_tasks(data: ParquetData, configs: Iterable[str]) -> ParquetData:
    if not data.tasks:
        raise SARChatError(
            f"{data.location} has no config of a SARChat task; expected {', '.join(TASKS)}, found {', '.join(configs)}"
        )
    return data


def _read_version(info: str | None) -> str | None:
    try:
        version = load_json(info or "{}").get("version")
    except (ValueError, AttributeError):
        return None
    return version if isinstance(version, str) else None


def _refer_to_image(corpus: Corpus, folder: str, name: str) -> EncodedImage:
    relative = join(folder, name)
    path = corpus.source.path(relative) if corpus.source.is_local_folder else None
    return EncodedImage(name, lambda: corpus.source.read(relative), path, relative)
