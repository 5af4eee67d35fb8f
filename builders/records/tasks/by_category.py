"""Grouping of an image's targets by category."""

from __future__ import annotations

from collections.abc import Sequence

from builders.corpus.targets import Target


def group_by_category(targets: Sequence[Target]) -> list[tuple[int, list[Target]]]:
    """Return the categories present, in the order of `CATEGORIES`, each with its targets in their original order."""
    groups: dict[int, list[Target]] = {}
    for target in targets:
        groups.setdefault(target.category, []).append(target)
    return sorted(groups.items())
