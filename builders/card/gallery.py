"""The pictures of a build's card: which there are, what they show, and drawing them if matplotlib is there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from builders.analysis.statistics import count_boxes
from builders.analysis.target_table import TargetTable, read_targets
from builders.folder.reader import Build
from builders.schema import TASKS

_LOG = logging.getLogger(__name__)
FOLDER = "pictures"
NEEDS_MATPLOTLIB = "matplotlib is not installed: pip install 'sarchat-bench[pictures]'"


class GalleryPicture(NamedTuple):
    """A picture of the card: its file in the build, and what to say of it to those who do not see it."""

    path: str
    caption: str


def draw_gallery(build: Build, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, GalleryPicture]:
    """Draw a build's pictures into its folder `pictures`; without matplotlib, say so on stderr and draw none.

    Args:
        build: the build; only its columns without images are read.
        examples: a record with its image for each task.

    Returns:
        The pictures, by name; those for which no task tells of every target are left out.
    """
    try:
        from builders.figures import bars, heatmaps, panels, stacked_bars, style
    except ImportError:
        _LOG.warning("The card has no pictures; %s", NEEDS_MATPLOTLIB)
        return {}
    splits = build.splits
    tables = {split: table for split in splits if (table := read_targets(build, split))}
    gallery = {}
    (build.folder / FOLDER).mkdir()
    with style.styled():

        def keep(name: str, figure: Any, caption: str) -> None:  # noqa: ANN401
            style.save(figure, build.folder / FOLDER / f"{name}.png")
            gallery[name] = GalleryPicture(f"{FOLDER}/{name}.png", caption)

        keep("examples", panels.draw_panels(examples), "An example of each task: image, boxes, question and answer")
        keep("records", bars.draw_bars(_count_records(build, splits), "records"), "Records a task in each split")
        if tables:
            boxes = {split: count_boxes(table) for split, table in tables.items()}
            every = TargetTable(*map(np.concatenate, zip(*tables.values(), strict=True)))
            keep("categories", bars.draw_bars(boxes, "boxes"), "Boxes a category in each split")
            keep("shapes", stacked_bars.draw_shares(every), "Shapes and sizes of the targets of each category")
            keep("positions", heatmaps.draw_positions(every), "Where the targets of each category lie in their images")
    return gallery


def _count_records(build: Build, splits: list[str]) -> dict[str, dict[str, int]]:
    tasks = [task for task in TASKS if task in build.configs]
    return {
        split: {task: build.count(task, split) if split in build.configs[task] else 0 for task in tasks}
        for split in splits
    }
