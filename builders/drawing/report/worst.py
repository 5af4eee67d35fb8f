"""The worst records of a model as pictures, one file each: `sarchat show --answers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from builders.core.errors import SARChatError
from builders.core.schema import COLUMNS
from builders.core.writing import check_outputs
from builders.drawing.figures import PICTURE_MARK
from builders.drawing.figures.record import default_name, show_record
from builders.drawing.report.examples import choose_worst
from builders.scoring.scored_records import JoinedAnswers


def draw_worst(joined: JoinedAnswers, number: int, out: Path) -> list[Path]:
    """Draw the records with the lowest scores; return the pictures, the worst first. Right records are not drawn.

    Args:
        joined: the answers and their records.
        number: how many pictures at most.
        out: the folder of the pictures, which is made if it is missing. A picture is named by its place and the
            record's id.

    Raises:
        SARChatError: the folder is a file, a picture would replace another file, or an image cannot be read.
        OSError: a picture cannot be written.
    """
    accuracies = np.array([record.accuracy for record in joined.score()])
    worst = choose_worst(list(joined.gold.records), accuracies, number)
    if out.exists() and not out.is_dir():
        raise SARChatError(f"--out {out} is a file; choose a folder for the pictures")
    out.mkdir(parents=True, exist_ok=True)
    digits = len(str(len(worst)))
    paths = {
        record_id: out / f"{place:0{digits}}-{Path(default_name(record_id)).stem}.png"
        for place, record_id in enumerate(worst, 1)
    }
    for path in paths.values():
        check_outputs({"--out": path}, [], {"--out": PICTURE_MARK})
    answers = {record.id: record.translation.text for record in joined.score(worst)}
    for record_id, row in joined.gold.read(set(worst), COLUMNS):
        show_record({**row, "id": record_id}, joined.gold.data.info, paths[record_id], answers[record_id])
    return list(paths.values())
