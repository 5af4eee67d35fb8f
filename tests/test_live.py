"""The live builder: each config prepared and streamed, a small cache that is never stale, sharing over workers."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
from pathlib import Path

import datasets
import fsspec
import pytest
from corpora import (
    Picture,
    live_records,
    noisy_pictures,
    plain_corpus,
    plain_pictures,
    random_corpus,
    write_corpus,
    zip_corpus,
)
from datasets.distributed import split_dataset_by_node
from oracle import EVERY_TASK as TASKS
from oracle import IN_ALL
from support import build, comparable, parquet, slow

from builders.build.options import BuildOptions
from builders.core.errors import SARChatError
from builders.core.schema import tasks_of
from builders.corpus.corpus import find_corpus
from builders.corpus.source import Source
from builders.data import live as live_module
from sarchat_dataset import FEATURES, SARChat

SPLITS = ["train", "validation", "test"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return random_corpus(tmp_path_factory.mktemp("corpus"), 2, 6)


@pytest.fixture
def make(tmp_path):
    """Make a builder whose cache is the test's own."""

    def make(config: str | None = None, **options) -> SARChat:
        return SARChat(config_name=config, cache_dir=str(tmp_path / "cache"), **options)

    return make


def prepared(builder: SARChat, **options) -> dict[str, datasets.Dataset]:
    builder.download_and_prepare(**options)
    return builder.as_dataset()


def messages(builder: SARChat, split: str = "train") -> list:
    return [record["messages"] for record in prepared(builder)[split]]


@pytest.mark.parametrize("config", ["referring", *slow("all", *(task for task in TASKS if task != "referring"))])
def test_each_config_is_the_same_prepared_by_one_by_two_and_streamed(make, corpus, config, tmp_path):
    one = prepared(make(config, data_dir=str(corpus)))
    two = prepared(SARChat(config_name=config, cache_dir=str(tmp_path / "2"), data_dir=str(corpus)), num_proc=2)
    streamed = make(config, data_dir=str(corpus)).as_streaming_dataset()
    assert list(one) == list(two) == list(streamed) == SPLITS
    for split in SPLITS:
        assert one[split].features == two[split].features == FEATURES
        records = [comparable(record) for record in one[split]]
        assert records and {record["task"] for record in records} == ({config} if config != "all" else set(IN_ALL))
        assert [comparable(record) for record in two[split]] == records
        assert [comparable(record) for record in streamed[split]] == records


def test_default_config_is_all(make, corpus):
    assert make(data_dir=str(corpus)).config.name == "all"
    assert set(SARChat.builder_configs) == {*TASKS, "all"}


def test_single_split_can_be_asked_for(make, corpus):
    builder = make("counting", data_dir=str(corpus))
    builder.download_and_prepare()
    assert builder.as_dataset(split="test").to_dict() == builder.as_dataset()["test"].to_dict()
    assert len(list(builder.as_streaming_dataset(split="test"))) == len(builder.as_dataset(split="test"))


def test_cache_holds_paths_and_no_images(make, tmp_path):
    corpus = write_corpus(tmp_path, noisy_pictures(10, boxes=3))
    records = prepared(make("identification", data_dir=str(corpus)))["train"]
    cached = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file())
    images = sum(path.stat().st_size for path in corpus.rglob("*.png"))
    assert cached < images / 5
    for row in records.cast_column("image", datasets.Image(decode=False)):
        assert row["image"]["bytes"] is None and Path(row["image"]["path"]).is_file()


def test_changed_annotations_at_the_same_path_give_new_records(make, tmp_path):
    corpus = plain_corpus(tmp_path)
    file = corpus / "Annotations" / "train.json"
    before, stat = messages(make("counting", data_dir=str(corpus))), file.stat()
    # Same length, same times: the content alone tells.
    file.write_text(file.read_text().replace("[20, 30, 60, 40]", "[21, 30, 60, 40]"))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_size == stat.st_size
    after = messages(make("counting", data_dir=str(corpus)))
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_changed_annotations_of_any_split_count(make, tmp_path):
    corpus = plain_corpus(tmp_path)
    before = messages(make("counting", data_dir=str(corpus)), "test")
    file = corpus / "Annotations" / "test.json"
    file.write_text(file.read_text().replace("[60, 60, 80, 60]", "[60, 60, 80, 61]"))
    assert messages(make("counting", data_dir=str(corpus)), "test") != before


def test_new_split_is_found(make, tmp_path):
    corpus = plain_corpus(tmp_path)
    (corpus / "Annotations" / "test.json").rename(tmp_path / "test.json")
    assert list(prepared(make("counting", data_dir=str(corpus)))) == ["train", "validation"]
    (tmp_path / "test.json").rename(corpus / "Annotations" / "test.json")
    assert list(prepared(make("counting", data_dir=str(corpus)))) == SPLITS


def test_image_replaced_in_a_zip_gives_new_records(make, tmp_path):
    for tone in (10, 200):
        pictures = {"train": [Picture("0000001.bmp", 64, 64, [("ship", 1, 1, 30, 30)])]}
        corpus = write_corpus(tmp_path / str(tone), pictures, seed=tone)
        archive = zip_corpus(corpus, tmp_path / "corpus.zip")
        (record,) = prepared(make("counting", data_dir=str(archive)))["train"]
        with (corpus / "JPEGImages" / "train" / "0000001.bmp").open("rb") as file:
            file.seek(-64 * 64, os.SEEK_END)
            assert record["image"].tobytes()[:64] == file.read(64)


def test_corpora_with_the_same_annotations_at_two_places_do_not_mix(make, tmp_path):
    for place in ("one", "two"):
        corpus = plain_corpus(tmp_path / place)
        records = prepared(make("counting", data_dir=str(corpus)))["train"]
        paths = {row["image"]["path"] for row in records.cast_column("image", datasets.Image(decode=False))}
        assert all(Path(path).is_relative_to(corpus) for path in paths)


def test_seed_changes_messages_and_nothing_else(make, corpus):
    records = [prepared(make("all", data_dir=str(corpus), seed=seed))["train"].to_list() for seed in (0, 1)]
    wordings = [[record.pop("messages") for record in of_seed] for of_seed in records]
    assert wordings[0] != wordings[1]
    assert records[0] == records[1]


def test_same_source_is_prepared_once_however_it_is_spelled(make, tmp_path, monkeypatch):
    corpus = plain_corpus(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(corpus)
    spelled = [str(corpus), f"{corpus}/", "SARDet_100K", corpus, "link", "./SARDet_100K/../SARDet_100K"]
    assert len({make("counting", data_dir=place).cache_dir for place in spelled}) == 1


@pytest.mark.parametrize("way", ["download_and_prepare", "as_streaming_dataset"])
def test_missing_data_dir_is_reported_clearly(make, way):
    with pytest.raises(SARChatError, match="data_dir"):
        getattr(make("referring"), way)()


def test_a_corpus_is_not_taken_for_a_cache(corpus):
    """The first argument of a builder is its cache folder, and was silently filled."""
    before = sorted(corpus.iterdir())
    with pytest.raises(SARChatError, match=r"keywords only, but got .*SARDet_100K.*data_dir="):
        SARChat(str(corpus), "referring")
    assert sorted(corpus.iterdir()) == before


@pytest.mark.parametrize("seed", ["0", 1.5, True])
def test_seed_that_is_no_whole_number_is_refused(make, corpus, seed):
    with pytest.raises(SARChatError, match="seed"):
        make("referring", data_dir=str(corpus), seed=seed).download_and_prepare()


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_wrong_data_dir_is_reported_clearly(make, tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SARChatError, match=place):
        make("referring", data_dir=str(tmp_path / place)).download_and_prepare()


@pytest.mark.parametrize("streaming", [True, False])
def test_missing_image_is_named(make, tmp_path, streaming):
    corpus = plain_corpus(tmp_path)
    (corpus / "JPEGImages" / "train" / "0000002.png").unlink()
    with pytest.raises(Exception) as caught:
        builder = make("counting", data_dir=str(corpus))
        list(builder.as_streaming_dataset()["train"]) if streaming else builder.download_and_prepare()
    causes, error = [], caught.value
    while error is not None:
        causes.append(error)
        error = error.__cause__
    assert any(isinstance(error, SARChatError) and "0000002.png" in str(error) for error in causes)


def test_task_without_a_record_in_a_split_leaves_the_split_out(make, tmp_path):
    pictures = plain_pictures()
    pictures["test"] = [Picture("0000009.png", 100, 100, [("ship", 1, 1, 50, 50)])]
    corpus = write_corpus(tmp_path, pictures)
    assert list(prepared(make("description", data_dir=str(corpus)))) == ["train", "validation"]
    assert list(prepared(make("counting", data_dir=str(corpus)))) == SPLITS


def test_builder_survives_a_file_of_categories_in_another_order(make, tmp_path):
    """`objects.category` is by name and never by position."""
    corpus = plain_corpus(tmp_path)
    file = corpus / "Annotations" / "train.json"
    before = prepared(make("counting", data_dir=str(corpus)))["train"].to_dict()
    coco = json.loads(file.read_text())
    coco["categories"].reverse()
    file.write_text(json.dumps(coco))
    assert prepared(make("counting", data_dir=str(corpus)))["train"].to_dict() == before


@pytest.mark.parametrize("world_size", [3, *slow(2, 7)])
def test_nodes_share_the_stream(make, corpus, world_size):
    stream = make("all", data_dir=str(corpus)).as_streaming_dataset()["train"].remove_columns("image")
    whole = [record["id"] for record in stream]
    parts = [
        [record["id"] for record in split_dataset_by_node(stream, rank=rank, world_size=world_size)]
        for rank in range(world_size)
    ]
    assert sorted(record_id for part in parts for record_id in part) == sorted(whole)
    assert len(set(whole)) == len(whole)


def test_stream_has_enough_shards_to_share(make, corpus):
    stream = make("referring", data_dir=str(corpus)).as_streaming_dataset()["train"]
    shards = stream.num_shards if hasattr(stream, "num_shards") else stream.n_shards
    assert shards >= 8


# Python 3.14 starts processes by `forkserver`, older ones by `fork`.
@pytest.mark.parametrize("method", ["fork", *slow("forkserver")])
def test_loader_with_two_workers_gives_each_record_once(make, corpus, tmp_path, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method}")
    torch_data = pytest.importorskip("torch.utils.data")
    archive = zip_corpus(corpus, tmp_path / "corpus.zip")
    stream = make("all", data_dir=str(archive)).as_streaming_dataset()["train"].remove_columns("image")
    loader = torch_data.DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context=method)
    loaded = [record["id"] for record in loader]
    assert sorted(loaded) == sorted(record["id"] for record in stream)


def test_shuffled_stream_holds_the_same_records(make, corpus):
    stream = make("counting", data_dir=str(corpus)).as_streaming_dataset()["train"].remove_columns("image")
    shuffled = [record["id"] for record in stream.shuffle(seed=4, buffer_size=10)]
    assert shuffled != [record["id"] for record in stream]
    assert sorted(shuffled) == sorted(record["id"] for record in stream)


@pytest.mark.skipif(int(datasets.__version__.split(".")[0]) >= 4, reason="datasets 4 removed loading scripts")
def test_loading_script_works_by_its_path(make, corpus, tmp_path):
    script = importlib.util.find_spec("sarchat_dataset").origin
    options = {"data_dir": str(corpus), "trust_remote_code": True, "cache_dir": str(tmp_path / "script")}
    loaded = datasets.load_dataset(script, "referring", **options)
    expected = prepared(make("referring", data_dir=str(corpus)))
    assert {split: loaded[split].to_dict() for split in loaded} == {s: expected[s].to_dict() for s in expected}
    streamed = datasets.load_dataset(script, "referring", split="test", streaming=True, **options)
    assert [record["id"] for record in streamed] == expected["test"]["id"]


@pytest.mark.parametrize("archived", [False, *slow(True)])
def test_stream_goes_on_where_it_was_stopped(make, corpus, tmp_path, archived):
    place = zip_corpus(corpus, tmp_path / "corpus.zip") if archived else corpus
    stream = make("all", data_dir=str(place)).as_streaming_dataset()["train"].remove_columns("image")
    whole = [record["id"] for record in stream]
    for stop in (1, 2, 5, len(whole) // 3, len(whole) - 1):
        first = iter(stream)
        begun = [next(first)["id"] for _ in range(stop)]
        again = make("all", data_dir=str(place)).as_streaming_dataset()["train"].remove_columns("image")
        again.load_state_dict(stream.state_dict())
        assert begun + [record["id"] for record in again] == whole


@pytest.mark.parametrize("config", ["referring", *slow("all")])
def test_live_records_are_those_of_a_build(make, corpus, config, tmp_path):
    build(corpus, tmp_path / "built")
    live = prepared(make(config, data_dir=str(corpus)))
    for split in SPLITS:
        files = [str(path) for task in tasks_of(config) for path in parquet(tmp_path / "built", task, split)]
        expected = datasets.Dataset.from_parquet(files, cache_dir=str(tmp_path / "parquet"))
        assert list(map(comparable, live[split])) == list(map(comparable, expected))


def test_stream_begins_without_reading_ahead_of_what_is_used(make, tmp_path, monkeypatch):
    place = f"memory://{tmp_path.name}/SARDet_100K"
    fsspec.filesystem("memory").put(str(write_corpus(tmp_path, noisy_pictures(100))), place, recursive=True)
    monkeypatch.setattr(live_module, "SHARDS_PER_TASK", 1)
    read = []
    original = Source.read
    monkeypatch.setattr(Source, "read", lambda self, path: (read.append(path), original(self, path))[1])
    stream = iter(make("classification", data_dir=place).as_streaming_dataset()["train"])
    for used in range(1, 17):
        next(stream)
        # A table has twice as many records as the one before, and as many images are read ahead as were used.
        assert used <= sum(path.endswith(".png") for path in read) <= 4 * used


def test_table_holds_the_images_of_few_records(tmp_path, monkeypatch):
    archive = zip_corpus(write_corpus(tmp_path, noisy_pictures(40)), tmp_path / "corpus.zip")
    monkeypatch.setattr(live_module, "MOST_BYTES", 500_000)
    stamp, shards = find_corpus(archive).stamp(), [live_module.Shard("classification", 0, 1)]
    tables = list(live_module.generate_tables(str(archive), stamp, "train", 0, shards))
    assert sum(map(len, tables)) == 40
    assert len(tables) > 3
    assert all(sum(len(row["image"]["bytes"]) for row in table.to_pylist()) <= 500_000 for table in tables)


def test_two_records_with_one_id_are_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("builders.tasks.record.Conversation.next_id", lambda self: "counting/train/1/0")
    with pytest.raises(SARChatError, match="two records have the id counting/train/1/0"):
        live_records(corpus, "train", ["counting"])
    with pytest.raises(SARChatError, match="two records have the id counting/train/1/0"):
        build(corpus, tmp_path / "built", BuildOptions(tasks=("counting",)))
