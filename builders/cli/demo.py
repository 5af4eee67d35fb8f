"""`sarchat demo`: a record of each task, answers with noise, their scores, and a picture of one."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from builders.core.resources import read_text
from builders.core.schema import ALL, TASKS
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus

_BOX = re.compile(r"\{(?:<-?\d+>)+\}(?: \([a-z ]+\))?")
_NUMBER = re.compile(r"-?\d+")
_SPLIT = "test"
_ANSWERS, _PICTURE = "answers.jsonl", "record.png"


def show_records(references: Mapping[str, Mapping[str, Any]], ids: Iterable[str]) -> str:
    """Return some conversations as text."""
    blocks = []
    for record_id in ids:
        question, answer = (message["content"] for message in references[record_id]["messages"])
        blocks.append(f"{record_id}\n  user:      {question}\n  assistant: {answer}")
    return "\n\n".join(blocks)


def noisy_answers(references: Mapping[str, Mapping[str, Any]], info: CorpusInfo | None = None) -> dict[str, str]:
    """Return the answers of a model that makes some mistakes: the gold answers with noise, by record id."""
    return {
        record_id: add_noise(record["messages"][1]["content"], record_id, info)
        for record_id, record in references.items()
    }


def show_scores(references: Mapping[str, Mapping[str, Any]], answers: Mapping[str, str], info: CorpusInfo) -> str:
    """Score the gold answers and the noisy ones, and return both as a table."""
    from builders.core.tables import format_table
    from sarchat_metric import score

    gold = [record["messages"][1]["content"] for record in references.values()]
    records = list(references.values())
    for_gold, for_noisy = (
        score(texts, records, categories=info.vocabulary) for texts in (gold, list(answers.values()))
    )
    averages = [key for key in (*TASKS, "overall") if key in for_gold]
    rows = [[key, f"{for_gold[key]:.2f}", f"{for_noisy[key]:.2f}"] for key in averages]
    return format_table(["score", "gold answers", "noisy answers"], rows)


def write_answers(answers: Mapping[str, str], path: Path) -> None:
    """Write answers as `sarchat score` reads them: a JSON object per line."""
    lines = [json.dumps({"id": record_id, "prediction": answer}) + "\n" for record_id, answer in answers.items()]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def add_noise(text: str, key: str, info: CorpusInfo | None = None) -> str:
    """Add noise keyed by `key`: boxes moved by up to 8 pixels, one in six dropped, one category in six changed.

    The categories are those of a corpus, by default SARDet-100K's.
    """
    names = (info or known_corpus(DEFAULT)).names
    draws = iter(range(sys.maxsize))

    def draw(options: int) -> int:
        digest = hashlib.blake2b(f"{key}/{next(draws)}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % options

    def change_box(match: re.Match[str]) -> str:
        if draw(6) == 0:
            return ""
        moves, places = (draw(17) - 8, draw(17) - 8), iter(range(sys.maxsize))
        return _NUMBER.sub(lambda number: str(int(number[0]) + moves[next(places) % 2]), match[0])

    def change_category(match: re.Match[str]) -> str:
        return names[draw(len(names))] if draw(6) == 0 else match[0]

    category = re.compile(rf"\b({'|'.join(map(re.escape, names))})(s?)\b")
    return category.sub(change_category, _BOX.sub(change_box, text))


def is_demo(folder: Path) -> bool:
    """Return whether a folder contains what this command writes, and nothing else.

    Raises:
        SARChatError: if a file of it was edited since.
    """
    from builders.core.checksums import SUMS, is_untouched, sums_of
    from builders.drawing.figures import PICTURE_MARK

    sums, picture = sums_of(folder), folder / _PICTURE
    is_ours = sums is not None and sums.keys() == {_ANSWERS, _PICTURE} and is_untouched(folder, sums, SUMS)
    return is_ours and picture.is_file() and PICTURE_MARK in picture.read_bytes()


@click.command("demo")
@click.argument("data", metavar="[DATA]", default="sarchat")
@click.option(
    "--out", type=click.Path(path_type=Path), default="demo", show_default=True, help="Folder of answers and picture."
)
def demo_command(data: str, out: Path) -> None:
    """Show a record of each task of DATA (default: the build sarchat), and score answers with noise.

    The answers and a picture of one are written, to have something to score.
    """
    from builders.core.atomic import replacing_folder
    from builders.core.checksums import write_checksums
    from builders.core.writing import check_outside, check_replaced
    from builders.data.open_data import open_data
    from builders.drawing.figures import require_matplotlib
    from builders.scoring.gold import read_rows

    require_matplotlib()
    from builders.drawing.figures.record import show_record

    check_replaced(out, [data])
    check_outside(out, [data])
    records = open_data(data)
    references = dict(read_rows(records, records.select(ALL, _SPLIT), _SPLIT))
    answers = noisy_answers(references, records.info)
    # The first record of each task.
    firsts = {record["task"]: record_id for record_id, record in reversed(references.items())}
    firsts = {task: firsts[task] for task in TASKS if task in firsts}
    task = "grounding" if "grounding" in firsts else next(iter(firsts))
    record = records.record_with_id(task, firsts[task], [_SPLIT])
    with replacing_folder(out, is_demo) as staging:
        write_answers(answers, staging / _ANSWERS)
        show_record(record, records.info, staging / _PICTURE, answers[firsts[task]])
        write_checksums(staging)
    click.echo(f"A record of each task ({_SPLIT}):\n\n{show_records(references, firsts.values())}\n")
    click.echo(f"The metric on the {_SPLIT} split, for the gold answers and for answers with noise:\n")
    click.echo(show_scores(references, answers, records.info))
    places = {"folder": data, "answers": out / _ANSWERS, "picture": out / _PICTURE, "sarchat": _command()}
    steps = read_text("demo_next_steps.txt", "builders.cli")
    quoted = {name: shlex.quote(str(place)) for name, place in places.items()}
    click.echo(steps.format_map({**quoted, "task": list(firsts)[-1]}), nl=False)


def _command() -> Path:
    """Return the command `sarchat` as it can be typed here."""
    script = Path(sys.executable).with_name("sarchat")
    if shutil.which("sarchat") or not script.exists():
        return Path("sarchat")
    return script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script
