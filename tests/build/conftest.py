"""Fixtures of builds that are stopped: a corpus that takes a while, and builds to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest
from built_fixture import sample_corpus
from corpora import plain_corpus, slow_corpus
from support import build, tree

from builders.build.options import BuildOptions


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    return slow_corpus(tmp_path_factory.mktemp("slow"))


@pytest.fixture
def out(tmp_path) -> Path:
    """A folder with a good build of another corpus, alone in its parent folder."""
    (tmp_path / "place").mkdir()
    build(plain_corpus(tmp_path / "small"), tmp_path / "place" / "sarchat")
    return tmp_path / "place" / "sarchat"


@pytest.fixture(scope="session")
def local_sample(tmp_path_factory) -> dict[str, str]:
    """The files of a local build of the sample, without pictures."""
    out = tmp_path_factory.mktemp("local") / "sarchat"
    build(sample_corpus(), out, BuildOptions(pictures=False))
    return tree(out)
