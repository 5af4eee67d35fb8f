"""`sarchat export`: what every format's files hold, in words of the data set itself."""

import base64
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from built_fixture import sample_build, sample_corpus, small_build
from corpora import Picture, write_corpus
from PIL import Image
from support import build, mostly_slow, mounted, refusal, slow, tree

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.core.schema import IN_ALL
from builders.data.encoded_image import EncodedImage
from builders.data.open_data import open_data
from builders.export.files import record_file
from builders.export.formats import FORMATS
from builders.export.images import CLONED, CONVERTED, COPIED, ImageStore
from builders.export.pipeline import ExportOptions, export
from builders.export.record import ExportRecord
from builders.predict.images import encode_image

# Where each format keeps a record's question, answer and image.
READ = {
    "ms-swift": lambda row: (row["messages"][0]["content"], row["messages"][1]["content"], row["images"][0]),
    "llama-factory": lambda row: (row["messages"][0]["content"], row["messages"][1]["content"], row["images"][0]),
    "trl": lambda row: (row["prompt"][0]["content"], row["completion"][0]["content"], row["image"]["path"]),
    "llava": lambda row: (row["conversations"][0]["value"], row["conversations"][1]["value"], row["image"]),
    "verl": lambda row: (row["prompt"][0]["content"], row["reward_model"]["ground_truth"], row["images"][0]["image"]),
}
TRAINERS = [name for name, fmt in FORMATS.items() if not fmt.evaluates]
HARNESSES = [name for name, fmt in FORMATS.items() if fmt.evaluates]
for harness in HARNESSES:
    READ[harness] = lambda row: (row["question"], row["solution"], row.get("image_path") or row["image"])
# A format of each kind of file, the one with the boxes in a column, and one of a harness.
QUICK = mostly_slow(FORMATS, "ms-swift", "llama-factory", "trl", "vlmevalkit")
# Trainers count placeholders: one for the image, in the question, if any.
WITHOUT_PLACEHOLDER = {"trl", *HARNESSES}
PLACEHOLDER = re.compile(r"^<image>\n?")


def read_rows(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".tsv":
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.rstrip("\n").split("\n")]


def record_id(row: dict) -> str:
    return row["id"] if "id" in row else row["extra_info"]["id"]


def spelled_out(row: dict, question: str, answer: str) -> tuple[str, str]:
    """Undo ms-swift's `<bbox>`: the corners of `objects` in order of appearance, question first."""
    boxes = iter((row.get("objects") or {}).get("bbox", []))

    def spell(_: re.Match) -> str:
        return "{" + "".join(f"<{corner}>" for corner in next(boxes)) + "}"

    texts = re.sub("<bbox>", spell, question), re.sub("<bbox>", spell, answer)
    assert next(boxes, None) is None
    return texts


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the sample's export to a format, which is made once and never changed."""
    folder = tmp_path_factory.mktemp("exports")

    @cache
    def make(name: str) -> Path:
        export(str(sample_build()), folder / name, native(name))
        return folder / name

    return make


def native(name: str) -> ExportOptions:
    """Return the options for boxes as the data set has them; ms-swift gets them in a column."""
    return ExportOptions(name, box_format=None if name == "ms-swift" else "sarchat")


def gold(name: str) -> dict[tuple[str, str], list[dict]]:
    """Return the records of an export: of a harness, those of the test split."""
    data = open_data(str(sample_build()))
    parts = [(task, split) for task in IN_ALL for split in data.splits(task)]
    return {part: list(data.rows(*part)) for part in parts if name not in HARNESSES or part[1] == "test"}


@pytest.mark.parametrize("name", QUICK)
def test_a_file_per_task_and_split_holds_every_record_in_order(name, exported):
    for (task, split), rows in gold(name).items():
        found = read_rows(exported(name) / f"{task}-{split}{FORMATS[name].suffix}")
        assert [record_id(row) for row in found] == [row["id"] for row in rows]
        for row, record in zip(found, rows, strict=True):
            question, answer, _ = READ[name](row)
            texts = spelled_out(row, PLACEHOLDER.sub("", question), answer)
            assert texts == tuple(message["content"] for message in record["messages"])
            assert question.count("<image>") == (name not in WITHOUT_PLACEHOLDER) and "<image>" not in answer


@pytest.mark.parametrize("name", FORMATS)
def test_any_text_is_written_as_it_is(name, tmp_path):
    text = 'a "ship" \\ in {braces}, {<1><2>} and {<1><2><30><40>}\t\x01\x7f \u2028 é 船 🚢'
    record = ExportRecord("an/id", "referring", "single", text, text, text, '/an "image".png', 50, 50)
    file = record_file(tmp_path / f"rows{FORMATS[name].suffix}", FORMATS[name].schema)
    for _ in range(2):
        file.write(FORMATS[name].convert(record))
    file.close()
    rows = read_rows(file.path)
    assert len(rows) == 2
    for row in rows:
        question, answer, image = READ[name](row)
        assert spelled_out(row, PLACEHOLDER.sub("", question), answer) == (text, text)
        assert (record_id(row), image) == (record.id, record.image)


@pytest.mark.parametrize("name", mostly_slow(FORMATS, "trl", "vlmevalkit"))
def test_every_image_that_is_named_is_there_with_its_own_bytes_and_once(name, exported):
    folder = exported(name)
    named = set()
    for (task, split), rows in gold(name).items():
        found = read_rows(folder / f"{task}-{split}{FORMATS[name].suffix}")
        for row, record in zip(found, rows, strict=True):
            assert READ[name](row)[2].startswith("images/")
            path = folder / READ[name](row)[2]
            if path not in named:
                assert path.read_bytes() == record["image"].read()
                named.add(path)
    assert named == {path for path in (folder / "images").rglob("*") if path.is_file()}


def test_embedded_referring_and_live_data_give_the_same_export(tmp_path):
    out = tmp_path / "out"
    trees = []
    for location in (sample_build(), sample_build(embed=False), sample_corpus()):
        export(str(location), out, ExportOptions("ms-swift"))
        files = tree(out)
        del files["export.json"]  # names the data
        trees.append(files)
        shutil.rmtree(out)
    assert trees[0] == trees[1] == trees[2]


@pytest.mark.parametrize("name", mostly_slow(FORMATS, "llama-factory", "vlmevalkit"))
def test_an_export_names_no_place_and_is_the_same_anywhere(name, exported, tmp_path):
    (tmp_path / "else where").mkdir()
    export(str(sample_build()), tmp_path / "else where" / "it's", native(name))
    assert tree(tmp_path / "else where" / "it's") == tree(exported(name))


def test_exports_in_folders_of_one_name_are_two_data_sets(tmp_path):
    """`datasets` keeps what it loads by the folder's name and the lines of its README."""
    for limit in (1, 2):
        out = tmp_path / str(limit) / "export"
        out.parent.mkdir()
        made = export(str(sample_build()), out, ExportOptions("trl", tasks=["counting"], limit=limit))
        loaded = datasets.load_dataset(str(out), "sarchat", split="train", cache_dir=str(tmp_path / "cache"))
        assert len(loaded) == sum(table.use for table in made.training)


def test_images_are_linked_copied_or_left_where_they_are(tmp_path):
    source = next(path for path in sample_corpus().rglob("JPEGImages/train/*") if path.is_file())
    for way in ("link", "copy", "path"):
        options = ExportOptions("trl", ("classification",), ("train",), images=way)
        export(str(sample_corpus()), tmp_path / way, options)
        paths = [
            tmp_path / way / row["image"]["path"] for row in read_rows(tmp_path / way / "classification-train.parquet")
        ]
        same = next(path for path in paths if path.name == source.name)
        assert same.read_bytes() == source.read_bytes()
        assert (same.stat().st_ino == source.stat().st_ino) == (way != "copy")
        assert (tmp_path / way / "images").exists() == (way != "path")
        assert (same == source) == (way == "path")


def test_an_edit_of_an_exported_image_stays_in_the_export(tmp_path):
    corpus = shutil.copytree(sample_corpus(), tmp_path / "corpus")
    before = tree(corpus)
    export(str(corpus), tmp_path / "out", ExportOptions("trl", ("classification",)))
    for path in (tmp_path / "out" / "images").rglob("*.*"):
        with Image.open(path) as image:
            image.load()
        Image.eval(image, lambda value: 255 - value).save(path)
    assert tree(corpus) == before


def test_a_copy_shares_blocks_where_the_file_system_can(tmp_path):
    if not shutil.which("mkfs.xfs"):
        pytest.skip("needs mkfs.xfs")
    with (tmp_path / "disk").open("wb") as disk:
        disk.truncate(350_000_000)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", tmp_path / "disk"], check=True)
    with mounted(tmp_path / "mount", "-o", "loop", str(tmp_path / "disk")) as place:
        corpus = shutil.copytree(sample_corpus(), place / "corpus")
        before = tree(corpus)
        made = export(str(corpus), place / "out", ExportOptions("trl"))
        assert dict(made.images) == {CLONED: len([*(place / "out" / "images").rglob("*.*")])}
        stored = next((place / "out" / "images").rglob("*.*"))
        assert stored.read_bytes() in [path.read_bytes() for path in corpus.rglob("*.*")]
        stored.write_bytes(b"")
        assert tree(corpus) == before
        # Not across file systems.
        made = export(str(corpus), tmp_path / "out", ExportOptions("trl"))
        assert set(made.images) == {COPIED}


DEEP = {
    "16 bits": (np.uint16, "PNG"),
    "16 bits, TIFF": (np.uint16, "TIFF"),
    "32 bits": (np.int32, "TIFF"),
    "floats": (np.float32, "TIFF"),
}


@pytest.fixture(scope="module")
def deep_corpus(tmp_path_factory):
    """Images that `convert("RGB")` makes white or black, each with the name of its kind, and one of 8 bits."""
    corpus = write_corpus(tmp_path_factory.mktemp("deep"), deep_pictures())
    pixels = np.random.default_rng(0).rayleigh(800, (256, 256))
    for number, (dtype, kind) in enumerate(DEEP.values()):
        scaled = pixels / 5000 if dtype is np.float32 else pixels
        Image.fromarray(scaled.astype(dtype)).save(corpus / f"JPEGImages/train/{number}.png", kind)
    return corpus.parent


def deep_pictures() -> dict[str, list[Picture]]:
    names = [f"{number}.png" for number in range(len(DEEP) + 1)]
    return {"train": [Picture(name, boxes=[("ship", 10, 10, 20, 20)], noise=True) for name in names]}


@pytest.mark.parametrize(
    ("source", "way"),
    mostly_slow(
        [("embedded", "copy"), *((source, way) for source in ("live", "referred") for way in ("copy", "link", "path"))],
        ("embedded", "copy"),
        ("live", "link"),
        ("referred", "path"),
    ),
)
def test_no_image_is_destroyed_by_a_trainer(source, way, deep_corpus, tmp_path):
    location = deep_corpus
    if source != "live":
        location = tmp_path / "built"
        build(deep_corpus, location, BuildOptions(embed=source == "embedded"))
    made = export(str(location), tmp_path / "out", ExportOptions("llava", ("classification",), images=way))
    assert made.images[CONVERTED] == len(DEEP) and sum(made.images.values()) == len(DEEP) + 1
    rows = list(open_data(str(location)).rows("classification", "train"))
    for row, exported in zip(rows, read_rows(tmp_path / "out" / "classification-train.json"), strict=True):
        url = encode_image(row["image"])
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
            sent = np.asarray(image.convert("RGB"))
        with Image.open(tmp_path / "out" / exported["image"]) as image:
            trained_on = np.asarray(image.convert("RGB"))
        assert (trained_on == sent).all()
        assert 30 < np.median(trained_on) < 180


def same_names(folder: Path, columns: dict[str, object]) -> dict[str, list[dict]]:
    """Give all records of a build's testing split the same values in some columns; return each task's rows."""
    rows = {}
    for file in folder.glob("*/test-*.parquet"):
        table = pq.read_table(file)
        for name, value in columns.items():
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array([value] * len(table), table.schema.field(name).type))
        images = [{"bytes": image["bytes"], "path": "same.png"} for image in table.column("image").to_pylist()]
        table = table.set_column(1, "image", pa.array(images, table.schema.field("image").type))
        pq.write_table(table, file)
        rows[file.parent.name] = table.to_pylist()
    return rows


@pytest.mark.parametrize("columns", [{"file_name": "same.png"}, {"file_name": "same.png", "image_id": 7}])
def test_images_of_one_name_are_different_images(columns, tmp_path):
    build = shutil.copytree(small_build(), tmp_path / "build")
    rows = same_names(build, {**columns, "width": 99, "height": 99})
    export(str(build), tmp_path / "out", ExportOptions("llava", splits=("test",)))
    for task, gold in rows.items():
        exported = read_rows(tmp_path / "out" / f"{task}-test.json")
        for row, gold_row in zip(exported, gold, strict=True):
            assert (tmp_path / "out" / row["image"]).read_bytes() == gold_row["image"]["bytes"]
    images = {row["image"]["bytes"] for gold in rows.values() for row in gold}
    assert len(list((tmp_path / "out" / "images" / "test").iterdir())) == len(images) > 2


def test_names_that_differ_only_in_case_or_number_are_different_files(tmp_path):
    names = ["a.png", "A.png", "a-2.png", "b.png", "a.PNG"]
    store = ImageStore(tmp_path, "copy")
    contents = {}
    for number, name in enumerate(names * 3):
        stream = io.BytesIO()
        Image.new("L", (8, 8), number).save(stream, "PNG")
        contents[store.place("train", EncodedImage(name, stream.getvalue))] = stream.getvalue()
    assert len({name.casefold() for name in contents}) == len(names * 3)
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents


def test_paths_of_embedded_images_are_refused(tmp_path, capsys):
    arguments = ("export", sample_build(), "--to", "trl", "--out", tmp_path / "out", "--images", "path")
    assert "export with --images copy" in refusal(capsys, *arguments)
    assert not (tmp_path / "out").exists()


def test_a_missing_image_is_refused_and_leaves_the_old_export(tmp_path, capsys):
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    shutil.copytree(sample_corpus(), corpus)
    export(str(corpus), out, ExportOptions("trl", ("referring",)))
    before = tree(out)
    victim = sorted(path for path in corpus.rglob("JPEGImages/test/*") if path.is_file())[-1]
    victim.unlink()
    arguments = ("export", corpus, "--to", "trl", "--task", "referring", "--out", out)
    for way in ("link", "copy", "path"):
        assert victim.name in refusal(capsys, *arguments, "--images", way)
        assert tree(out) == before
        assert {path.name for path in tmp_path.iterdir()} == {"corpus", "out"}


def test_an_export_replaces_an_export_and_nothing_else(tmp_path, capsys):
    out = tmp_path / "out"
    export(str(small_build()), out, ExportOptions("llava"))
    export(str(small_build()), out, ExportOptions("trl", ("referring",), ("test",)))
    assert sorted(path.name for path in out.iterdir()) == ["export.json", "images", "referring-test.parquet"]
    for foreign in (out / "notes.txt", out / "images" / "mine.png"):
        foreign.write_text("mine")
        assert "contains something other" in refusal(capsys, "export", small_build(), "--to", "trl", "--out", out)
        assert foreign.read_text() == "mine"
        foreign.unlink()
    export(str(small_build()), out, ExportOptions("trl"))
    build = shutil.copytree(small_build(), tmp_path / "build")
    before = tree(build)
    assert "would be replaced" in refusal(capsys, "export", build, "--to", "trl", "--out", build)
    assert "contains something other" in refusal(capsys, "export", small_build(), "--to", "trl", "--out", build)
    assert tree(build) == before


def test_tasks_splits_and_limit(tmp_path):
    options = ExportOptions("llama-factory", ("referring", "identification"), ("train", "test"), limit=2)
    made = export(str(sample_build()), tmp_path / "out", options)
    assert {(table.task, table.split) for table in made.tables} == {
        (task, split) for task in ("referring", "identification") for split in ("train", "test")
    }
    for table in made.tables:
        assert 2 <= table.records <= 4
        assert len(read_rows(tmp_path / "out" / table.name)) == table.records


@pytest.mark.parametrize("name", mostly_slow(TRAINERS, "trl", "llava"))
def test_identification_does_not_outweigh_the_others(name, tmp_path):
    folder = tmp_path / "out"
    made = export(str(sample_build()), folder, ExportOptions(name))
    use = {table.task: table.use for table in made.training}
    assert use["identification"] == max(count for task, count in use.items() if task != "identification")
    sampled = next(table for table in made.training if table.task == "identification")
    rows = [record_id(row) for row in read_rows(folder / sampled.name)]
    assert len(rows) == sampled.records
    if not FORMATS[name].draws_samples:
        everything = [record_id(row) for row in read_rows(folder / f"identification-train{FORMATS[name].suffix}")]
        # Of all images, and in the order of the file.
        assert rows == [name for name in everything if name in set(rows)]
        assert rows[-1].split("/")[2] > everything[len(everything) // 2].split("/")[2]


def test_alone_a_task_is_trained_on_whole(tmp_path):
    made = export(str(sample_build()), tmp_path / "out", ExportOptions("trl", ("identification",), ("train",)))
    assert [table.name for table in made.training] == ["identification-train.parquet"]
    assert made.training[0].use == made.training[0].records


@pytest.mark.parametrize("name", QUICK)
def test_side_files_can_be_read_and_name_files_that_are_there(name, exported):
    folder = exported(name)
    side_files = [path for path in folder.iterdir() if path.is_file() and path.suffix in (".sh", ".yaml", ".py")]
    assert side_files
    for path in side_files:
        text = path.read_text()
        assert str(Path.home()) not in text.replace(str(folder), "")
        # No placeholder is left; figures and decorators have the sign too.
        assert not re.search(r"@(?!\d|register_benchmark|classmethod|cache\b)", text.replace('"$@"', ""))
        for mentioned in re.findall(r"[\w-]+-(?:train|validation)[\w-]*\.(?:jsonl|json|parquet)\b", text):
            assert (folder / mentioned).is_file()
        if path.suffix == ".sh":
            subprocess.run(["bash", "-n", path], check=True)
            assert os.access(path, os.X_OK)
        elif path.suffix == ".yaml":
            assert yaml.safe_load(text.replace("!function", ""))
        else:
            subprocess.run([sys.executable, "-m", "py_compile", path], check=True, env={"PYTHONPYCACHEPREFIX": "/tmp"})


def test_dataset_info_describes_every_file(exported):
    folder = exported("llama-factory")
    entries = json.loads((folder / "dataset_info.json").read_text())
    assert {entry["file_name"] for entry in entries.values()} == {path.name for path in folder.glob("*.jsonl")}
    chosen = yaml.safe_load((folder / "train.yaml").read_text())["dataset"].split(",")
    assert {name for name in entries if name.endswith("_train")} == set(chosen)


@pytest.mark.parametrize("name", [*slow("ms-swift", "verl"), "llama-factory", "trl"])
def test_a_trainer_evaluates_on_a_sample_of_the_validation_split(name, exported, tmp_path):
    """One file with at most 100 records of each task, named by the configuration; without the split there is none."""
    suffix = FORMATS[name].suffix
    rows = [record_id(row) for row in read_rows(exported(name) / f"evaluation{suffix}")]
    whole = {task: [row["id"] for row in own] for (task, split), own in gold(name).items() if split == "validation"}
    for task, ids in whole.items():
        chosen = [one for one in rows if one.startswith(f"{task}/")]
        assert len(chosen) == min(100, len(ids)) and chosen == [one for one in ids if one in chosen]
    assert max(map(len, whole.values())) > 100
    texts = [path.read_text() for path in exported(name).iterdir() if path.suffix in (".sh", ".yaml", ".md", ".json")]
    texts = [text for text in texts if '"kind"' not in text]
    assert any(f"evaluation{suffix}" in text for text in texts)
    export(str(sample_build()), tmp_path / "out", ExportOptions(name, splits=("train",), box_format="sarchat"))
    assert not (tmp_path / "out" / f"evaluation{suffix}").exists()
    for path in (tmp_path / "out").iterdir():
        assert path.suffix not in (".sh", ".yaml") or not re.search(
            r"eval(uation)?_strategy:? steps|evaluation", path.read_text()
        )


def test_models_are_loaded_in_16_bits_by_trl(exported):
    """In 32 bits, TRL's default, Qwen2.5-VL-7B takes 31 GiB before the first step."""
    for name in ("train.yaml", "train-grpo.yaml"):
        found = yaml.safe_load((exported("trl") / name).read_text())
        assert (found["dtype"], found["bf16"], found["eval_strategy"]) == ("bfloat16", True, "steps")
    (config,) = next(yaml.safe_load_all((exported("trl") / "README.md").read_text()))["configs"]
    assert {files["split"] for files in config["data_files"]} == {"train", "validation"}


@pytest.mark.parametrize("name", FORMATS)
def test_without_training_records_there_is_no_training(name, tmp_path):
    export(str(small_build()), tmp_path / "out", ExportOptions(name, splits=("test",)))
    assert not [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith("train")]


@pytest.mark.parametrize("name", mostly_slow(FORMATS, "ms-swift", "verl", "vlmevalkit"))
def test_a_box_format_is_written_in_question_and_answer(name, tmp_path):
    out = tmp_path / "out"
    options = ExportOptions(name, ("identification", "referring"), ("train",), box_format="list-1000")
    export(str(sample_build()), out, options)
    for task in ("identification", "referring"):
        data = list(open_data(str(sample_build())).rows(task, "train"))
        for row, record in zip(read_rows(out / f"{task}-train{FORMATS[name].suffix}"), data, strict=True):
            question, answer, _ = READ[name](row)
            if name in HARNESSES:
                assert question.endswith("between 0 and 1000.") == (task == "referring")
                assert answer == record["messages"][1]["content"]
                answer = row["answer"]
            gold_answer = record["messages"][1]["content"]
            written = question if task == "identification" else answer
            if name == "verl" and task == "referring":
                assert answer == gold_answer
                continue
            first = [float(number) for number in re.search(r"\[([0-9.]+, .+?)\]", written)[1].split(",")]
            # The bbox of `objects` is another way to the same box, rounded only here.
            x, y, width, height = record["objects"]["bbox"][0]
            sides = (record["width"], record["height"]) * 2
            expected = [1000 * value / side for value, side in zip((x, y, x + width, y + height), sides, strict=True)]
            assert first == pytest.approx(expected, abs=1 + 1000 / min(sides))
            assert "{<" not in question
    shutil.rmtree(out)


def test_rewards_get_what_they_need_to_read_the_notation(tmp_path):
    options = ExportOptions("trl", ("referring",), ("train",), box_format="qwen2.5-vl")
    export(str(sample_build()), tmp_path / "out", options)
    data = list(open_data(str(sample_build())).rows("referring", "train"))
    for row, record in zip(read_rows(tmp_path / "out" / "referring-train.parquet"), data, strict=True):
        assert row["solution"] == record["messages"][1]["content"]
        assert (row["task"], row["box_format"]) == ("referring", "qwen2.5-vl")
        assert (row["width"], row["height"]) == (record["width"], record["height"])
        assert row["input_width"] % 28 == row["input_height"] % 28 == 0
        assert abs(row["input_width"] - record["width"]) <= 14 and abs(row["input_height"] - record["height"]) <= 14


PAPER_FILES = {
    *(f"SARChat_{name}_test.json" for name in ("classify", "describe", "classify_count")),
    *(
        f"SARChat_{task}_{scenario}_test.json"
        for task in ("grounding", "identify", "refer")
        for scenario in ("single", "multi")
    ),
}


def test_the_papers_layout_has_its_nine_files(tmp_path):
    out = tmp_path / "out"
    export(str(sample_build()), out, ExportOptions("ms-swift", layout="paper"))
    assert {path.name for path in out.glob("*.json")} == PAPER_FILES | {"export.json"}
    ids = {name: [record_id(row) for row in read_rows(out / name)] for name in PAPER_FILES}
    expected = {(task, split): rows for (task, split), rows in gold("ms-swift").items() if split == "test"}
    assert sorted(name for names in ids.values() for name in names) == sorted(
        row["id"] for rows in expected.values() for row in rows
    )
    scenario = {row["id"]: row["scenario"] for rows in expected.values() for row in rows}
    for name in PAPER_FILES:
        if name.endswith(("single_test.json", "multi_test.json")):
            assert {scenario[one] for one in ids[name]} == {name.split("_")[2]}
    row = read_rows(out / "SARChat_refer_single_test.json")[0]
    assert row["messages"][1]["content"].startswith("{<")


def test_an_unknown_scenario_is_one_line(tmp_path, capsys):
    build = shutil.copytree(sample_build(), tmp_path / "build")
    file = next((build / "referring").glob("test-*.parquet"))
    table = pq.read_table(file)
    place = table.column_names.index("scenario")
    pq.write_table(table.set_column(place, "scenario", pa.array(["several"] * len(table))), file)
    arguments = ("--to", "ms-swift", "--layout", "paper", "--out", tmp_path / "out")
    message = refusal(capsys, "export", build, *arguments)
    assert "referring records with scenario 'several', only for single, multi" in message
    assert not (tmp_path / "out").exists()


PIXELS, RESIZED = "pixels of the image", "pixels of the image as resized by the model's processor"
THOUSANDTHS = "0 to 1000 of width and height"


@pytest.mark.parametrize(
    ("name", "box_format", "unit", "other"),
    [
        # The model that a script names writes boxes in the unit of its export.
        ("trl", None, RESIZED, None),
        ("trl", "sarchat", PIXELS, RESIZED),
        # Names no model.
        ("lmms-eval", None, PIXELS, None),
        *slow(
            ("ms-swift", None, PIXELS, None),
            ("llama-factory", None, RESIZED, None),
            ("verl", None, RESIZED, None),
            ("llava", None, THOUSANDTHS, None),
            ("trl", "qwen3-vl", THOUSANDTHS, None),
            ("llama-factory", "internvl", THOUSANDTHS, None),
            ("ms-swift", "sarchat", PIXELS, RESIZED),
            ("llava", "internvl", THOUSANDTHS, RESIZED),
            ("verl", "json-px", PIXELS, RESIZED),
        ),
    ],
)
def test_the_unit_of_boxes_is_said_and_another_than_the_models_is_warned_of(
    name, box_format, unit, other, tmp_path, capsys
):
    options = ["--box-format", box_format] if box_format else []
    main(["export", str(sample_build()), "--to", name, "--out", str(tmp_path / "out"), "--limit", "1", *options])
    printed = capsys.readouterr()
    assert re.search(rf"^Boxes: {re.escape(unit)}[ ,;.]", printed.out, re.MULTILINE)
    warnings = [line for line in printed.err.splitlines() if line.startswith("Warning: ")]
    if other is None:
        assert not warnings
    else:
        (line,) = warnings
        assert f"boxes are in {unit}, but" in line and f"writes them in {other}" in line
        # What the warning advises is right.
        advised = re.search(r"--box-format (\S+),", line)[1]
        main(["export", str(sample_build()), "--to", name, "--out", str(tmp_path / "out"), "--box-format", advised])
        assert "Warning" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--to", "lava"],
            "unknown export format 'lava' (did you mean 'llava'?); choose from llama-factory, llava, ms-swift, trl",
        ),
        (["--to", "trl", "--task", "refering"], "no task 'refering'"),
        (["--to", "trl", "--split", "dev"], "no split 'dev'"),
        (["--to", "trl", "--limit", "0"], "the limit must be 1 or more"),
        (["--to", "trl", "--box-format", "qwen"], "unknown box format 'qwen'"),
        (["--to", "trl", "--images", "symlink"], "unknown --images mode 'symlink'"),
        (["--to", "trl", "--layout", "flat"], "unknown layout 'flat'"),
        (["--to", "trl", "--layout", "paper"], "use --to ms-swift"),
        (["--to", "ms-swift", "--layout", "paper", "--split", "train"], "leave out --split train"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments, message, tmp_path, capsys):
    assert message in refusal(capsys, "export", sample_build(), "--out", tmp_path / "out", *arguments)
    assert not any(tmp_path.iterdir())


def test_an_image_name_may_not_lead_out_of_the_folder(tmp_path, monkeypatch):
    from builders.data.reader import Build

    def hostile(self: Build, *arguments: object, **options: object):
        for row in rows(self, *arguments, **options):
            if "image" in row:
                row["image"].name = "../../escaped.png"
            yield row

    rows = Build.rows
    monkeypatch.setattr(Build, "rows", hostile)
    with pytest.raises(SARChatError, match="does not stay inside"):
        export(str(sample_build()), tmp_path / "out", ExportOptions("trl"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
