"""The questions of a split with their images, in the order of the requests."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from builders.core.checksums import hash_bytes, hash_file
from builders.core.errors import SARChatError
from builders.core.schema import asks_for_boxes
from builders.data.encoded_image import EncodedImage
from builders.data.records import Records
from builders.notation.render import Phrasing
from builders.predict.images import encode_content

_COLUMNS = ("id", "image", "file_name", "width", "height", "messages")
# The image that a model sees with a question: that of the record, a grey one, or that of another record.
OWN, GREY, ANOTHER = IMAGES = ("own", "grey", "another")

# A record, and its task.
_TaskRow = tuple[str, dict[str, Any]]


class Question(NamedTuple):
    """The question about one record.

    Attributes:
        id: the record's id.
        text: the question, with boxes in the model's notation.
        image_name: the image's file name; questions about one image follow each other.
        image_url: the image as a `data:` URL, the same object for all questions about it; `None` if it cannot be read.
        fault: what is wrong with the image, if it cannot be read.
        image_hash: the hash of the image's file.
    """

    id: str
    text: str
    image_name: str
    image_url: str | None
    fault: str = ""
    image_hash: str = ""


def generate_questions(
    data: Records,
    tasks: Sequence[str],
    split: str,
    ids: Set[str],
    phrasing: Phrasing,
    images: str = OWN,
    answered: Set[str] = frozenset(),
) -> Iterator[Question]:
    """Yield the questions of the given tasks, grouped by image, so that each image is encoded once.

    Each is a request of its own: a model sees no other question about the image.

    Args:
        data: the data set.
        tasks: its tasks.
        split: the split.
        ids: the ids of the records to ask.
        phrasing: how questions are asked and boxes written.
        images: which image the model sees: the record's own, a grey one, or another one, resized to its size.
        answered: the ids of those among them that have an answer.

    Raises:
        SARChatError: if the data cannot be read, or there is only one image where another one is to be shown. An
            unreadable image is not an error, but noted in its questions.
    """
    # Where other images are shown, answered records are passed too, so that a run that is resumed shows the same ones.
    left = ids - answered
    passed = ids if images == ANOTHER else left
    streams = [zip(repeat(task), data.rows(task, split, passed, _COLUMNS), strict=False) for task in tasks]
    image: EncodedImage | None = None
    url: str | None = None
    fault = digest = ""
    # In a build, each task's records are sorted by file name; but different images may have the same name.
    rows = heapq.merge(*streams, key=lambda entry: entry[1]["file_name"])
    for task, row, shown in _with_others(rows, data) if images == ANOTHER else _with_own(rows):
        if row["id"] not in left:
            continue
        size = row["width"], row["height"]
        if image is None or not _is_same(row["image"], image):
            image, url, fault, digest = row["image"], None, "", ""
            try:
                content = image.read()
                digest = hash_bytes(content)
                if images == ANOTHER:
                    url = encode_content(shown.read(), shown.name, size=size)
                else:
                    url = encode_content(content, image.name, blind=images == GREY)
            except SARChatError as error:
                fault = str(error)
        text = phrasing.phrase(row["messages"][0]["content"], size, data.info, asks_for_boxes=asks_for_boxes(task))
        yield Question(row["id"], text, row["file_name"], url, fault, digest)


def _with_own(rows: Iterable[_TaskRow]) -> Iterator[tuple[str, dict[str, Any], EncodedImage]]:
    return ((task, row, row["image"]) for task, row in rows)


def _with_others(rows: Iterable[_TaskRow], data: Records) -> Iterator[tuple[str, dict[str, Any], EncodedImage]]:
    """Yield each row with the image before its own; those of the first image with the second."""
    first: list[_TaskRow] = []
    shown: EncodedImage | None = None
    own: EncodedImage | None = None
    for task, row in rows:
        if own is not None and not _is_same(row["image"], own):
            yield from ((*one, row["image"]) for one in first)
            first, shown = [], own
        own = row["image"]
        if shown is None:
            first.append((task, row))
        else:
            yield task, row, shown
    if first:
        raise SARChatError(f"{data.location} has questions about one image alone; there is no other one to show")


def _is_same(image: EncodedImage, last: EncodedImage) -> bool:
    if image is last or image.name != last.name:
        return image is last
    try:
        return image.key == last.key
    except SARChatError:
        # An unreadable image equals no other.
        return False


def check_images(data: Records, tasks: Sequence[str], split: str, asked: Mapping[str, str], answers: Path) -> None:
    """Check that the image files of records that were answered are still those that were sent.

    Only files of this machine are read: of a corpus in a folder, or of a build without embedded images. The fingerprint
    of the data covers all other images, except those of a corpus in a folder at a URL.

    Args:
        data: the data set.
        tasks: its tasks.
        split: the split.
        asked: by the id of each answered record the hash of the image that was sent; empty if it is unknown.
        answers: the file of answers, for the message.

    Raises:
        SARChatError: if one has other content.
    """
    if not asked or not os.path.exists(Path(data.location).expanduser()):
        return
    rows = (row for task in tasks for row in data.rows(task, split, asked, ("id", "image")))
    found: dict[str, str] = {}
    for row in tqdm(rows, desc="Checking images", unit=" records", delay=1, disable=None):
        path = row["image"].path
        if path is None:
            return
        if path not in found:
            # The question about a missing file fails anyway.
            found[path] = hash_file(Path(path)) if os.path.isfile(path) else ""
        if found[path] != asked[row["id"]] and found[path] and asked[row["id"]]:
            raise SARChatError(
                f"{path} is not the image that record {row['id']} in {answers} was asked with; choose another --out, "
                "or restore the image"
            )
