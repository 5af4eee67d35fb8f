"""Blind players against a data set: what they learn from its training split, their answers, and their scores.

A player gets one question at a time, with the size of its image, and remembers nothing of other questions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from builders.core.checksums import SUMS, read_checksums
from builders.core.errors import SARChatError
from builders.core.tables import Figure, Table, write_tables
from builders.core.writing import writing_whole
from builders.data.reader import BASELINE, CARD
from builders.data.records import Records
from builders.predict.players import KINDS, Asked, Example, Player
from builders.scoring.result import AVERAGES, Result, scores_of
from builders.scoring.score_table import list_rows
from builders.tasks import geometry
from sarchat_metric import SUB_SCORES, VERSION, Collector, score_record

TRAIN = "train"
# The most training records of each task and scenario that are learned from.
_MOST_LEARNED = 4_000
_LEARNED = ("task", "scenario", "messages", "width", "height", "objects")
_ASKED = ("id", "task", "scenario", "messages", "width", "height")
# What every file of answers and every file of scores contains.
ANSWERS_MARK, SCORES_MARK = b'"prediction"', b'"learned_from"'
# Where the card has the scores.
_START, _END = "<!-- blind scores -->\n", "<!-- end of blind scores -->\n"
_BLOCK = re.compile(f"{_START}.*?{_END}", re.DOTALL)
_UNMEASURED = "`sarchat baseline` measures what answers without an image score, and adds the scores here.\n"
_INTRODUCTION = """\
What answers without an image score, from the training split and the question alone: `majority` gives one answer to all
questions of a task, `prior` one for each category that is asked for, `question` looks at everything in the question and
at the size of the image. A model's score says something about its sight only beyond these (`sarchat score` shows it as
the lift).
"""
# By split, kind and average.
PlayerScores = dict[str, dict[str, dict[str, Result]]]


def learn(data: Records, kinds: Iterable[str] = KINDS) -> dict[str, Player]:
    """Return a player of each kind that has seen the training split.

    Raises:
        SARChatError: if the data set has no training split, or cannot be read.
    """
    tasks = [task for task in data.tasks if task in SUB_SCORES and data.has(task, TRAIN)]
    if not tasks:
        raise SARChatError(
            f"{data.location} has no split {TRAIN} with a task that is scored, from which blind answers are learned; "
            "build it with that split"
        )
    examples = [
        _example(row)
        for task in tasks
        for row in data.rows(task, TRAIN, data.subset((task,), TRAIN, _MOST_LEARNED), _LEARNED)
    ]
    return {kind: Player(kind, examples, data.info) for kind in kinds}


def _example(row: Mapping[str, Any]) -> Example:
    boxes = np.array([geometry.corners(tuple(bbox)) for bbox in row["objects"]["bbox"]]).reshape(-1, 4)
    shares = boxes / (2 * (row["width"], row["height"]))
    labels = np.array(row["objects"]["category"], dtype=int)
    return Example(_ask(row), row["scenario"], row["messages"][-1]["content"], shares, labels)


def _ask(row: Mapping[str, Any]) -> Asked:
    """Return what a blind player gets of a record: no image, file name or id, and nothing of other records."""
    return Asked(row["task"], row["messages"][0]["content"], row["width"], row["height"])


def answer_split(
    data: Records, kind: str, config: str, split: str, limit: int | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the id of each record of a split and a blind player's answer to it.

    Args:
        data: the data set.
        kind: the kind of player, one of `KINDS`.
        config: a task, or `all`.
        split: the split.
        limit: only this many records of each task and scenario, see `choose_subset`.

    Raises:
        SARChatError: if there is no such config or split, or no training split.
    """
    tasks = data.select_scored(config, split)
    keep = data.subset(tasks, split, limit)
    (player,) = learn(data, [kind]).values()
    for task in tasks:
        for row in tqdm(data.rows(task, split, keep, _ASKED), f"Guessing {task}", delay=1, disable=None):
            yield row["id"], player.answer(_ask(row))


def score_players(data: Records, splits: Iterable[str]) -> PlayerScores:
    """Score every kind of player on some splits.

    Returns:
        By split, kind and average, the scores.

    Raises:
        SARChatError: if there is no training split, or a gold answer cannot be read.
    """
    players = learn(data)
    found: PlayerScores = {}
    for split in splits:
        tasks = [task for task in data.tasks if task in SUB_SCORES and data.has(task, split)]
        collectors = {kind: Collector() for kind in players}
        rows = (row for task in tasks for row in data.rows(task, split, None, _ASKED))
        for row in tqdm(
            rows, f"Guessing {split}", sum(data.count(task, split) for task in tasks), delay=1, disable=None
        ):
            for kind, player in players.items():
                try:
                    collectors[kind].add(score_record(player.answer(_ask(row)), row, data.info.vocabulary))
                except ValueError as error:
                    raise SARChatError(f"{data.location}, record {row['id']}: {error}") from error
        tallies = {kind: collector.tally() for kind, collector in collectors.items()}
        sizes = {task: data.count(task, split) for task in tasks}
        found[split] = {
            kind: {average: Result(kind, scores_of(tally, average), sizes) for average in AVERAGES}
            for kind, tally in tallies.items()
        }
    return found


def write_scores(folder: Path, data: Records, found: PlayerScores) -> bool:
    """Write the scores of blind players into a build: `baseline.json`, a table in the card, and their checksums.

    Returns:
        Whether the card has them: one that somebody edited is left as it is.

    Raises:
        SARChatError: if the folder has no list of checksums.
        OSError: if writing fails.
    """
    sums = read_checksums(folder)
    content = {
        "metric_version": VERSION,
        "version": data.version,
        "learned_from": TRAIN,
        "splits": {
            split: {
                "n": next(iter(kinds.values()))[AVERAGES[0]].sizes,
                "kinds": {
                    kind: {average: _sub_scores(result) for average, result in averages.items()}
                    for kind, averages in kinds.items()
                },
            }
            for split, kinds in found.items()
        },
    }
    card = (folder / CARD).read_text(encoding="utf-8")
    parts = _BLOCK.split(card)
    # With the block as the build wrote it: the command may have been stopped before it wrote the checksums.
    unfilled = f"{parts[0]}{_START}{_UNMEASURED}{_END}{parts[-1]}"
    is_ours = len(parts) == 2 and sums.get(CARD) in {sha256(text.encode()).hexdigest() for text in (card, unfilled)}
    texts = {BASELINE: json.dumps(content, indent=1) + "\n"}
    if is_ours:
        tables = "\n\n".join(format_table_of(split, kinds, "markdown") for split, kinds in found.items())
        texts[CARD] = f"{parts[0]}{_START}{_INTRODUCTION}\n{tables}\n{_END}{parts[-1]}"
    for name, text in texts.items():
        with writing_whole(folder / name) as stream:
            stream.write(text)
    sums |= {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}
    with writing_whole(folder / SUMS) as stream:
        stream.writelines(f"{sums[path]}  {path}\n" for path in sorted(sums))
    return is_ours


def format_table_of(split: str, kinds: Mapping[str, Mapping[str, Result]], style: str = "table") -> str:
    """Return the table of the players' scores on a split, in a format of `write_tables`."""
    results = {kind: averages[AVERAGES[0]] for kind, averages in kinds.items()}
    sizes = next(iter(results.values())).sizes
    rows = [
        [task, name, *(Figure(result.figures[key]) for result in results.values())]
        for task, name, key in list_rows(sizes)
        if all(key in result.figures for result in results.values())
    ]
    return write_tables([Table(f"Without an image, {split}:", ["task", "sub-score", *results], rows)], style)


def _sub_scores(result: Result) -> dict[str, float]:
    """Return the sub-scores that enter the averages."""
    return {key: result.scores[key] for keys in SUB_SCORES.values() for key in keys if key in result.scores}
