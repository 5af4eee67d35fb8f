"""Fixtures of builds that are stopped: a corpus that takes a while, and an older build that must survive."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpora import plain_corpus, slow_corpus
from support import build


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    return slow_corpus(tmp_path_factory.mktemp("slow"))


@pytest.fixture
def out(tmp_path) -> Path:
    """A folder with a good build of another corpus, alone in its parent folder."""
    (tmp_path / "place").mkdir()
    build(plain_corpus(tmp_path / "small"), tmp_path / "place" / "sarchat")
    return tmp_path / "place" / "sarchat"
