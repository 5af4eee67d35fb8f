"""The questions of a split with their images, in the order of the requests."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Sequence
from typing import Any, NamedTuple

from builders.box_formats.phrasing import Phrasing
from builders.errors import SARChatError
from builders.inference.images import encode_image
from builders.open_data import OpenData
from builders.schema import asks_for_boxes

_COLUMNS = ("id", "image", "file_name", "width", "height", "messages")


class Question(NamedTuple):
    """The question about one record.

    Attributes:
        id: the record's id.
        text: the question, with boxes in the model's notation.
        image_name: the image's file name; questions about one image follow each other.
        image_url: the image as a `data:` URL, the same object for all questions about it; `None` if it cannot be read.
        fault: what is wrong with the image, if it cannot be read.
    """

    id: str
    text: str
    image_name: str
    image_url: str | None
    fault: str = ""


class Remaining(Container[str]):
    """The ids that are still open: those of a subset or of all records, except the answered ones."""

    def __init__(self, subset: Container[str] | None, answered: Container[str]) -> None:
        """Set the subset (`None` means all records) and the answered ids."""
        self._subset = subset
        self._answered = answered

    def __contains__(self, record_id: object) -> bool:
        """Return whether a record is still open."""
        return (self._subset is None or record_id in self._subset) and record_id not in self._answered


def generate_questions(
    data: OpenData, tasks: Sequence[str], split: str, keep: Container[str], phrasing: Phrasing
) -> Iterator[Question]:
    """Yield the questions of the given tasks, grouped by image, so that each image is read and encoded once.

    Raises:
        SARChatError: if the data cannot be read. An unreadable image is not an error, but noted in its questions.
    """
    streams = [_name_task(task, data.rows(task, split, keep, _COLUMNS)) for task in tasks]
    # In a build, each task's records are sorted by file name.
    name: str | None = None
    url: str | None = None
    fault = ""
    for task, row in heapq.merge(*streams, key=_file_name):
        if row["file_name"] != name:
            name, url, fault = row["file_name"], None, ""
            try:
                url = encode_image(row["image"])
            except SARChatError as error:
                fault = str(error)
        text = phrasing.phrase(
            row["messages"][0]["content"], row["width"], row["height"], asks_for_boxes=asks_for_boxes(task)
        )
        yield Question(row["id"], text, row["file_name"], url, fault)


def _name_task(task: str, rows: Iterator[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in rows:
        yield task, row


def _file_name(entry: tuple[str, dict[str, Any]]) -> str:
    return entry[1]["file_name"]
