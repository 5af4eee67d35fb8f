"""A minimal `GeneratorBasedBuilder` that yields one ready record repeatedly."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import datasets

from builders.corpus.corpus import find_corpus
from builders.data.live import Shard, generate_tables
from sarchat_dataset import FEATURES


def ready_record(location: str) -> dict[str, Any]:
    """Return a record of the most common kind: identification of a pair of targets."""
    stamp = find_corpus(location).stamp()
    shards = [Shard("identification", 0, 1)]
    rows = (row for table in generate_tables(location, stamp, "train", 0, shards) for row in table.to_pylist())
    row = next(row for row in rows if len(row["objects"]["category"]) == 2)
    # `datasets` encodes a plain path faster than an image that has one.
    return {**row, "image": row["image"]["path"]}


class Noop(datasets.GeneratorBasedBuilder):
    """Builder that yields `record` `count` times; both are set on the class before use."""

    record: dict[str, Any]
    count: int

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=FEATURES)

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:
        return [datasets.SplitGenerator(name="train")]

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        return zip(range(self.count), itertools.repeat(self.record))
