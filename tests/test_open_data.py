"""DATA in all its forms: the records and the images are those that `load_dataset` gives, each image read once."""

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from built_fixture import sample_build, sample_corpus
from corpora import noisy_pictures, plain_corpus, write_corpus, zip_corpus
from fsspec.implementations.memory import MemoryFile
from hub_server import Blob, LoopbackHub
from support import ROOT, build, mostly_slow, slow

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.core.schema import IN_ALL, TASKS
from builders.data import rows as rows_module
from builders.data.open_data import open_data
from builders.export.pipeline import ExportOptions, export
from builders.notation.formats import Notation, get_format
from builders.notation.render import Phrasing
from builders.predict.questions import generate_questions
from builders.scoring.gold import read_rows

# All tasks have the same columns; identification has most records, and dialogue is no part of `all`.
QUICK_TASKS = pytest.mark.parametrize("task", mostly_slow(TASKS, "identification", "dialogue"))


def tell(data, task, split, **options):
    """The rows with their images' bytes in place of the images."""
    return [row | {"image": row["image"].read()} for row in data.rows(task, split, **options)]


def loaded(folder, task, split, tmp_path):
    dataset = datasets.load_dataset(str(folder), task, split=split, cache_dir=str(tmp_path / "cache"))
    features = dataset.features | {"image": datasets.Image(decode=False)}
    return dataset.cast(datasets.Features(features)).to_list()


@pytest.fixture
def in_memory():
    """A copy of the sample's build in fsspec's file system in memory: a remote place."""
    fs = fsspec.filesystem("memory")
    fs.put(str(sample_build()), "/builds/sarchat", recursive=True)
    yield "memory://builds/sarchat"
    fs.rm("/builds", recursive=True)


@pytest.fixture
def other_forms(in_memory, tmp_path) -> list[str]:
    """The sample in the forms other than a folder of a build on disk."""
    corpus = sample_corpus() / "SARDet_100K"
    return [in_memory, str(corpus.parent), str(corpus), str(zip_corpus(corpus, tmp_path / "corpus.zip"))]


@QUICK_TASKS
@pytest.mark.parametrize("embed", [True, *slow(False)])
def test_a_build_gives_what_load_dataset_gives(tmp_path, embed, task):
    folder = sample_build(embed=embed)
    data = open_data(str(folder))
    assert data.tasks == tuple(TASKS)
    assert data.splits(task) == ("train", "validation", "test")
    expected = loaded(folder, task, "test", tmp_path)
    found = list(data.rows(task, "test"))
    assert data.count(task, "test") == len(found) == len(expected)
    for row, record in zip(found, expected, strict=True):
        stored = record["image"]
        content = stored["bytes"] if embed else Path(stored["path"]).read_bytes()
        assert row | {"image": None} == record | {"image": None}
        assert list(row) == list(record)
        assert row["image"].read() == content
        assert row["image"].name == record["file_name"]
        assert (str(row["image"].path) == stored["path"]) is not embed


@QUICK_TASKS
def test_remote_and_live_data_give_the_same_rows_as_the_folder(other_forms, task):
    expected = tell(open_data(str(sample_build())), task, "test")
    record_id = expected[-1]["id"]
    columns = ["messages", "objects", "width"]
    for location in other_forms:
        data = open_data(location)
        assert tell(data, task, "test") == expected, location
        assert data.count(task, "test") == len(expected)
        for record in (data.record(task, "test", len(expected) - 1), data.record_with_id(task, record_id)):
            assert record | {"image": record["image"].read()} == expected[-1]
        found = [row for batch in data.batches(task, "test", columns, rows=7) for row in batch.to_pylist()]
        assert found == [{name: row[name] for name in columns} for row in expected], location


def test_a_record_that_is_not_there_is_refused_in_every_form(other_forms):
    for location in (str(sample_build()), *other_forms):
        with pytest.raises(SARChatError, match=r"no record 9999 in all, test; it has \d+ records, counted from 0"):
            open_data(location).record("all", "test", 9999)
        with pytest.raises(SARChatError, match="no record with id 'x' in all, test"):
            open_data(location).record_with_id("all", "x", ["test"])


def test_a_remote_build_without_one_of_its_files_is_refused(in_memory):
    fsspec.filesystem("memory").rm("/builds/sarchat/counting", recursive=True)
    with pytest.raises(SARChatError, match=r"counting/\S+ is listed in README\.md, but missing"):
        open_data(in_memory)


def test_every_command_takes_data_in_every_form(in_memory, tmp_path, capsys):
    locations = [str(sample_build()), in_memory, str(sample_corpus())]
    outputs = []
    for number, location in enumerate(locations):
        out = tmp_path / str(number)
        picture = tmp_path / f"{number}.png"
        main(["show", location, "all", "--index", "5", "--out", str(picture)])
        assert capsys.readouterr().out == f"{picture}\n"
        main(["demo", location, "--out", str(out)])
        main(["stats", location])
        printed = capsys.readouterr().out.replace(location, "DATA").replace(str(out), "OUT")
        outputs.append((printed, picture.read_bytes(), (out / "answers.jsonl").read_bytes()))
    assert outputs[0] == outputs[1] == outputs[2]


READ_FROM_THE_HUB = """
import hashlib, sys
from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.data.open_data import open_data

def tell(data):
    for task in data.tasks:
        for row in data.rows(task, "test"):
            yield row | {"image": hashlib.sha256(row["image"].read()).hexdigest()}

local, remote, branch = map(open_data, (sys.argv[1], "alice/sarchat", "alice/sarchat@main"))
assert list(tell(remote)) == list(tell(branch)) == list(tell(local))
assert remote.fingerprint == local.fingerprint
assert remote.count("counting", "test") == local.count("counting", "test")
try:
    open_data("alice/other")
except SARChatError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_data_set_on_the_hub_is_read_by_its_name(tmp_path):
    folder = sample_build()
    with LoopbackHub() as hub:
        files = {
            path.relative_to(folder).as_posix(): Blob(path.read_bytes(), path.suffix == ".parquet")
            for path in folder.rglob("*")
            if path.is_file()
        }
        hub.store |= {blob.etag: blob.data for blob in files.values() if blob.lfs}
        hub.create("dataset", "alice/sarchat").commit("main", files, "build")
        # The endpoint is read once, as huggingface_hub is imported.
        environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
        command = [sys.executable, "-c", READ_FROM_THE_HUB, str(folder)]
        run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith("alice/other: no such file or folder, and no data set on the Hub")


@pytest.mark.parametrize("form", ["build", "live"])
def test_keep_and_columns(form):
    data = open_data(str(sample_build() if form == "build" else sample_corpus()))
    everything = tell(data, "identification", "test")
    keep = {row["id"] for row in everything[::7]}
    assert tell(data, "identification", "test", keep=keep) == everything[::7]
    assert list(data.rows("identification", "test", keep=())) == []
    columns = ("scenario", "id")
    found = list(data.rows("identification", "test", keep=keep, columns=columns))
    assert found == [{name: row[name] for name in columns} for row in everything[::7]]
    assert all(list(row) == list(columns) for row in found)


def test_one_object_for_each_image_and_one_reading_for_each_row_group(monkeypatch):
    readings = []
    original = rows_module.ParquetPart.open

    def watch(self, **options):
        readings.append(bool(options))
        return original(self, **options)

    monkeypatch.setattr(rows_module.ParquetPart, "open", watch)
    data = open_data(str(sample_build()))
    rows = list(data.rows("identification", "test"))
    images = {id(row["image"]): row["image_id"] for row in rows}
    assert 1 < len(images) == len(set(images.values())) < len(rows)
    assert len({row["image"].read() for row in rows}) == len({row["image"].key for row in rows}) == len(images)
    assert sum(readings) == 1, "the row group's images were read more than once"
    list(data.rows("identification", "test", columns=("id", "file_name")))
    assert sum(readings) == 1, "an image was read that nobody asked for"


def exported(location, tmp_path):
    export(location, tmp_path / "exported", ExportOptions("llava"))


def asked(location, tmp_path):
    data = open_data(location)
    phrasing = Phrasing(Notation(get_format("sarchat"), None))
    ids = {record_id for record_id, _ in read_rows(data, TASKS, "test", columns=("id",))}
    questions = list(generate_questions(data, TASKS, "test", ids, phrasing))
    assert len({question.image_hash for question in questions}) == 20


@pytest.mark.parametrize("read", [exported, asked])
def test_an_image_of_a_remote_build_is_read_once_for_all_tasks(read, tmp_path, monkeypatch):
    folder = _build(tmp_path, noisy_pictures(20, boxes=3, split="test"))
    fs = fsspec.filesystem("memory")
    fs.put(str(folder), "/noisy", recursive=True)
    sizes = []

    def watch(self, *arguments):
        content = BytesIO.read(self, *arguments)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(MemoryFile, "read", watch)
    try:
        read("memory://noisy", tmp_path)
    finally:
        fs.rm("/noisy", recursive=True)
    once = sum(path.stat().st_size for path in (tmp_path / "SARDet_100K").rglob("*.png"))
    # The rest are the footers and the other columns.
    assert once < sum(sizes) < 2 * once


@pytest.mark.slow
def test_memory_holds_an_image_once_and_a_row_group_at_a_time(tmp_path):
    # 40 images of 64 kB with 36 records each.
    pictures = noisy_pictures(40, boxes=6, split="test")
    data = open_data(str(_build(tmp_path, pictures)))
    allocated = pa.total_allocated_bytes()
    tracemalloc.start()
    peak = dense = 0
    last = None
    for row in data.rows("identification", "test"):
        if row["image"] is not last:
            last = row["image"]
            size = len(last.read())
        dense += size
        peak = max(peak, pa.total_allocated_bytes() - allocated)
    in_python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dense > 90_000_000
    assert peak < dense / 5
    assert in_python < dense / 10


def test_the_subset_is_the_same_in_every_form(in_memory):
    locations = [str(sample_build()), str(sample_build(embed=False)), str(sample_corpus()), in_memory]
    subsets = [open_data(location).subset(IN_ALL, "test", 3) for location in locations]
    assert len(set(subsets)) == 1
    assert 6 * 3 <= len(subsets[0]) <= 6 * 3 * 2
    assert open_data(locations[0]).subset(IN_ALL, "test", None) is None


def test_select(tmp_path):
    data = open_data(str(sample_build(tasks=("counting", "referring"), splits=("test",))))
    assert data.select("all", "test") == data.tasks == ("counting", "referring")
    assert data.select("referring", "test") == ("referring",)
    with pytest.raises(SARChatError, match=r"has no config 'grounding'.*; it has all, counting, referring"):
        data.select("grounding", "test")
    with pytest.raises(SARChatError, match="config counting has no split 'val'; it has test"):
        data.select("counting", "val")


def test_the_fingerprint_is_that_of_the_records(tmp_path):
    corpus = plain_corpus(tmp_path)
    folders = [tmp_path / name for name in ("first", "again", "seeded")]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        build(corpus, folder, BuildOptions(seed=seed))
    first, again, seeded = (open_data(str(folder)).fingerprint for folder in folders)
    assert first == again != seeded
    (folders[1] / "SHA256SUMS").unlink()
    (folders[2] / "SHA256SUMS").unlink()
    assert open_data(str(folders[1])).fingerprint != open_data(str(folders[2])).fingerprint
    live = open_data(str(corpus)).fingerprint
    (corpus / "Annotations" / "test.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    assert open_data(str(corpus)).fingerprint != live


def test_the_version_is_the_one_that_the_build_says(tmp_path):
    folder = shutil.copytree(sample_build(), tmp_path / "sarchat")
    for content, version in (('{"version": "1.2.3"}', "1.2.3"), ("[]", None), ('{"version": 1}', None)):
        (folder / "build.json").write_text(content)
        assert open_data(str(folder)).version == version
    (folder / "build.json").write_text("no JSON")
    with pytest.raises(SARChatError, match=r"build\.json is not valid JSON"):
        open_data(str(folder))


def test_what_is_no_data_is_refused_in_a_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no zip")
    other = tmp_path / "other"
    other.mkdir()
    (other / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: a.parquet\n---\n"
    )
    (other / "a.parquet").write_bytes(b"")
    for location, message in [
        ("nothing", r"no such file or folder; give a folder of `sarchat build`"),
        (
            str(tmp_path / "empty"),
            "neither a build .* nor SARDet-100K: .*contains no annotations: expected Annotations/",
        ),
        (str(tmp_path / "text.txt"), "not a readable zip"),
        (str(other), "has no config of a SARChat task; expected classification, .*, found default"),
        ("memory://nowhere", "nothing found at memory://nowhere"),
        ("nothing://at/all", "nothing://at/all"),
    ]:
        with pytest.raises(SARChatError, match=message) as error:
            open_data(location)
        assert "\n" not in str(error.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_card_that_is_no_file_is_not_opened(tmp_path):
    """A device has no end, and a pipe would be waited for."""
    make = {"device": lambda path: path.symlink_to("/dev/zero"), "pipe": os.mkfifo}
    for name, place in make.items():
        (tmp_path / name).mkdir()
        place(tmp_path / name / "README.md")
        with pytest.raises(SARChatError, match=r"neither a build .* nor SARDet-100K"):
            open_data(str(tmp_path / name))


def test_a_card_without_an_end_is_not_read_whole(tmp_path):
    folder = shutil.copytree(sample_build(), tmp_path / "sarchat")
    # Almost all of it is a hole, which takes no disk.
    os.truncate(folder / "README.md", 40_000_000_000)
    with pytest.raises(SARChatError, match=r"README\.md: it has more than 10,000,000 bytes; rebuild the folder"):
        open_data(str(folder))


def test_files_that_are_damaged_or_of_others_are_named(tmp_path):
    folder = shutil.copytree(sample_build(), tmp_path / "sarchat")
    file = next((folder / "counting").glob("test-*.parquet"))
    table = pq.read_table(file)
    pq.write_table(table.drop(["scenario"]), file)
    with pytest.raises(SARChatError, match=rf"{file.name} has no column 'scenario'"):
        list(open_data(str(folder)).rows("counting", "test"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SARChatError, match=rf"{file.name} is not a complete Parquet file"):
        list(open_data(str(folder)).rows("counting", "test"))


def test_an_image_file_that_is_gone_is_named(tmp_path):
    corpus = plain_corpus(tmp_path)
    build(corpus, tmp_path / "sarchat", BuildOptions(embed=False))
    shutil.rmtree(corpus)
    row = next(open_data(str(tmp_path / "sarchat")).rows("counting", "test"))
    with pytest.raises(SARChatError, match=r"0000006\.jpg cannot be read .*--no-embed"):
        row["image"].read()


def test_files_that_were_not_written_by_a_build_are_read_too(tmp_path):
    # As `Dataset.to_parquet` writes them: several row groups, images not dictionary-encoded.
    folder = shutil.copytree(sample_build(), tmp_path / "sarchat")
    file = next((folder / "identification").glob("test-*.parquet"))
    expected = tell(open_data(str(folder)), "identification", "test")
    pq.write_table(pq.read_table(file), file, row_group_size=10, use_dictionary=False)
    assert tell(open_data(str(folder)), "identification", "test") == expected


def test_a_zip_is_read_while_it_stays_a_zip(tmp_path):
    archive = zip_corpus(sample_corpus() / "SARDet_100K", tmp_path / "corpus.zip", method=zipfile.ZIP_STORED)
    row = next(open_data(str(archive)).rows("referring", "test"))
    assert row["image"].path is None and row["image"].read()


def _build(tmp_path, pictures):
    build(write_corpus(tmp_path, pictures), tmp_path / "sarchat")
    return tmp_path / "sarchat"
