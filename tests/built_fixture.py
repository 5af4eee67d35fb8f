"""The sample and builds of it that several test modules look at: each is made once per session, and never changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from support import start_command

from builders.build.options import BuildOptions
from builders.build.pipeline import build
from builders.corpus.sample import write_sample
from builders.scoring.gold import read_gold


def sample_corpus() -> Path:
    """Return a folder that holds the sample corpus."""
    return _made_once("corpus", write_sample)


def sample_build(
    tasks: tuple[str, ...] = (), splits: tuple[str, ...] = (), embed: bool = True, pictures: bool = False
) -> Path:
    """Return a build of the sample."""

    def make(out: Path) -> None:
        options = BuildOptions(tasks=tasks, splits=splits, embed=embed, sample=embed, pictures=pictures)
        build(sample_corpus(), out, options)

    return _made_once("-".join(["build", *tasks, *splits, str(embed), str(pictures)]), make)


def sample_gold(config: str = "all", split: str = "test") -> dict[str, dict]:
    """Return the records of a split of the sample by id, without images."""
    return read_gold(str(sample_build()), config, split).records


def gold_answers(gold: dict[str, dict]) -> dict[str, str]:
    """Return the gold answers of records by id."""
    return {record_id: record["messages"][1]["content"] for record_id, record in gold.items()}


def small_build() -> Path:
    """Return a build of the sample with few records: 34 in `test`, where identification has 89 more."""
    return sample_build(("classification", "counting", "grounding", "referring"), ("validation", "test"))


def start_sample_build(out: object, *options: object) -> subprocess.Popen:
    """Start a build of the sample corpus without pictures as a process."""
    return start_command("build", sample_corpus(), "--out", out, "--no-pictures", *options)


def _made_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first of the session's processes makes, and the others wait for."""
    folder = Path(os.environ["SARCHAT_TESTS"]) / name
    if not folder.exists():
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                made = folder.with_name(f"{name}.making")
                make(made)
                made.rename(folder)
    return folder
