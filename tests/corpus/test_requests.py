"""How many requests a corpus in S3 takes, counted by a storage that answers as S3 does."""

from __future__ import annotations

import gc
import weakref

import pytest
from fsspec import AbstractFileSystem

from builders.corpus.reading_ahead import looking_up_sizes
from builders.corpus.source import Source

PAGE = 1_000


class Page(dict):
    """The answer to a request for a list."""

    __hash__ = object.__hash__  # type: ignore[assignment]


class CountingS3(AbstractFileSystem):
    """Has images by number, under one prefix, and makes each page of its list only when it is asked for."""

    protocol = ("s3", "s3a")
    cachable = False

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.sizes, self.reads = number, [], []
        self.pages: weakref.WeakSet = weakref.WeakSet()
        self.most = 0

    def split_path(self, path):
        bucket, _, key = path.partition("/")
        return bucket, key, None

    def call_s3(self, method, Bucket, Prefix, MaxKeys, ContinuationToken=0):
        assert (method, Bucket) == ("list_objects_v2", "bucket")
        self.sizes.append(MaxKeys)
        end = min(self.number, ContinuationToken + MaxKeys)
        names = range(ContinuationToken, end) if Prefix == "corpus/JPEGImages/" else ()
        page = Page(Contents=[{"Key": f"{Prefix}{name:07d}.png", "Size": name} for name in names])
        page.update(IsTruncated=bool(names) and end < self.number, NextContinuationToken=end)
        self.pages.add(page)
        self.most = max(self.most, len(self.pages))
        return page

    def cat_file(self, path, start=None, end=None, max_concurrency=None, **kwargs):
        self.reads.append((path, max_concurrency))
        return b"image"


def open_counting(number: int) -> tuple[CountingS3, Source]:
    fs = CountingS3(number)
    return fs, Source("s3://bucket/corpus", lambda: fs, "bucket/corpus", is_local_folder=False, is_archive=False)


@pytest.mark.parametrize("number", [0, 1, 300_000])
def test_one_key_says_whether_a_folder_is_there(number):
    fs, source = open_counting(number)
    assert source.is_dir("JPEGImages") is (number > 0)
    assert not source.is_dir("Images")
    assert fs.sizes == [1, 1]


@pytest.mark.parametrize(
    "number", [2_500, *[pytest.param(n, marks=pytest.mark.slow) for n in (50_000, 300_000, 10**6)]]
)
def test_a_folder_of_all_splits_is_listed_once_with_two_pages_in_memory(number):
    gc.disable()
    try:
        fs, source = open_counting(number)
        with looking_up_sizes(source) as sizes_in:
            for _ in range(3):
                size_of = sizes_in("JPEGImages")
                assert size_of("0002499.png") == 2_499
            with pytest.raises(KeyError):
                size_of(f"{number:07d}.png")
    finally:
        gc.enable()
    assert fs.sizes == [PAGE] * -(-number // PAGE)
    assert fs.most <= 2


def test_an_image_is_one_request():
    fs, source = open_counting(3)
    assert source.read("JPEGImages/0000001.png") == b"image"
    # With more than one at a time, s3fs asks for the size first.
    assert fs.reads == [("bucket/corpus/JPEGImages/0000001.png", 1)]
