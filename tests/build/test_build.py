"""The folder that a build writes: the same bytes whatever the processes, small, true, and readable everywhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from corpora import NAMES, Picture, noisy_pictures, plain_corpus, random_corpus, write_corpus, zip_corpus
from oracle import EVERY_TASK as TASKS
from oracle import IN_ALL
from support import build, comparable, parquet, slow, tree

from builders.build import plan
from builders.build.options import BuildOptions
from builders.core.errors import SARChatError
from sarchat_dataset import FEATURES, RELEASE_NOTES, VERSION, SARChat

SPLITS = {"train": "train", "validation": "val", "test": "test"}


def rows(folder: Path, task: str, split: str) -> list[dict]:
    return [row for path in parquet(folder, task, split) for row in pq.read_table(path).to_pylist()]


def card(folder: Path) -> dict:
    return yaml.safe_load((folder / "README.md").read_text().split("---")[1])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return random_corpus(tmp_path_factory.mktemp("corpus"), 1, 6)


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built") / "sarchat"
    build(corpus, out)
    return out


def generate(corpus, config: str, cache: Path) -> dict[str, list[dict]]:
    """What the live builder gives for a config, by split."""
    builder = SARChat(config_name=config, data_dir=str(corpus), cache_dir=str(cache))
    builder.download_and_prepare()
    return {split: [comparable(record) for record in records] for split, records in builder.as_dataset().items()}


@pytest.fixture(scope="module")
def live(corpus, tmp_path_factory) -> dict[str, list[dict]]:
    return generate(corpus, "all", tmp_path_factory.mktemp("live"))


@pytest.mark.parametrize("embed", [True, *slow(False)])
def test_bytes_do_not_depend_on_the_number_of_processes(tmp_path, corpus, monkeypatch, embed):
    monkeypatch.setattr(plan, "SHARD_RECORDS", 20)
    for number in (1, 2):
        build(corpus, tmp_path / str(number), BuildOptions(num_proc=number, embed=embed))
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    assert len(parquet(tmp_path / "1", "identification", "train")) > 1


def test_command_builds_the_same_as_the_function(tmp_path, corpus, built, sarchat):
    result = sarchat("build", corpus, "--out", tmp_path / "sarchat", "--no-pictures")
    assert result.returncode == 0, result.stderr
    assert tree(tmp_path / "sarchat") == tree(built)
    for task in TASKS:
        counts = [len(rows(built, task, split)) for split in SPLITS]
        cells = [f"{count:,}" for count in (*counts, sum(counts))]
        assert re.search(rf"^{task}\s+" + r"\s+".join(cells) + "$", result.stdout, re.M)


def test_shards_hold_the_same_rows_in_the_same_order(tmp_path, corpus, built, monkeypatch):
    monkeypatch.setattr(plan, "SHARD_IMAGE_BYTES", 100_000)
    build(corpus, tmp_path / "out")
    for task in TASKS:
        for split in SPLITS:
            assert rows(tmp_path / "out", task, split) == rows(built, task, split)
            names = [path.name for path in parquet(tmp_path / "out", task, split)]
            assert names == [f"{split}-{i:05d}-of-{len(names):05d}.parquet" for i in range(len(names))]
    assert len(parquet(tmp_path / "out", "classification", "train")) > 1


def test_shards_stay_below_their_limit(tmp_path, monkeypatch):
    corpus = write_corpus(tmp_path, noisy_pictures(20, side=128))
    monkeypatch.setattr(plan, "SHARD_IMAGE_BYTES", 70_000)
    build(corpus, tmp_path / "out")
    assert len(parquet(tmp_path / "out", "counting")) == 5
    # 20 kB for the texts and the file's own directory.
    assert max(path.stat().st_size for path in parquet(tmp_path / "out")) < 70_000 + 20_000


def test_few_records_per_image_fill_few_files(tmp_path, monkeypatch):
    """Only the tasks that are built decide where files are cut."""
    corpus = write_corpus(tmp_path, noisy_pictures(20, side=64, boxes=8))
    monkeypatch.setattr(plan, "SHARD_RECORDS", 100)
    build(corpus, tmp_path / "out", BuildOptions(tasks=["referring"]))
    build(corpus, tmp_path / "pairs", BuildOptions(tasks=["referring", "identification"]))
    assert len(parquet(tmp_path / "out")) == 1
    assert len(parquet(tmp_path / "pairs", "referring")) == 20


def test_image_with_too_many_records_is_refused_and_the_limit_can_be_raised(tmp_path):
    corpus = write_corpus(tmp_path, noisy_pictures(2, side=64, boxes=8))
    with pytest.raises(SARChatError, match=r"0000000\.png has 8 targets, so 64 records of identification"):
        build(corpus, tmp_path / "out", BuildOptions(max_records_per_image=63))
    build(corpus, tmp_path / "out", BuildOptions(max_records_per_image=64))
    build(corpus, tmp_path / "out", BuildOptions(max_records_per_image=8, tasks=["grounding"]))


def test_build_says_what_it_was_made_from(tmp_path, corpus, built):
    info = json.loads((built / "build.json").read_text())
    assert info["version"] == str(VERSION) and VERSION in RELEASE_NOTES
    assert info["options"] == {"tasks": list(TASKS), "splits": [], "seed": 0, "identifications": 8, "embed": True}
    text = (built / "README.md").read_text()
    assert f"**Version:** {VERSION}" in text and info["source"]["fingerprint"] in text
    zipped = zip_corpus(corpus, tmp_path / "corpus.zip")
    build(zipped, tmp_path / "zip", BuildOptions(tasks=["counting"], seed=3))
    other = json.loads((tmp_path / "zip" / "build.json").read_text())
    assert other["source"] == info["source"] and other["options"]["seed"] == 3


def test_undecodable_image_is_not_chosen_for_the_card(tmp_path):
    corpus = write_corpus(tmp_path, noisy_pictures(3, side=256))
    build(corpus, tmp_path / "whole")
    shown = set(re.findall(r"`\w+/train/(\d+)/", (tmp_path / "whole" / "README.md").read_text()))
    cut = corpus / "JPEGImages" / "train" / f"{min(shown)}.png"
    cut.write_bytes(cut.read_bytes()[:2000])
    build(corpus, tmp_path / "cut")
    text = (tmp_path / "cut" / "README.md").read_text()
    assert min(shown) not in re.findall(r"`\w+/train/(\d+)/", text)


def test_built_and_live_records_are_the_same_in_the_same_order(tmp_path, built, live):
    loaded = datasets.load_dataset(str(built), cache_dir=str(tmp_path))
    assert list(loaded) == list(live) == list(SPLITS)
    for split, records in live.items():
        assert [comparable(record) for record in loaded[split]] == records


@pytest.mark.parametrize("config", [TASKS[-1], *slow(*TASKS[:-1], "all")])
def test_each_config_loads_and_streams(tmp_path, corpus, built, live, config):
    assert set(datasets.get_dataset_config_names(str(built))) == {*TASKS, "all"}
    loaded = datasets.load_dataset(str(built), config, cache_dir=str(tmp_path))
    streamed = datasets.load_dataset(str(built), config, cache_dir=str(tmp_path), streaming=True)
    assert list(loaded) == list(streamed) == list(SPLITS)
    for split in SPLITS:
        whole = live if config in ("all", *IN_ALL) else generate(corpus, config, tmp_path / "live")
        expected = [record for record in whole[split] if config in ("all", record["task"])]
        assert loaded[split].features == streamed[split].features == FEATURES
        assert [comparable(record) for record in loaded[split]] == expected
        assert [comparable(record) for record in streamed[split]] == expected


def test_card_tells_the_true_sizes(built):
    infos = {info["config_name"]: info for info in card(built)["dataset_info"]}
    assert set(infos) == {*TASKS, "all"}
    for config, info in infos.items():
        tasks = IN_ALL if config == "all" else [config]
        assert info["download_size"] == sum(p.stat().st_size for task in tasks for p in parquet(built, task))
        assert info["dataset_size"] == sum(split["num_bytes"] for split in info["splits"])


def test_card_spells_lists_for_the_oldest_datasets_too(built):
    text = json.dumps(card(built)["dataset_info"])
    assert '"sequence"' in text
    assert "List(" not in text


def test_sums_verify(built):
    lines = (built / "SHA256SUMS").read_text().splitlines()
    sums = dict(reversed(re.fullmatch(r"([0-9a-f]{64})  (\S+)", line).groups()) for line in lines)
    found = tree(built)
    del found["SHA256SUMS"]
    assert sums == found
    assert list(sums) == sorted(sums)
    if shutil.which("sha256sum"):
        assert (
            subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=built, check=False).returncode == 0
        )


def test_folder_holds_card_sums_pictures_and_parquet_alone(built):
    names = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    parquet_files = rf"({'|'.join(TASKS)})/(train|validation|test)-\d{{5}}-of-\d{{5}}\.parquet"
    others = {name for name in names if not re.fullmatch(parquet_files, name)}
    assert {"README.md", "SHA256SUMS", "build.json"} <= others
    assert all(re.fullmatch(r"README\.md|SHA256SUMS|build\.json|pictures/\w+\.png", name) for name in others)


def test_parquet_has_no_schema_of_arrow_or_datasets_and_all_but_images_is_zstd(built):
    for path in parquet(built):
        file = pq.ParquetFile(path)
        # The features alone: a stored schema would depend on the version of Arrow.
        assert set(file.metadata.metadata) == set(file.schema_arrow.metadata) == {b"huggingface"}
        columns = [file.metadata.row_group(0).column(i) for i in range(file.metadata.num_columns)]
        (image,) = (column for column in columns if column.path_in_schema == "image.bytes")
        assert image.has_dictionary_page
        assert image.compression == "UNCOMPRESSED"
        assert {column.compression for column in columns if column is not image} == {"ZSTD"}


def check_row_groups(path: Path, limit: int) -> int:
    """Check size and storage of each row group; return their number."""
    file = pq.ParquetFile(path)
    for index in range(file.num_row_groups):
        table = file.read_row_group(index)
        images = table["image"].combine_chunks().field("bytes")
        assert not pa.types.is_dictionary(images.type)
        assert table.nbytes < limit
        unique = sum(map(len, set(images.to_pylist())))
        meta = file.metadata.row_group(index)
        (stored,) = (meta.column(i) for i in range(meta.num_columns) if meta.column(i).path_in_schema == "image.bytes")
        assert stored.total_compressed_size < 1.01 * unique + 1000
    return file.num_row_groups


def test_row_groups_are_small_when_read_and_store_an_image_once(tmp_path, monkeypatch):
    corpus = write_corpus(tmp_path, noisy_pictures(6, side=128, boxes=7))
    monkeypatch.setattr(plan, "ROW_GROUP_DENSE_BYTES", 500_000)
    build(corpus, tmp_path / "out")
    assert check_row_groups(*parquet(tmp_path / "out", "identification"), 640_000) > 6
    for task in TASKS:
        for path in parquet(tmp_path / "out", task):
            check_row_groups(path, 640_000)


@pytest.mark.slow
def test_image_with_many_targets_fills_several_row_groups_below_128_megabytes(tmp_path):
    boxes = [(NAMES[i % 6], i, 2 * i, 20, 30) for i in range(60)]
    pictures = [Picture(f"{i:07d}.png", 240, 240, boxes[: 60 - 50 * i], noise=True) for i in range(2)]
    corpus = write_corpus(tmp_path, {"train": pictures})
    build(corpus, tmp_path / "out")
    (path,) = parquet(tmp_path / "out", "identification")
    assert pq.read_metadata(path).num_rows == 60**2 + 10**2
    assert check_row_groups(path, 128_000_000) > 1


def test_rows_do_not_depend_on_the_row_groups(tmp_path, corpus, built, monkeypatch):
    monkeypatch.setattr(plan, "ROW_GROUP_DENSE_BYTES", 30_000)
    monkeypatch.setattr(plan, "ROW_GROUP_ROWS", 7)
    build(corpus, tmp_path / "out")
    assert all(rows(tmp_path / "out", task, split) == rows(built, task, split) for task in TASKS for split in SPLITS)


@pytest.mark.parametrize("which", ["noise", "real"])
def test_identification_takes_little_more_than_its_images_and_texts(tmp_path, which, request):
    if which == "real":
        corpus = request.getfixturevalue("real_corpus")
    else:
        corpus = write_corpus(tmp_path, noisy_pictures(12, boxes=5))
    build(corpus, tmp_path / "out", BuildOptions(tasks=["identification"]))
    for path in parquet(tmp_path / "out"):
        found = pq.read_table(path).to_pylist()
        images = sum(map(len, {row["image"]["bytes"] for row in found}))
        texts = sum(len(row["id"]) + sum(len(message["content"]) for message in row["messages"]) for row in found)
        assert path.stat().st_size <= 1.1 * images + texts


def test_no_embed_stores_paths_alone(tmp_path, corpus, live):
    build(corpus, tmp_path / "out", BuildOptions(embed=False))
    for path in parquet(tmp_path / "out"):
        for row in pq.read_table(path).to_pylist():
            assert row["image"]["bytes"] is None
            assert Path(row["image"]["path"]).is_absolute() and Path(row["image"]["path"]).is_file()
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: [comparable(record) for record in records] for split, records in loaded.items()} == live


def test_relative_source_and_out_work(tmp_path, corpus, built, monkeypatch):
    monkeypatch.chdir(corpus.parent)
    build(corpus.name, Path("relative-out"))
    build(corpus.name, Path("relative-paths"), BuildOptions(embed=False, tasks=["counting"], splits=["test"]))
    assert tree(Path("relative-out")) == tree(built)
    monkeypatch.chdir(tmp_path)
    paths = rows(corpus.parent / "relative-paths", "counting", "test")
    assert paths and all(Path(row["image"]["path"]).is_file() for row in paths)


def test_task_and_split_choose(tmp_path, corpus, built, sarchat):
    chosen = ["--task", "referring", "--task", "counting", "--split", "test", "--split", "validation"]
    result = sarchat("build", corpus, "--out", tmp_path / "out", "--no-pictures", *chosen)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "out"
    for path in parquet(built):
        taken = path.parent.name in ("referring", "counting") and not path.name.startswith("train")
        assert (folder / path.relative_to(built)).is_file() == taken
    assert set(datasets.get_dataset_config_names(str(folder))) == {"all", "counting", "referring"}
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"validation", "test"}
    assert set(loaded["test"]["task"]) == {"counting", "referring"}


def test_rebuild_takes_the_place_of_the_build_before(tmp_path, corpus, built):
    out = tmp_path / "out"
    build(corpus, out, BuildOptions(seed=9, splits=["test"]))
    before = tree(out)
    build(corpus, out)
    assert tree(out) == tree(built) != before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("foreign", ["referring/extra.parquet", ".hidden", *slow("notes.txt", "deep/er/file")])
def test_folder_with_a_foreign_file_is_refused_and_untouched(tmp_path, corpus, foreign):
    out = tmp_path / "out"
    build(corpus, out, BuildOptions(tasks=["referring"]))
    (out / foreign).parent.mkdir(parents=True, exist_ok=True)
    (out / foreign).write_text("mine")
    before = tree(out)
    with pytest.raises(SARChatError, match="something other than"):
        build(corpus, out)
    assert tree(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_empty_folder_and_one_with_the_hubs_own_notes_may_be_written(tmp_path, corpus, built):
    out = tmp_path / "out"
    out.mkdir()
    build(corpus, out)
    (out / ".cache" / "huggingface").mkdir(parents=True)
    (out / ".cache" / "huggingface" / "state.json").write_text("{}")
    build(corpus, out)
    assert {name: digest for name, digest in tree(out).items() if not name.startswith(".cache")} == tree(built)


def test_out_may_be_a_link_to_a_folder(tmp_path, corpus, built):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    build(corpus, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert tree(tmp_path / "real") == tree(built)


def test_built_folder_can_be_moved(tmp_path, built, live):
    shutil.copytree(built, tmp_path / "elsewhere" / "any name")
    loaded = datasets.load_dataset(str(tmp_path / "elsewhere" / "any name"), "counting", cache_dir=str(tmp_path / "c"))
    assert len(loaded["test"]) == sum(record["task"] == "counting" for record in live["test"])


def test_split_and_task_without_a_record_are_left_out(tmp_path):
    pictures = {
        "train": [Picture("0000001.jpg", 100, 100, [("ship", 5, 5, 50, 50)])],
        "val": [Picture("0000002.jpg", 100, 100, [("ship", 5, 5, 0, 50)])],
    }
    corpus = write_corpus(tmp_path, pictures)
    report = build(corpus, tmp_path / "out")
    assert set(datasets.get_dataset_config_names(str(tmp_path / "out"))) == {"all", *IN_ALL, "dialogue"} - {
        "description"
    }
    for config in ("all", "referring"):
        assert list(datasets.load_dataset(str(tmp_path / "out"), config, cache_dir=str(tmp_path / "c"))) == ["train"]
    assert report.plan.images == {"train": 1, "validation": 0}
    assert report.plan.without_target == {"train": 0, "validation": 1}


def test_dropped_boxes_are_counted_by_reason(tmp_path, sarchat):
    boxes = [
        *(("ship", 5, 5, 50, 50), ("ship", 5, 5, 50, 50), ("ship", 5, 5, 50, 50), ("car", 5, 5, 50, 50)),
        *(("ship", 9, 9, 0, 5), ("ship", 9, 9, 5, -1)),
        *(("car", 100, 5, 9, 9), ("car", -9, 5, 9, 9), ("car", 5, 120, 9, 9), ("car", 5, -30, 9, 9)),
        *(
            ("tank", 1, 1, 9, 9, {"iscrowd": 1}),
            ("tank", 1, 1, 9, 9, {"ignore": 1}),
            ("tank", 2, 2, 9, 9, {"ignore": 1}),
        ),
        *(("tank", 3, 3, 9, 9, {"ignore": 1}), ("tank", 3, 4, 9, 9, {"ignore": 1})),
    ]
    corpus = write_corpus(tmp_path, {"train": [Picture("1.png", 100, 100, boxes), Picture("2.png", 100, 100)]})
    result = sarchat("build", corpus, "--out", tmp_path / "out", "--no-pictures")
    assert result.returncode == 0, result.stderr
    counts = dict(re.findall(r"^((?:box|image): .+?)\s\s+(\d+)", result.stdout, re.M))
    assert sorted(map(int, counts.values())) == [0, 0, 1, 2, 2, 4, 5]
    assert [counts[key] for key in counts if "duplicate" in key] == ["2"]
    assert [counts[key] for key in counts if "outside" in key] == ["4"]
    assert [counts[key] for key in counts if "crowd" in key] == ["5"]
    assert [counts[key] for key in counts if "target" in key] == ["1"]
    assert [counts[key] for key in counts if "clipped" in key or "category" in key] == ["0", "0"]


@pytest.mark.slow
def test_source_is_only_read(tmp_path):
    corpus = plain_corpus(tmp_path / "source")
    before = tree(tmp_path / "source")
    build(corpus, tmp_path / "out", BuildOptions(num_proc=2))
    assert tree(tmp_path / "source") == before
