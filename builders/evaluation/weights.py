"""The weights of Eq. 4: the tasks' numbers of records, of one's own test set or of the published one."""

from __future__ import annotations

from collections.abc import Mapping

from builders.analysis.paper import read_test_sizes
from builders.errors import SARChatError, check_name

OWN, PUBLISHED = "own", "published"
WEIGHTS = (OWN, PUBLISHED)
# A task's test set counts as one of the published size from 80 % of its records to 125 %.
_NARROWEST, _WIDEST = 0.8, 1.25


def choose_sizes(weights: str, own: Mapping[str, int]) -> dict[str, int]:
    """Return the number of records by which each task is weighted: its own, or that of the published test set.

    Raises:
        SARChatError: if the name is unknown, or the published sizes are wanted but not all six tasks were scored.
    """
    check_name("weights", weights, WEIGHTS)
    if weights == OWN:
        return dict(own)
    published = read_test_sizes()
    if missing := [task for task in published if task not in own]:
        raise SARChatError(
            f"the published weights need the scores of all six tasks, but {', '.join(missing)} is missing; choose "
            f"--weights {OWN}"
        )
    return published


def is_published_size(sizes: Mapping[str, int]) -> bool:
    """Return whether a test set has about as many records of each task as the published one."""
    published = read_test_sizes()
    return sizes.keys() == published.keys() and all(
        _NARROWEST <= sizes[task] / published[task] <= _WIDEST for task in published
    )


def describe_size(sizes: Mapping[str, int]) -> str:
    """Return why a test set cannot be compared with the published one, as a sentence."""
    published = read_test_sizes()
    missing = [task for task in published if task not in sizes]
    lacks = f", without {', '.join(missing)}" if missing else ""
    return (
        f"scored on {sum(sizes.values()):,} records{lacks}; the published test set has {sum(published.values()):,}, so "
        "the scores cannot be ranked among the published ones"
    )
