"""DOTA's text: a file per image, and in each line four corners, a category and whether the object is difficult."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builders.corpus.entries import short
from builders.corpus.label_folder import FolderLabels, LabelFile, find_layouts, read_lines, read_number
from builders.corpus.label_formats import Candidate, Fault, Faults, fault_options, quadrilateral
from builders.corpus.source import Source

ABOUT = "DOTA text: x1 y1 x2 y2 x3 y3 x4 y4 category difficult"
OPTIONS = fault_options(Fault.UNFIT_ROWS, Fault.LABELS_WITHOUT_IMAGE, Fault.IMAGES_WITHOUT_LABEL)
_HEADERS = ("imagesource:", "gsd:", "acquisition dates:")


@dataclass(frozen=True)
class DotaLabels(FolderLabels):
    """A folder with a text file per image."""

    def parse(
        self, content: bytes, place: str, size: tuple[int, int] | None, corners: bool, faults: Faults
    ) -> LabelFile:
        """Read a file; see `FolderLabels.parse`."""
        parsed = LabelFile()
        for number, line in read_lines(content, place):
            if line.lower().startswith(_HEADERS):
                continue
            fields = line.split()
            numbers: Any = [read_number(text) for text in fields[:8]]
            difficult = read_number(fields[9]) if len(fields) == 10 else 0.0
            if len(fields) not in (9, 10) or None in numbers or difficult is None:
                faults.add(Fault.UNFIT_ROWS, f"{place}, line {number}: {short(line)}")
            else:
                parsed.boxes.append((fields[8], quadrilateral(tuple(numbers), difficult=difficult != 0)))
        return parsed


open_labels = DotaLabels.open


def find(top: Source) -> list[Candidate]:
    """Return the corpora in any of the known layouts; errors as in `Format.find`."""
    return find_layouts(top, "dota", DotaLabels.ending)
