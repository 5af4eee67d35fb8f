"""The Hub's storage keeps an image once, however many files contain it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import noisy_pictures, write_corpus
from oracle import TASKS
from support import build, parquet

from builders.build.options import BuildOptions
from builders.build.row_group import CHUNK_END

# Large enough that most images are chunks of their own, as real ones are.
SIDE, IMAGES = 256, 12


@pytest.fixture(scope="module")
def chunks():
    path = Path(__file__).parents[2] / "benchmarks" / "chunks.py"
    spec = importlib.util.spec_from_file_location("chunks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), noisy_pictures(IMAGES, side=SIDE, boxes=4))


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built") / "sarchat"
    build(corpus, out, BuildOptions(pictures=False))
    return out


def image_bytes(corpus: Path) -> int:
    return sum(path.stat().st_size for path in (corpus / "JPEGImages").rglob("*.*"))


def cut_byte_by_byte(content: bytes, table: list[int]) -> list[int]:
    """The rule of https://huggingface.co/docs/xet/chunking, one byte at a time."""
    ends, start, value = [], 0, 0
    for place, byte in enumerate(content, 1):
        value = ((value << 1) + table[byte]) % 2**64
        length = place - start
        if (length >= 8 * 1024 and value >> 48 == 0) or length == 128 * 1024:
            ends.append(place)
            start = place
    return ends if start == len(content) else [*ends, len(content)]


@pytest.mark.parametrize("size", [0, 1, 8 * 1024, 300_000])
def test_chunks_end_where_the_rule_says(chunks, size):
    rng = np.random.default_rng(size)
    content = rng.integers(0, 256, size, dtype=np.uint8).tobytes() + CHUNK_END + bytes(150_000)
    assert chunks.cut(content) == cut_byte_by_byte(content, chunks._TABLE.tolist())


def test_chunk_ends_after_an_image(chunks):
    content = bytes(10_000) + CHUNK_END
    assert chunks.cut(content + bytes(10_000))[0] == len(content)


def test_six_tasks_store_each_image_about_once(chunks, corpus, built):
    stored = sum(chunks.distinct_chunks(parquet(built)).values())
    on_disk = sum(path.stat().st_size for path in parquet(built))
    assert on_disk > 5 * image_bytes(corpus)
    # The first image of each of the six files starts in a chunk with the file's own first bytes.
    assert stored < (1 + 6 / IMAGES) * image_bytes(corpus)


def test_rebuild_with_other_wordings_sends_no_image_again_but_the_first_of_each_file(tmp_path, chunks, corpus, built):
    build(corpus, tmp_path / "sarchat", BuildOptions(pictures=False, seed=1))
    before = chunks.distinct_chunks(parquet(built))
    after = chunks.distinct_chunks(parquet(tmp_path / "sarchat"))
    assert before.keys() != after.keys()
    largest = max(path.stat().st_size for path in (corpus / "JPEGImages").rglob("*.*"))
    texts = 0
    for path in parquet(tmp_path / "sarchat"):
        group = pq.read_metadata(path).row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        texts += sum(column.total_compressed_size for column in columns if column.path_in_schema != "image.bytes")
    sent = sum(length for digest, length in after.items() if digest not in before)
    assert sent < texts + len(TASKS) * largest


def test_images_with_the_same_bytes_are_stored_once(tmp_path):
    corpus = write_corpus(tmp_path, noisy_pictures(3, side=SIDE, boxes=4))
    first, *others = sorted((corpus / "JPEGImages").rglob("*.*"))
    for other in others:
        other.write_bytes(first.read_bytes())
    build(corpus, tmp_path / "out", BuildOptions(tasks=["identification"], pictures=False))
    (path,) = parquet(tmp_path / "out")
    assert path.stat().st_size < 1.5 * first.stat().st_size
    images = pq.read_table(path)["image"].combine_chunks().field("bytes")
    assert images.unique().equals(pa.array([first.read_bytes()], pa.binary()))
