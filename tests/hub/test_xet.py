"""What the Hub's own client, hf_xet, stores of a build that `sarchat push` sends."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from corpora import Picture, write_corpus
from hub_server import LoopbackHub
from hub_shell import Shell
from support import build, parquet

from builders.build.options import BuildOptions

# The client may skip what it knows only after 128 runs of chunks: every other image is described.
IMAGES = 400

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    pictures = [
        Picture(f"{i:07d}.png", 224, 224, [("ship", 9, 9, *((80, 60) if i % 2 else (8, 6)))], noise=True)
        for i in range(IMAGES)
    ]
    return write_corpus(tmp_path_factory.mktemp("corpus"), {"train": pictures})


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built") / "sarchat"
    build(corpus, out)
    return out


@pytest.fixture
def hub(tmp_path):
    if not hasattr(pytest.importorskip("hf_xet"), "XetSession"):
        pytest.skip("needs hf_xet with sessions")
    (tmp_path / "xet").mkdir()
    with LoopbackHub(xet=tmp_path / "xet") as hub:
        yield hub


@pytest.fixture
def push(hub, tmp_path):
    """Push a folder; give the bytes that are stored for it."""
    shell = Shell(hub, tmp_path / "home")

    def run(folder: Path, act=shell.succeed) -> int:
        before = hub.stored()
        act("dataset", folder, "alice/sarchat")
        return hub.stored() - before

    run.fail = lambda folder: run(folder, shell.fail)
    return run


def image_bytes(corpus: Path) -> int:
    return sum(path.stat().st_size for path in (corpus / "JPEGImages").rglob("*.*"))


def text_bytes(folder: Path) -> int:
    """Return the size of all columns except the images, in bytes."""
    groups = [pq.read_metadata(path).row_group(0) for path in parquet(folder)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    return sum(column.total_compressed_size for column in columns if column.path_in_schema != "image.bytes")


def test_six_tasks_are_stored_as_little_more_than_the_images_once(push, corpus, built):
    assert sum(path.stat().st_size for path in parquet(built)) > 5 * image_bytes(corpus)
    assert image_bytes(corpus) < push(built) < 1.1 * image_bytes(corpus)


def test_a_rebuild_with_other_wordings_sends_little_more_than_its_texts(push, corpus, built, tmp_path):
    push(built)
    build(corpus, tmp_path / "sarchat", BuildOptions(seed=1))
    largest = max(path.stat().st_size for path in (corpus / "JPEGImages").rglob("*.*"))
    assert 0 < push(tmp_path / "sarchat") < text_bytes(tmp_path / "sarchat") + 6 * largest


def test_a_push_that_broke_off_shows_nothing_and_sends_nothing_twice(hub, push, corpus, built):
    hub.answers = {"POST /api/datasets/alice/sarchat/commit/": [403]}
    assert push.fail(built) > 0
    assert list(hub.repo("dataset", "alice/sarchat").files()) == [".gitattributes"]
    # Not the images, but the lists of their chunks.
    assert push(built) < image_bytes(corpus) / 1000
    assert set(hub.repo("dataset", "alice/sarchat").files()) > {
        path.relative_to(built).as_posix() for path in parquet(built)
    }
