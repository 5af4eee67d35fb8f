"""The output of `make demo`: a record of each task, and the metric on the gold answers and on a noisy copy."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

from builders.errors import SARChatError
from builders.evaluation.scoring import read_references
from builders.folder.reader import open_build
from builders.schema import ALL, CATEGORIES, TASKS
from builders.tables import format_table
from sarchat_metric import score

_BOX = re.compile(r"\{<(\d+)><(\d+)><(\d+)><(\d+)>\}(?: \([a-z ]+\))?")
_CATEGORY = re.compile(rf"\b({'|'.join(CATEGORIES)})(s?)\b")
_SPLIT = "test"


def show_records(folder: Path) -> str:
    """Return the first conversation of each task."""
    build = open_build(folder)
    blocks = []
    for task in TASKS:
        batch = next(build.batches(task, _SPLIT, ["id", "messages"], rows=1))
        record = batch.to_pylist()[0]
        question, answer = (message["content"] for message in record["messages"])
        blocks.append(f"{record['id']}\n  user:      {question}\n  assistant: {answer}")
    return "\n\n".join(blocks)


def show_scores(folder: Path) -> str:
    """Score the gold answers and a noisy copy of them, and return both as a table."""
    records = dict(read_references(folder, ALL, _SPLIT))
    gold = [record["messages"][1]["content"] for record in records.values()]
    noisy = [add_noise(text, record_id) for text, record_id in zip(gold, records, strict=True)]
    for_gold, for_noisy = (score(answers, list(records.values())) for answers in (gold, noisy))
    rows = [
        [key, f"{value:.2f}", f"{for_noisy[key]:.2f}"] for key, value in for_gold.items() if isinstance(value, float)
    ]
    return format_table(["score", "gold", "noisy copy"], rows)


def add_noise(text: str, key: str) -> str:
    """Add noise keyed by `key`: boxes moved by up to 8 pixels, one in six dropped, one category in six changed."""
    draws = iter(range(sys.maxsize))

    def draw(options: int) -> int:
        digest = hashlib.blake2b(f"{key}/{next(draws)}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % options

    def change_box(match: re.Match[str]) -> str:
        if draw(6) == 0:
            return ""
        right, down = draw(17) - 8, draw(17) - 8
        x1, y1, x2, y2 = map(int, match.groups())
        moved = f"{{<{x1 + right}><{y1 + down}><{x2 + right}><{y2 + down}>}}"
        return moved + match[0][match[0].index("}") + 1 :]

    def change_category(match: re.Match[str]) -> str:
        return CATEGORIES[draw(len(CATEGORIES))] if draw(6) == 0 else match[0]

    return _CATEGORY.sub(change_category, _BOX.sub(change_box, text))


def main(folder: Path) -> None:
    """Print records and scores."""
    print(f"One record of each task ({_SPLIT}):\n\n{show_records(folder)}\n")
    print(f"The metric on the {_SPLIT} split, for the gold answers and for a noisy copy of them:\n")
    print(show_scores(folder))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except SARChatError as error:
        sys.exit(f"Error: {error}")
