"""What a build is to hold and how it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from builders.errors import SARChatError
from builders.schema import SPLITS, TASKS


@dataclass(frozen=True)
class BuildOptions:
    """Options of a build. The first six decide what is written, the others only how.

    Attributes:
        tasks: the tasks to build; all six if empty.
        splits: the splits to build; all that the corpus has if empty.
        seed: chooses the wordings.
        embed: store the images' bytes; else the paths of their files, for use on this machine alone.
        sample: the corpus is the synthetic sample, and the card says so.
        pictures: draw the card's pictures.
        num_proc: the number of processes.
        check_images: decode every image, and not only compare its header with its annotation.
        max_records_per_image: the most records of one task and image; n targets give n^2 records of identification.

    Raises:
        SARChatError: a value is unknown or out of range.
    """

    tasks: Sequence[str] = ()
    splits: Sequence[str] = ()
    seed: int = 0
    embed: bool = True
    sample: bool = False
    pictures: bool = True
    num_proc: int = 1
    check_images: bool = False
    max_records_per_image: int = 250_000

    def __post_init__(self) -> None:
        """Check the values, and put tasks and splits in their order."""
        object.__setattr__(self, "tasks", _in_order("task", self.tasks or TASKS, TASKS))
        object.__setattr__(self, "splits", _in_order("split", self.splits, tuple(SPLITS)))
        if self.num_proc < 1:
            raise SARChatError(f"the number of processes must be 1 or more, but got {self.num_proc}")
        if self.max_records_per_image < 1:
            raise SARChatError(f"the most records per image must be 1 or more, but got {self.max_records_per_image}")

    def content(self) -> dict[str, Any]:
        """Return the options that decide what the records are, as `build.json` lists them."""
        options = asdict(self)
        return {name: options[name] for name in ("tasks", "splits", "seed", "embed")}


def _in_order(kind: str, chosen: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for name in chosen:
        if name not in known:
            raise SARChatError(f"unknown {kind} {name!r}; choose from {', '.join(known)}")
    return tuple(name for name in known if name in chosen)
