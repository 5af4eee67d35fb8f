"""The argument DATA of commands: a built folder, a data set on the Hub, or SARDet-100K, all read in one way."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from builders.core.errors import SARChatError
from builders.core.processes import without_cycles
from builders.core.schema import COLUMNS, TASKS
from builders.core.storage import cannot_open, open_url
from builders.corpus.corpus import Corpus, find_corpus
from builders.corpus.source import join
from builders.corpus.targets import AnnotatedImage
from builders.data.encoded_image import EncodedImage
from builders.data.live import Shard, generate_groups, open_split
from builders.data.reader import CARD, Build, Place, find_build
from builders.data.records import Records
from builders.data.row_group import StoredImage, decode
from builders.data.rows import make_rows
from builders.tasks.registry import count_records
from builders.tasks.templating import Chooser

# A repo id on the Hub, with or without a revision.
REPO_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


class LiveRecords(Records):
    """SARDet-100K in a folder, a zip or at a URL, whose records are generated when they are read, with seed 0."""

    def __init__(self, location: str, corpus: Corpus) -> None:
        """Set the corpus."""
        super().__init__(location, dict.fromkeys(TASKS, corpus.splits), corpus.info)
        self._corpus = corpus

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the corpus."""
        return self._corpus.fingerprint()

    def count(self, config: str, split: str) -> int:
        """Return the number of records of a split, which takes a pass over its images' annotations."""
        tasks = self.select(config, split)
        images = open_split(self.location, self._corpus.stamp(), split).images()
        return sum(count_records(task, image) for image in images for task in tasks)

    def rows(
        self, config: str, split: str, keep: Container[str] | None = None, columns: Sequence[str] = COLUMNS
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a split in order; see `Records.rows`."""
        for task in self.select(config, split):
            opened = open_split(self.location, self._corpus.stamp(), split)
            image = lru_cache(maxsize=1)(partial(_refer_to_image, opened.corpus, opened.folder))
            images_of, chooser = partial(_images_of, image), Chooser(0, opened.corpus.info)
            groups = generate_groups(opened, split, chooser, [Shard(task, 0, 1)], _store_names)
            # Decoded, since a value of a dictionary would become a new object in each row, which takes longer.
            for table in without_cycles(decode(group.to_table()) for group in groups):
                if keep is not None:
                    table = table.filter(pa.array([name in keep for name in table["id"].to_pylist()], pa.bool_()))
                yield from make_rows(table, columns, images_of)


def _store_names(images: Sequence[AnnotatedImage]) -> Generator[StoredImage, None, None]:
    yield from (StoredImage(None, image.file_name) for image in images)


def _images_of(image: Callable[[str], EncodedImage], rows: pa.Table) -> list[EncodedImage]:
    return [image(name) for name in rows["file_name"].to_pylist()]


def open_data(location: str) -> Records:
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
    if path.exists():
        return find_build(location, Place(str(path))) or _open_corpus(location)
    if not REPO_ID.fullmatch(location):
        raise SARChatError(
            f"{location}: no such file or folder; give a folder of `sarchat build`, SARDet-100K (folder, zip or URL), "
            "or a data set on the Hub as OWNER/NAME"
        )
    data = _open_remote(f"hf://datasets/{location}", location)
    if data is None:
        raise SARChatError(
            f"{location}: no such file or folder, and no data set on the Hub with a {CARD} that lists configs; check "
            "the name, and log in with `hf auth login` if it is private"
        )
    return data


def _open_remote(url: str, location: str) -> Build | None:
    """Open a remote build; return `None` if there is no card with configs."""
    try:
        open_fs, root = open_url(url)
        return find_build(location, Place(root, open_fs()))
    except SARChatError:
        raise
    # Remote file systems raise errors without a common class.
    except Exception as error:
        raise cannot_open(location, error) from error


def _open_corpus(location: str) -> LiveRecords:
    try:
        return LiveRecords(location, find_corpus(location))
    except SARChatError as error:
        raise SARChatError(
            f"neither a build of `sarchat build` (no {CARD} with configs) nor SARDet-100K: {error}"
        ) from error


def _refer_to_image(corpus: Corpus, folder: str, name: str) -> EncodedImage:
    relative = join(folder, name)
    path = corpus.source.path(relative) if corpus.source.is_local_folder else None
    return EncodedImage(name, lambda: corpus.source.read(relative), path, relative)
