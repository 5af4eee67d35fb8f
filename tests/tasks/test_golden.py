"""The records of a tiny corpus, word by word, so that no wording changes unseen.

After an intended change, `pytest tests/tasks/test_golden.py --update-golden` writes the files; review the diff.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpora import NAMES, Picture, live_records, write_corpus
from oracle import TASKS

GOLDEN = Path(__file__).parent / "golden"
PICTURES = {
    "train": [
        Picture("0000001.png", 512, 512, [("ship", 251, 265, 72, 77), ("ship", 185, 276, 71, 79)]),
        Picture("0000002.png", 256, 256, [("aircraft", 90.25, 100.5, 80, 60.75)]),
        Picture("0000003.png", 300, 400, [(name, 40 * i, 60 * i, 30 + 9 * i, 80) for i, name in enumerate(NAMES)]),
    ],
    "val": [Picture("0000004.png", 200, 100, [("bridge", 0, 40, 200, 12), ("car", 95, 41, 10, 10)])],
    "test": [Picture("0000005.png", 240, 240, [("harbor", -9, -9, 250, 250), ("tank", 230.6, 5.2, 20, 0.3)])],
}


def format_records(task: str, folder: Path) -> str:
    """Return a task's records of the corpus as JSON lines."""
    corpus = write_corpus(folder, PICTURES)
    lines = []
    for split in ("train", "validation", "test"):
        for record in live_records(corpus, split, [task]):
            del record["image"]
            lines.append(json.dumps(record) + "\n")
    return "".join(lines)


@pytest.mark.parametrize("task", TASKS)
def test_records_read_as_they_did(tmp_path, task, request):
    golden = GOLDEN / f"{task}.jsonl"
    records = format_records(task, tmp_path)
    if request.config.getoption("update_golden"):
        golden.write_text(records)
    assert records.splitlines() == golden.read_text().splitlines()
