"""Counts of targets: coarse grids agree with the finest one, and parts add up to the whole."""

from __future__ import annotations

import numpy as np
import pytest
from built_fixture import sample_build
from oracle import NAMES

from builders.data.analysis.targets import TargetTable, add_counts, count_targets, read_targets
from builders.data.reader import open_build


@pytest.mark.parametrize("bins", [3, 12, 24, 48])
def test_coarser_grids_count_the_same_centres(bins):
    """Also of centres on the lines between bins."""
    edges = np.arange(97) / 96
    x, y = (side.ravel() for side in np.meshgrid(edges, edges))
    bbox = np.column_stack([x * 10 - 1, y * 10 - 1, np.full((len(x), 2), 2.0)])
    targets = TargetTable(np.zeros(len(x), int), bbox, np.full((len(x), 2), 10), np.full(len(x), 0.04))
    expected = np.zeros((bins, bins), int)
    for across, down in targets.center.tolist():
        expected[min(int(down * bins), bins - 1), min(int(across * bins), bins - 1)] += 1
    assert count_targets(targets, tuple(NAMES)).grid(0, bins).tolist() == expected.tolist()


def test_parts_add_up():
    targets = read_targets(open_build(sample_build()), "train")
    parts = [
        TargetTable(*(column[chosen] for column in targets)) for chosen in (slice(0, 1), slice(1, 20), slice(20, None))
    ]
    added_up = add_counts(count_targets(part, tuple(NAMES)) for part in parts)
    for added, counted in zip(added_up, count_targets(targets, tuple(NAMES)), strict=True):
        assert np.array_equal(added, counted)
