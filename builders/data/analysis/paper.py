"""Numbers from the paper (arXiv 2502.08168)."""

from __future__ import annotations

from typing import Any

from builders.core.resources import read_yaml
from builders.core.schema import IN_ALL


def read_paper_statistics() -> dict[str, Any]:
    """Read the paper's statistics of its data, by table, split and measure."""
    return read_yaml("paper/statistics.yaml", "dataset_card")


def read_test_sizes() -> dict[str, int]:
    """Return the number of records per task in the test set, the weights of Eq. 4, with the misprint corrected."""
    paper = read_paper_statistics()
    records = paper["records"]["test"] | paper["corrected_records"]["test"]
    return {task: records[task] for task in IN_ALL if task in records}
