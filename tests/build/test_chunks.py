"""Parquet written so that the Hub's storage keeps an image once; `tests/hub/test_xet.py` pushes it there."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import Picture, noisy_pictures, write_corpus
from support import build, parquet

from builders.build.options import BuildOptions
from builders.data.row_group import CHUNK_END


def test_a_chunk_ends_after_an_image(tmp_path):
    xet = pytest.importorskip("hf_xet")
    if not hasattr(xet, "XetSession"):
        pytest.skip("needs hf_xet with sessions")
    rng = random.Random(0)
    image, *neighbours = (rng.randbytes(size) for size in (10_000, 50_000, 50_000))
    session, sent = xet.XetSession(), []
    for neighbour in neighbours:
        with session.new_upload_commit(endpoint=f"local://{tmp_path}", token="test") as commit:
            file = commit.start_upload_bytes(image + CHUNK_END + neighbour)
        sent.append(file.result().dedup_metrics.new_bytes)
    assert sent == [len(image + CHUNK_END) + 50_000, 50_000]


def test_images_that_all_tasks_have_come_first_and_in_one_order(tmp_path):
    # Only a large target is described.
    pictures = [Picture(f"{i:07d}.png", boxes=[("ship", 9, 9, *((80, 60) if i % 3 else (8, 6)))]) for i in range(12)]
    corpus = write_corpus(tmp_path, {"train": [Picture(**{**vars(one), "noise": True}) for one in pictures]})
    build(corpus, tmp_path / "out")
    images = {path.name: path.read_bytes() for path in sorted((corpus / "JPEGImages" / "train").iterdir())}
    described = [name for number, name in enumerate(images) if number % 3]
    for path in parquet(tmp_path / "out"):
        content = path.read_bytes()
        found = sorted((content.find(image), name) for name, image in images.items() if image in content)
        others = [] if path.parent.name == "description" else [name for name in images if name not in described]
        assert [name for _, name in found] == described + others
        assert pq.read_table(path)["file_name"].unique().to_pylist() == sorted(described + others)


def test_images_with_the_same_bytes_are_stored_once(tmp_path):
    corpus = write_corpus(tmp_path, noisy_pictures(3, boxes=4))
    first, *others = sorted((corpus / "JPEGImages").rglob("*.*"))
    for other in others:
        other.write_bytes(first.read_bytes())
    build(corpus, tmp_path / "out", BuildOptions(tasks=["identification"], pictures=False))
    (path,) = parquet(tmp_path / "out")
    assert path.stat().st_size < 1.5 * first.stat().st_size
    images = pq.read_table(path)["image"].combine_chunks().field("bytes")
    assert images.unique().equals(pa.array([first.read_bytes()], pa.binary()))
