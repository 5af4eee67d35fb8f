"""Annotations in parts, as JSON or Parquet, give the records of one file; what is wrong in them is one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from annotation_parts import rows, use_parts
from corpora import NAMES, plain_corpus, random_corpus, zip_corpus
from support import build, parquet, parquet_sums, refusal, slow

from builders.build.options import BuildOptions
from builders.cli.command import main
from sarchat_dataset import SARChat

KINDS = ("json", "parquet")
OPTIONS = BuildOptions(tasks=("counting", "grounding"))


@pytest.mark.parametrize("seed", [1, *slow(2)])
def test_every_kind_of_annotations_gives_the_same_parquet(tmp_path, seed):
    for kind in ("one", *KINDS):
        corpus = random_corpus(tmp_path / kind, seed)
        if kind != "one":
            use_parts(corpus, kind, seed=seed)
        build(corpus, tmp_path / f"out-{kind}")
    expected = parquet_sums(tmp_path / "out-one")
    assert len(expected) == 24
    assert parquet_sums(tmp_path / "out-json") == expected
    assert parquet_sums(tmp_path / "out-parquet") == expected


@pytest.mark.parametrize("kind", KINDS)
def test_parts_in_a_zip_and_live(tmp_path, kind):
    corpus = plain_corpus(tmp_path)
    build(corpus, tmp_path / "expected", OPTIONS)
    archive = zip_corpus(use_parts(corpus, kind), tmp_path / "corpus.zip")
    build(archive, tmp_path / "out", OPTIONS)
    assert parquet_sums(tmp_path / "out") == parquet_sums(tmp_path / "expected")
    stream = SARChat(config_name="counting", data_dir=str(corpus), cache_dir=str(tmp_path)).as_streaming_dataset()
    built = pq.read_table(parquet(tmp_path / "out", "counting", "train")[0])
    assert [record["id"] for record in stream["train"]] == built["id"].to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_parts_that_are_named(tmp_path, kind):
    corpus = plain_corpus(tmp_path)
    build(corpus, tmp_path / "expected", OPTIONS)
    use_parts(corpus, kind)
    for split in ("train", "val", "test"):
        shutil.copytree(corpus / "JPEGImages" / split, tmp_path / "images", dirs_exist_ok=True)
    named = [
        word
        for split in ("train", "val", "test")
        for word in ("--annotations", f"{split}={corpus}/Annotations/{split}")
    ]
    tasks = [word for task in OPTIONS.tasks for word in ("--task", task)]
    out = tmp_path / "out"
    main(["build", *named, "--images", str(tmp_path / "images"), "--out", str(out), "--no-pictures", *tasks])
    assert parquet_sums(out) == parquet_sums(tmp_path / "expected")


def test_parquet_that_datasets_wrote_has_numbers_of_a_class_label(tmp_path):
    """Further columns, and other integers and floats, are fine."""
    corpus = plain_corpus(tmp_path)
    build(corpus, tmp_path / "expected", OPTIONS)
    for split in ("train", "val", "test"):
        file = corpus / "Annotations" / f"{split}.json"
        coco = json.loads(file.read_text())
        file.unlink()
        own = [*reversed(NAMES)]
        found = rows(coco, coco["images"])
        for row in found:
            row["objects"]["category"] = [own.index(name) for name in row["objects"]["category"]]
            row["area"] = 1
        objects = {
            "bbox": datasets.Sequence(datasets.Sequence(datasets.Value("float32"), length=4)),
            "category": datasets.Sequence(datasets.ClassLabel(names=own)),
            "ignored": datasets.Sequence(datasets.Value("bool")),
        }
        kinds = {
            "image_id": "int32",
            "file_name": "large_string",
            "width": "int64",
            "height": "uint16",
            "area": "int64",
        }
        features = datasets.Features(
            {name: datasets.Value(kind) for name, kind in kinds.items()} | {"objects": objects}
        )
        (corpus / "Annotations" / split).mkdir()
        datasets.Dataset.from_list(found, features).to_parquet(corpus / "Annotations" / split / "0.parquet")
    build(corpus, tmp_path / "out", OPTIONS)
    assert parquet_sums(tmp_path / "out") == parquet_sums(tmp_path / "expected")


def test_ids_count_within_a_part(tmp_path):
    """Parts that were numbered one by one: ids of images and annotations repeat, and categories have other ids."""
    corpus = plain_corpus(tmp_path)
    build(corpus, tmp_path / "expected", OPTIONS)
    for number, path in enumerate(sorted((use_parts(corpus, "json") / "Annotations").glob("*/*.json"))):
        coco = json.loads(path.read_text())
        new = {image["id"]: place for place, image in enumerate(coco["images"])}
        for image in coco["images"]:
            image["id"] = new[image["id"]]
        for place, annotation in enumerate(coco["annotations"]):
            annotation |= {"id": place, "image_id": new[annotation["image_id"]]}
            annotation["category_id"] += number
        for category in coco["categories"]:
            category["id"] += number
        path.write_text(json.dumps(coco))
    build(corpus, tmp_path / "out", OPTIONS)
    for split in ("train", "validation", "test"):
        found, expected = (
            pq.read_table(parquet(tmp_path / out, "grounding", split)[0]).drop_columns("image_id")
            for out in ("out", "expected")
        )
        assert found == expected


def test_changed_parts_have_another_fingerprint(tmp_path):
    corpus = use_parts(plain_corpus(tmp_path), "json")
    before = SARChat(data_dir=str(corpus), cache_dir=str(tmp_path)).config
    part = corpus / "Annotations" / "train" / "part-1.json"
    part.write_text(part.read_text().replace('"info"', '"infos"') + " ")
    after = SARChat(data_dir=str(corpus), cache_dir=str(tmp_path)).config
    assert before.fingerprint != after.fingerprint and before.stamp != after.stamp


# What is wrong


def edit(path: Path, change) -> None:
    """Change the COCO document, or the table, of a part."""
    if path.suffix == ".json":
        coco = json.loads(path.read_text())
        change(coco)
        path.write_text(json.dumps(coco))
    else:
        pq.write_table(change(pq.read_table(path)), path)


@pytest.fixture
def corpora(tmp_path) -> dict[str, Path]:
    return {kind: use_parts(plain_corpus(tmp_path / kind), kind) for kind in KINDS}


def refused(capsys, corpus: Path) -> str:
    out = corpus.parent / "out"
    line = refusal(capsys, "build", corpus, "--out", out)
    assert not out.exists() and not list(out.parent.glob(".out*"))
    return line


def set_column(name: str, values: list):
    return lambda table: table.set_column(
        table.column_names.index(name), name, pa.array(values, table.schema.field(name).type)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_two_parts_that_would_share_record_ids(corpora, capsys, kind):
    corpus = corpora[kind]
    for number, name in ((0, "a.png"), (1, "a.jpg.png"), (2, "a.jpg")):
        path = corpus / "Annotations" / "train" / f"part-{number}.{kind}"
        if kind == "json":
            edit(path, lambda coco, name=name: coco["images"][0].update(file_name=name))
        else:
            edit(path, set_column("file_name", [name]))
    line = refused(capsys, corpus)
    assert f"part-2.{kind} and " in line and f"part-0.{kind}: images 'a.jpg' and 'a.png' would share record ids" in line


@pytest.mark.parametrize("kind", KINDS)
def test_image_of_a_part_that_is_missing(corpora, capsys, kind):
    (corpora[kind] / "JPEGImages" / "train" / "0000002.png").unlink()
    assert "image missing: " in (line := refused(capsys, corpora[kind])) and "0000002.png" in line


def test_annotation_of_an_image_of_another_part(corpora, capsys):
    path = corpora["json"] / "Annotations" / "train" / "part-1.json"
    edit(path, lambda coco: coco["annotations"][0].update(image_id=coco["annotations"][0]["image_id"] + 1))
    line = refused(capsys, corpora["json"])
    assert "part-1.json: annotation" in line and "which is not in 'images'" in line


@pytest.mark.parametrize("way", ["file and parts", "both kinds"])
def test_annotations_that_exist_twice(corpora, capsys, way):
    annotations = corpora["json"] / "Annotations"
    if way == "file and parts":
        shutil.copyfile(annotations / "train" / "part-0.json", annotations / "train.json")
    else:
        shutil.copyfile(corpora["parquet"] / "Annotations/train/part-0.parquet", annotations / "train/part-0.parquet")
    line = refused(capsys, corpora["json"])
    assert {"file and parts": "both exist; remove one", "both kinds": "keep one kind"}[way] in line


def objects(**lists) -> list[dict]:
    return [{"bbox": [[20, 30, 60, 40]], "category": ["ship"], "ignored": [False]} | lists]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_column("objects", objects(category=["submarine"])), "'submarine' in 1 box;"),
        (set_column("objects", objects(category=[None])), "box 0 has category None, not a name"),
        (set_column("objects", objects(bbox=[[1.0, 2.0, 3.0]])), "box 0 has bbox [1.0, 2.0, 3.0], not four"),
        (set_column("objects", objects(bbox=[[1.0, 2.0, float("nan"), 3.0]])), "not four finite numbers"),
        (set_column("objects", objects(bbox=[])), "has 0 boxes, but 1 categories and 1 values of 'ignored'"),
        (set_column("file_name", ["../x.jpg"]), "'../x.jpg' does not stay inside"),
        (set_column("file_name", [None]), "file name None does not stay inside"),
        (set_column("width", [0]), "has width and height (0, "),
        (set_column("image_id", [None]), "'image_id' None, not a whole number"),
        (
            lambda table: table.drop_columns("width"),
            "has the columns image_id: int64, file_name: string, height: int32",
        ),
        (lambda table: table.rename_columns([*table.column_names[:-1], "boxes"]), "expected image_id, width, height"),
        (
            lambda table: table.drop_columns("objects").append_column(
                "objects", pc.make_struct(pa.array([[[1.0]]]), pa.array([[3]]), field_names=["bbox", "category"])
            ),
            "has categories as numbers without names",
        ),
    ],
)
def test_rows_that_are_wrong(corpora, capsys, change, reason):
    edit(corpora["parquet"] / "Annotations" / "train" / "part-0.parquet", change)
    line = refused(capsys, corpora["parquet"])
    assert "Annotations/train/part-0.parquet" in line and reason in line


def test_a_part_that_is_no_parquet(corpora, capsys):
    (corpora["parquet"] / "Annotations" / "val" / "part-0.parquet").write_text("{}")
    assert "val/part-0.parquet is not a readable Parquet file" in refused(capsys, corpora["parquet"])


def test_a_named_folder_without_annotations(tmp_path, capsys):
    line = refusal(
        capsys, "build", "--annotations", f"train={tmp_path}", "--images", tmp_path, "--out", tmp_path / "out"
    )
    assert "contains no annotations: no *.json and no *.parquet" in line


def test_text_that_is_not_utf_8(corpora, capsys):
    path = corpora["parquet"] / "Annotations" / "train" / "part-0.parquet"
    edit(path, set_column("file_name", ["wrong-name.png"]))
    table = pq.read_table(path)
    pq.write_table(table, path, compression="none")
    path.write_bytes(path.read_bytes().replace(b"wrong-", b"wrong\x91"))
    line = refused(capsys, corpora["parquet"])
    assert "part-0.parquet is not a readable Parquet file: 'utf-8' codec can't decode" in line
