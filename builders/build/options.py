"""Options of a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from builders.build.engines import ENGINES
from builders.core.errors import SARChatError, check_name
from builders.core.schema import IDENTIFICATIONS, SPLITS, TASKS, split_name
from builders.tasks.templating import MOST_WORDINGS


@dataclass(frozen=True)
class BuildOptions:
    """Options of a build. The first six and `wordings` determine what is written, the others only how.

    Attributes:
        tasks: the tasks to build; all if empty.
        splits: the splits to build; all splits of the corpus if empty.
        seed: the seed for the choice of wordings.
        identifications: the most identifications that a dialogue has.
        embed: whether to store the images' bytes; otherwise their paths, for use on this machine only.
        sample: whether the corpus is the synthetic sample, which the card then states.
        pictures: whether to draw the card's pictures.
        num_proc: the number of processes; `None` for what suits the engine, which is 1 for `processes`.
        engine: what does the work, one of `builders.build.engines.ENGINES`.
        address: the cluster to work on, for an engine that has one.
        check_images: whether to decode every image instead of only comparing its header with its annotation.
        wordings: by split, the number of wordings of each record, if it is to be asked in more than one.
        max_records_per_image: the maximum number of records per task and image; n targets give n^2 records of
            identification.

    Raises:
        SARChatError: if a value is unknown or out of range, or the engine cannot be used.
    """

    tasks: Sequence[str] = ()
    splits: Sequence[str] = ()
    seed: int = 0
    identifications: int = IDENTIFICATIONS
    embed: bool = True
    sample: bool = False
    pictures: bool = True
    num_proc: int | None = None
    engine: str = "processes"
    address: str | None = None
    check_images: bool = False
    max_records_per_image: int = 250_000
    wordings: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values and sort tasks and splits."""
        object.__setattr__(self, "tasks", _in_order("task", self.tasks or TASKS, TASKS))
        object.__setattr__(self, "splits", _in_order("split", list(map(split_name, self.splits)), tuple(SPLITS)))
        ENGINES[self.engine].check(self.address)
        if self.num_proc is not None and self.num_proc < 1:
            raise SARChatError(f"the number of processes must be 1 or more, but got {self.num_proc}")
        for split, number in self.wordings.items():
            check_name("split", split, tuple(SPLITS))
            if not 2 <= number <= MOST_WORDINGS:
                raise SARChatError(f"the number of wordings must be from 2 to {MOST_WORDINGS}, but got {number}")
        if self.identifications < 0:
            raise SARChatError(f"the number of identifications must be 0 or more, but got {self.identifications}")
        if self.max_records_per_image < 1:
            raise SARChatError(
                f"the maximum number of records per image must be 1 or more, but got {self.max_records_per_image}"
            )

    @property
    def is_alone(self) -> bool:
        """Whether one process does all the work."""
        return self.engine == "processes" and self.num_proc in (None, 1)

    def content(self) -> dict[str, Any]:
        """Return the options that determine the records, as listed in `build.json`."""
        options = asdict(self)
        content = {name: options[name] for name in ("tasks", "splits", "seed", "identifications", "embed")}
        return content | ({"wordings": options["wordings"]} if self.wordings else {})


def _in_order(kind: str, chosen: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for name in chosen:
        check_name(kind, name, known)
    return tuple(name for name in known if name in chosen)
