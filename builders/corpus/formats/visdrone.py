"""VisDrone's own text: a file per image with lines x,y,width,height,score,category,truncation,occlusion in pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from builders.corpus.entries import short
from builders.corpus.label_folder import FolderLabels, LabelFile, find_layouts, read_lines, read_number
from builders.corpus.label_formats import Candidate, Fault, Faults, fault_options
from builders.corpus.source import Source
from builders.corpus.targets import RawBox

ABOUT = "VisDrone text: x,y,width,height,score,category,truncation,occlusion; boxes with score 0 are ignored"
OPTIONS = fault_options(*Fault)
_NAMES = (
    "ignored regions, pedestrian, people, bicycle, car, van, truck, tricycle, awning-tricycle, bus, motor, others"
).split(", ")

_ROW = re.compile(rb"\s*(-?[0-9.]+,){7}-?[0-9.]+,?\s")


@dataclass(frozen=True)
class VisDroneLabels(FolderLabels):
    """A folder with a text file per image."""

    def parse(
        self, content: bytes, place: str, size: tuple[int, int] | None, corners: bool, faults: Faults
    ) -> LabelFile:
        """Read a file; see `FolderLabels.parse`."""
        parsed = LabelFile()
        for number, line in read_lines(content, place):
            numbers: Any = [read_number(text) for text in line.rstrip(",").split(",")]
            if len(numbers) != 8 or None in numbers:
                faults.add(Fault.UNFIT_ROWS, f"{place}, line {number}: {short(line)}")
            elif numbers[5] not in range(len(_NAMES)):
                faults.add(Fault.UNDECLARED_CLASSES, f"{place}, line {number}: category {numbers[5]:g}")
            else:
                parsed.boxes.append((_NAMES[int(numbers[5])], RawBox(0, tuple(numbers[:4]), numbers[4] == 0)))
        return parsed


open_labels = VisDroneLabels.open


def find(top: Source) -> list[Candidate]:
    """Return the corpora in any of the known layouts whose files look like this format; errors as in `Format.find`."""
    return find_layouts(top, "visdrone", VisDroneLabels.ending, lambda start: _ROW.match(start) is not None)
