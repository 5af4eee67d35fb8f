"""Builds of the sample that several test modules look at; a build is made once and must not be changed."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from builders.build.options import BuildOptions
from builders.build.pipeline import build
from builders.synthetic.sample import write_sample

_KEPT = tempfile.TemporaryDirectory(prefix="sarchat-built-")


@functools.cache
def sample_corpus() -> Path:
    folder = Path(_KEPT.name) / "corpus"
    folder.mkdir()
    write_sample(folder)
    return folder


@functools.cache
def sample_build(
    tasks: tuple[str, ...] = (), splits: tuple[str, ...] = (), embed: bool = True, pictures: bool = False
) -> Path:
    out = Path(_KEPT.name) / f"build-{'-'.join([*tasks, *splits])}-{embed}-{pictures}"
    options = BuildOptions(tasks=tasks, splits=splits, embed=embed, sample=embed, pictures=pictures)
    build(sample_corpus(), out, options)
    return out
