"""Engines: what runs the jobs of a build, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from importlib.metadata import EntryPoint
from typing import Protocol, TypeVar

from builders.core.registry import Registry

Job = TypeVar("Job")
Result = TypeVar("Result")
# Called by the work with the number of images finished since its last call; it may raise to end the work.
Advance = Callable[[int], object]


class Engine(Protocol):
    """A module with these two functions."""

    def check(self, address: str | None) -> None:
        """Check, before a build starts, that the engine can be used; nothing is started.

        Args:
            address: the address of the cluster; `None` for this machine.

        Raises:
            SARChatError: if what the engine needs is not installed, or no cluster of its kind has this address.
        """

    def run(
        self,
        work: Callable[[Job, Advance], Result],
        jobs: Sequence[Job],
        num_proc: int | None,
        address: str | None,
        advance: Advance,
    ) -> Generator[tuple[Job, Result], None, None]:
        """Run the jobs, in any order; closing the generator stops them all.

        Args:
            work: runs a job, possibly in another process on another machine: a function of a module, or anything else
                picklable. It may be repeated for a job whose worker was lost.
            jobs: the jobs, picklable, with nothing in them for the engine.
            num_proc: the number of jobs that run at a time; `None` for what suits the engine.
            address: see `check`.
            advance: called with the number of images finished, if the engine knows it before a job has finished.

        Yields:
            Each job with its result, as soon as it has finished.

        Raises:
            SARChatError: if a worker was lost for good; what the work raises is raised as it is.
        """


_GROUP = "sarchat.engines"
# By the name that `--engine` takes. Other packages add theirs as entry points of this group, as these are.
_MODULES = {"processes": "builders.build.processes", "ray": "builders.build.scale.ray_tasks"}
ENGINES: Registry[Engine] = Registry(
    "engine", _GROUP, {name: EntryPoint(name, module, _GROUP) for name, module in _MODULES.items()}
)
