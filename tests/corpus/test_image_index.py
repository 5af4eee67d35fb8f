"""An index holds images exactly as they were cleaned, and gives any range of them."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from corpora import noisy_pictures, random_corpus, write_corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from support import build, parquet, slow, tree

from builders.build.options import BuildOptions
from builders.build.plan import make_plan
from builders.build.shards import write_shards
from builders.corpus import image_index
from builders.corpus.corpus import find_corpus, locate
from builders.corpus.formats.coco import AnnotationFiles
from builders.corpus.image_index import ImageIndex, IndexedImage, IndexWriter
from builders.corpus.targets import AnnotatedImage, Target

NUMBERS = st.floats(-1e15, 1e15)
CORNERS = st.none() | st.tuples(*[NUMBERS] * 8)
TARGETS = st.builds(Target, st.integers(0, 5), st.tuples(*[NUMBERS] * 4), st.booleans(), CORNERS)
SIDES = st.integers(1, 2**31 - 1)
IMAGES = st.builds(
    AnnotatedImage,
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"])),
    SIDES,
    SIDES,
    st.lists(TARGETS, max_size=4).map(tuple),
    st.lists(st.tuples(st.integers(-1, 5), st.tuples(*[NUMBERS] * 4)), max_size=3).map(tuple),
)
INDEXED = st.lists(st.builds(IndexedImage, IMAGES, st.none() | st.integers(0, 2**62)), max_size=12)


@settings(deadline=None)
@given(INDEXED, st.integers(1, 5), st.integers(0, 12), st.integers(0, 12))
def test_an_index_gives_what_was_added(tmp_path_factory, images, of_group, start, count):
    path = tmp_path_factory.mktemp("index") / "train.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_index, "ROW_GROUP_IMAGES", of_group)
        with IndexWriter(path) as writer:
            for image, size in images:
                writer.add(image, size)
    index = ImageIndex(str(path))
    assert len(index) == len(images)
    found = list(index.images())
    # The sign of a zero too.
    assert found == images and repr(found) == repr(images)
    some = images[start : start + count]
    assert list(index.images(start, count)) == some
    if some:
        assert list(ImageIndex(index.cut(start, count)).images()) == some


def test_threads_read_one_index(tmp_path, monkeypatch):
    monkeypatch.setattr(image_index, "ROW_GROUP_IMAGES", 2)
    images = [IndexedImage(AnnotatedImage(number, f"{number}.png", 9, 9, ()), None) for number in range(40)]
    with IndexWriter(tmp_path / "train.parquet") as writer:
        for image, size in images:
            writer.add(image, size)
    index = ImageIndex(str(tmp_path / "train.parquet"))
    with ThreadPoolExecutor(16) as threads:
        starts = [*range(39)] * 8
        assert list(threads.map(lambda start: [*index.images(start, 2)], starts)) == [images[n : n + 2] for n in starts]


def plan_for(corpus, folder, **options):
    location = locate(corpus)
    return make_plan(find_corpus(location), location, folder / "out", BuildOptions(**options), folder / "index")


def test_the_worker_of_a_job_needs_neither_annotations_nor_the_index_of_the_split(tmp_path, monkeypatch):
    corpus = random_corpus(tmp_path, 3)
    build(corpus, tmp_path / "expected")
    (tmp_path / "out").mkdir()
    sent = list(map(pickle.dumps, plan_for(corpus, tmp_path).jobs))
    (tmp_path / "index").rename(tmp_path / "gone")
    for name in ("read_into", "digest"):
        monkeypatch.setattr(AnnotationFiles, name, lambda *_: pytest.fail("annotations are read"))
    write_shards(list(map(pickle.loads, sent)), BuildOptions())
    files = {name: digest for name, digest in tree(tmp_path / "expected").items() if name.endswith(".parquet")}
    assert tree(tmp_path / "out") == files


@pytest.mark.parametrize("most", [8, *slow(5, 1_000)])
def test_many_shards_are_joined_so_that_a_folder_stays_small(tmp_path, monkeypatch, most):
    """The Hub advises a number of files per folder."""
    corpus = write_corpus(tmp_path, noisy_pictures(20, split="train") | noisy_pictures(7, split="val"))
    monkeypatch.setattr("builders.build.plan.SHARD_RECORDS", 9)
    monkeypatch.setattr("builders.build.plan.FILES_PER_FOLDER", most)
    plan = plan_for(corpus, tmp_path, tasks=("identification",))
    files = [path for job in plan.jobs for path in job.paths.values()]
    # Two targets per image give four records of identification.
    shards = {"train": math.ceil(20 / 2), "validation": math.ceil(7 / 2)}
    assert len(files) == len(plan.jobs) == (sum(shards.values()) if most == 1_000 else len(files)) <= most
    for split, images in (("train", 20), ("validation", 7)):
        of_split = [job for job in plan.jobs if job.split == split]
        ends = [job.start + job.count for job in of_split]
        assert [job.start for job in of_split] == [0, *ends[:-1]]
        assert sum(job.count for job in of_split) == images
        assert {path.name for job in of_split for path in job.paths.values()} == {
            f"{split}-{number:05d}-of-{len(of_split):05d}.parquet" for number in range(len(of_split))
        }
    (tmp_path / "out").mkdir()
    write_shards(plan.jobs, BuildOptions(tasks=("identification",)))
    assert len(parquet(tmp_path / "out")) == len(files)
