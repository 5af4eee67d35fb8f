"""What dialogues cost and give away, beside one question at a time: `dialogue.py FOLDER`, a build with both.

Rows and readings of images, tokens, bytes of Parquet, and what `load_dataset` takes to make its cache; then what a
reader of the earlier turns alone scores on the later ones. Tokens are those of Qwen's tokenizer, which the packages
dashscope and tiktoken have; `dialogue.py FOLDER given-away` prints the second table alone and needs neither.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
from datasets import load_dataset

from builders.core.schema import IN_ALL
from builders.core.tables import format_table
from builders.data.open_data import open_data
from builders.export.recipe import resize_of
from sarchat_metric import BOX, SUB_SCORES, Categories, read_answer, score

DIALOGUE = "dialogue"
MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"
# Pixels of a side of what becomes one image token.
_TOKEN_SIDE = 28
# Tokens of a message that are not its text: start, role, end of line, end, end of line; and around an image.
_AROUND_TEXT, _AROUND_IMAGE = 5, 2
_TASK_OF = {"[count]": "counting", "[refer]": "referring", "[grounding]": "grounding", "[identify]": "identification"}

Turns = Sequence[tuple[str, str]]


def costs(folder: Path) -> Iterator[list[object]]:
    """Yield the cost of the six tasks and of the dialogues."""
    from dashscope import get_tokenizer

    tokenizer, resize = get_tokenizer("qwen-7b-chat"), resize_of(MODEL)
    for name, tasks in (("six tasks", IN_ALL), (DIALOGUE, (DIALOGUE,))):
        files = [path for task in tasks for path in sorted((folder / task).glob("train-*.parquet"))]
        rows = questions = image_tokens = text_tokens = 0
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(columns=["messages", "width", "height"]):
                columns = batch.to_pydict()
                texts = [message["content"] for messages in columns["messages"] for message in messages]
                sizes = map(resize.of, columns["width"], columns["height"])
                rows, questions = rows + len(batch), questions + len(texts) // 2
                text_tokens += sum(len(tokenizer.encode(text)) + _AROUND_TEXT for text in texts)
                image_tokens += sum(width * height // _TOKEN_SIDE**2 + _AROUND_IMAGE for width, height in sizes)
        with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
            start = time.process_time()
            load_dataset("parquet", data_files=[str(file) for file in files], split="train", cache_dir=cache)
            seconds = time.process_time() - start
            stored = sum(path.stat().st_size for path in Path(cache).rglob("*") if path.is_file())
        megabytes = sum(file.stat().st_size for file in files) / 1e6
        yield [name, rows, questions, image_tokens / 1e6, text_tokens / 1e6, megabytes, stored / 1e6, seconds]


def given_away(dialogues: Iterable[Turns], categories: Categories = None) -> Iterator[list[object]]:
    """Yield each score, the number of the task's answers, and what two readers have who do not see the image.

    One reads the earlier turns of the dialogue and copies from them; the other one reads the question alone.

    Args:
        dialogues: the questions and answers of each.
        categories: those of the corpus, as the metric takes them; SARDet-100K's if None.
    """
    asked: list[tuple[str, str, Turns]] = []
    references = []
    for turns in dialogues:
        for place, (question, answer) in enumerate(turns):
            # Without a tag, classification is first, and a description is second.
            task = _TASK_OF.get(question.partition(" ")[0], "description" if place else "classification")
            scenario = "multi" if len(BOX.findall(question + answer)) > 1 else "single"
            asked.append((task, question, turns[:place]))
            references.append({"task": task, "scenario": scenario, "answer": answer})
    identified = Counter(
        read_answer(reference["answer"], "identification", categories)["category"]
        for reference in references
        if reference["task"] == "identification"
    )
    (usual, _), *_ = identified.most_common(1)
    copied = [_copy(*of, usual, categories) for of in asked]
    guessed = [_copy(task, question, (), usual, categories) for task, question, _ in asked]
    scores = [score(answers, references, categories=categories) for answers in (copied, guessed)]
    numbers = Counter(reference["task"] for reference in references)
    for task, keys in SUB_SCORES.items():
        yield from ([key, numbers[task], *(one[key] for one in scores)] for key in keys if key in scores[0])


def _copy(task: str, question: str, turns: Turns, usual: str, categories: Categories) -> str:
    """Return the best answer that the earlier turns have words for, or else one that is often right."""
    described = [answer for question, answer in turns[1:] if not question.startswith("[")]
    named = Counter(name for _, text in turns for name in read_answer(text, "classification", categories)["categories"])
    names = [name for name, _ in named.most_common()] or [usual]
    if task == "counting":
        asked = read_answer(question, "classification", categories)["categories"]
        phrases = [phrase for text in described for phrase in read_answer(text, "description", categories)["phrases"]]
        return str(max(sum(name in asked for name, _ in phrases), 1))
    if task == "identification":
        return names[0]
    return " and ".join(f"a small {name} in the middle center" for name in names) + "."


def dialogues_of(folder: Path) -> tuple[list[Turns], Categories]:
    """Return the dialogues of all splits, and the corpus's categories."""
    data = open_data(str(folder))
    rows = (row for split in data.splits(DIALOGUE) for row in data.rows(DIALOGUE, split, columns=("messages",)))
    texts = [[message["content"] for message in row["messages"]] for row in rows]
    return [list(zip(text[::2], text[1::2], strict=True)) for text in texts], data.info.vocabulary


def _as_text(row: Iterable[object]) -> list[str]:
    return [f"{cell:,.1f}" if isinstance(cell, float) else f"{cell}" for cell in row]


def main() -> None:
    """Print both tables, or the second one alone."""
    folder = Path(sys.argv[1])
    if "given-away" not in sys.argv:
        header = ["training split", "rows", "questions", "M image tokens", "M tokens of text"]
        header += ["MB", "MB of cache", "CPU s to load"]
        print(format_table(header, map(_as_text, costs(folder))))
        print()
    header = ["score", "answers", "earlier turns", "question alone"]
    print(format_table(header, map(_as_text, given_away(*dialogues_of(folder)))))


if __name__ == "__main__":
    main()
