"""What dialogues cost and give away, beside one question at a time: `dialogue.py FOLDER`, a build with both.

Rows and readings of images, characters of text, bytes of Parquet, and what `load_dataset` takes to make its cache; then
what a reader of the earlier turns alone scores on the later ones.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
from datasets import load_dataset

from builders.core.schema import IN_ALL
from builders.core.tables import format_table
from builders.data.open_data import open_data
from sarchat_metric import read_answer, score

DIALOGUE = "dialogue"
_TASK_OF = {"[count]": "counting", "[refer]": "referring", "[grounding]": "grounding", "[identify]": "identification"}
# One of 512 x 512 pixels, as Qwen2.5-VL sees it: (504 / 28) ** 2.
_IMAGE_TOKENS = 324


def costs(folder: Path) -> Iterator[list[object]]:
    """Yield the cost of the six tasks and of the dialogues."""
    for name, tasks in (("six tasks", IN_ALL), (DIALOGUE, (DIALOGUE,))):
        files = [path for task in tasks for path in sorted((folder / task).glob("train-*.parquet"))]
        tables = [pq.read_table(file, columns=["messages"]) for file in files]
        texts = [table["messages"].combine_chunks().flatten().field("content") for table in tables]
        with tempfile.TemporaryDirectory() as cache:
            start = time.process_time()
            load_dataset("parquet", data_files=[str(file) for file in files], split="train", cache_dir=cache)
            seconds = time.process_time() - start
            stored = sum(path.stat().st_size for path in Path(cache).rglob("*") if path.is_file())
        rows = sum(map(len, tables))
        characters = sum(len(text) for column in texts for text in column.to_pylist())
        megabytes = sum(file.stat().st_size for file in files) / 1e6
        turns = sum(map(len, texts)) // 2
        yield [name, rows, turns, rows * _IMAGE_TOKENS, characters, megabytes, stored / 1e6, seconds]


def given_away(folder: Path) -> Iterator[list[object]]:
    """Yield the scores of answers that are copied from the earlier turns of each dialogue."""
    answers, references = [], []
    for row in open_data(str(folder)).rows(DIALOGUE, "test", columns=("messages", "scenario")):
        texts = [message["content"] for message in row["messages"]]
        turns = list(zip(texts[::2], texts[1::2], strict=True))
        for place, (question, answer) in enumerate(turns[1:], 1):
            task = _TASK_OF.get(question.partition(" ")[0], "description")
            answers.append(_copy(turns[:place], task, question))
            references.append({"task": task, "scenario": row["scenario"], "answer": answer})
    scores = score(answers, references)
    for key, value in scores.items():
        if isinstance(value, float):
            yield [key, f"{value:.1f}"]


def _copy(turns: list[tuple[str, str]], task: str, question: str) -> str:
    """Return the best answer that the earlier turns have words for."""
    named = read_answer(turns[0][1], "classification")["categories"]
    described = turns[1][1] if len(turns) > 1 and not turns[1][0].startswith("[") else ""
    if task == "grounding":
        return described
    if task == "counting":
        asked = read_answer(question, "classification")["categories"]
        told = [name for name, _ in read_answer(described, "description")["phrases"] if name in asked]
        return str(max(len(told), 1))
    if task == "identification":
        asked = [earlier for earlier, _ in turns if re.match(r"\[(count|refer)\]", earlier)]
        located = {name for earlier in asked for name in read_answer(earlier, "classification")["categories"]}
        return next(iter([name for name in named if name not in located] or named))
    return ""


def main() -> None:
    """Print both tables."""
    folder = Path(sys.argv[1])
    header = ["training split", "rows", "questions", "image tokens", "characters", "MB", "MB of cache", "CPU s to load"]
    rows = [[f"{cell:,.1f}" if isinstance(cell, float) else cell for cell in row] for row in costs(folder)]
    print(format_table(header, rows))
    print()
    print(format_table(["copied from earlier turns", "score"], given_away(folder)))


if __name__ == "__main__":
    main()
