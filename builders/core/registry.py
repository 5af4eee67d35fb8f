"""Named things that other packages can add to, such as box formats, trainers and engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from builders.core.errors import SARChatError, check_name

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """The included entries by name, and those of installed packages, found by their entry points.

    An included entry comes before one of the same name elsewhere; one that is an entry point itself is imported when it
    is used. Packages are looked through only if a name is not included, or all are listed: that takes tens of
    milliseconds.

    Attributes:
        kind: what an entry is, for messages, such as `engine`.
        included: the entries of this package, in order.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        included: Mapping[str, T | EntryPoint],
        make: Callable[[str, Any], T] = lambda name, value: value,
    ) -> None:
        """Set the entries.

        Args:
            kind: see above.
            group: the group of the entry points, such as `sarchat.engines`.
            included: see above.
            make: turns the name and the object of an entry point into an entry.
        """
        self.kind, self.included = kind, dict(included)
        self._group, self._make = group, make
        self._loaded: dict[str, T] = {}

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        points = sorted(entry_points(group=self._group), key=lambda point: (point.name, point.value))
        return {point.name: point for point in reversed(points) if point.name not in self.included}

    def __getitem__(self, name: str) -> T:
        """Return an entry.

        Raises:
            SARChatError: if there is none of this name, or its package cannot be loaded.
        """
        if name in self.included:
            entry = self.included[name]
            return entry.load() if isinstance(entry, EntryPoint) else entry
        check_name(self.kind, name, tuple(self))
        if name not in self._loaded:
            point = self._points[name]
            try:
                self._loaded[name] = self._make(name, point.load())
            except Exception as error:
                # It runs another package's code.
                raise SARChatError(
                    f"the {self.kind} {name!r} of {point.value} cannot be loaded: {type(error).__name__}: {error}"
                ) from error
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        """Return whether there is an entry of a name; none is loaded."""
        return name in self.included or name in self._points

    def __iter__(self) -> Iterator[str]:
        """Yield all names, the included ones first."""
        return iter([*self.included, *sorted(self._points)])

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.included) + len(self._points)
