"""Images of one's own: other layouts and other names of categories give the records that SARDet-100K's layout gives."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from corpora import plain_corpus, zip_corpus
from huggingface_hub import DatasetCard
from support import build, parquet_sums, refusal, slow

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.corpus.corpus import locate
from sarchat_dataset import SARChat
from sarchat_metric import CATEGORY_OF

OPTIONS = BuildOptions(tasks=("counting", "grounding"))
# Where each layout has annotations and images: {split} is train, val or test, {roboflow} train, valid or test.
LAYOUTS = {
    "COCO": ("annotations/instances_{split}.json", "{split}"),
    "COCO with a folder of images": ("annotations/instances_{split}.json", "images/{split}"),
    "COCO in one folder": ("annotations/instances_{split}.json", "images"),
    "COCO 2017": ("annotations/instances_{split}2017.json", "{split}2017"),
    "Roboflow": ("{roboflow}/_annotations.coco.json", "{roboflow}"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return plain_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("expected") / "sarchat"
    build(corpus, out, OPTIONS)
    return parquet_sums(out)


def arrange(corpus: Path, folder: Path, layout: str, change=lambda coco: None) -> Path:
    """Copy a corpus into another layout, with its annotations changed."""
    annotations, images = LAYOUTS[layout]
    for split in ("train", "val", "test"):
        names = {"split": split, "roboflow": {"val": "valid"}.get(split, split)}
        shutil.copytree(corpus / "JPEGImages" / split, folder / images.format(**names), dirs_exist_ok=True)
        coco = json.loads((corpus / "Annotations" / f"{split}.json").read_text())
        change(coco)
        file = folder / annotations.format(**names)
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(coco))
    return folder


def rename(**names: str):
    """Return a change of the annotations: other names of categories."""

    def change(coco: dict) -> None:
        for category in coco["categories"]:
            category["name"] = names.get(category["name"], category["name"])

    return change


def test_the_card_of_sardet_is_as_it_was(corpus, tmp_path):
    build(corpus, tmp_path / "out", OPTIONS)
    assert "of your own" not in (tmp_path / "out" / "README.md").read_text()
    assert set(json.loads((tmp_path / "out" / "build.json").read_text())["source"]) == {"fingerprint", "sample"}


@pytest.mark.parametrize("kind", ["folder", *slow("zip", "folder around it")])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_gives_the_same_build(tmp_path, corpus, expected, layout, kind):
    folder = arrange(corpus, tmp_path / "around" / "mine", layout)
    source = {"folder": folder, "folder around it": folder.parent, "zip": tmp_path / "mine.zip"}[kind]
    if kind == "zip":
        zip_corpus(folder, source)
    build(source, tmp_path / "out", OPTIONS)
    assert parquet_sums(tmp_path / "out") == expected
    # Such a card must not be taken for SARDet-100K's.
    assert "**Images of your own.**" in (tmp_path / "out" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "build.json").read_text())["source"]["layout"] in layout


def test_files_that_are_named_give_the_same_records(tmp_path, corpus, expected, capsys):
    """A file per split, and all images in one folder or zip."""
    files = {}
    for split in ("train", "val", "test"):
        files[split] = tmp_path / f"{split} boxes.json"
        shutil.copyfile(corpus / "Annotations" / f"{split}.json", files[split])
        shutil.copytree(corpus / "JPEGImages" / split, tmp_path / "images", dirs_exist_ok=True)
    zip_corpus(tmp_path / "images", tmp_path / "images.zip", top=False)
    named = [text for split, file in files.items() for text in ("--annotations", f"{split}={file}")]
    tasks = [text for task in OPTIONS.tasks for text in ("--task", task)]
    for number, images in enumerate(("images", "images.zip")):
        out = tmp_path / str(number)
        main(["build", *named, "--images", str(tmp_path / images), "--out", str(out), "--no-pictures", *tasks])
        assert parquet_sums(out) == expected
    images = ["--images", str(tmp_path / "images")]
    main(["build", *named[:2], *images, "--out", str(out), "--no-embed", "--no-pictures", *tasks])
    assert not list(out.glob("*/test-*"))
    live = SARChat(
        config_name="counting", data_dir=str(tmp_path / "images"), annotations=files, cache_dir=str(tmp_path / "cache")
    )
    live.download_and_prepare(num_proc=2)
    assert live.as_dataset(split="validation").num_rows == 3


SYNONYMS = {
    category: sorted(word for word in CATEGORY_OF if CATEGORY_OF[word] == category) for category in CATEGORY_OF.values()
}


@pytest.mark.parametrize("number", [0, *slow(*range(1, max(map(len, SYNONYMS.values()))))])
def test_synonyms_of_the_metric_are_categories(tmp_path, corpus, expected, number):
    """Also in capitals, as many data sets write them."""
    names = {category: f" {words[number % len(words)].title()} " for category, words in SYNONYMS.items()}
    folder = arrange(corpus, tmp_path / "mine", "Roboflow", rename(**names))
    build(folder, tmp_path / "out", OPTIONS)
    assert parquet_sums(tmp_path / "out") == expected


def test_categories_are_renamed(tmp_path, corpus, expected, capsys):
    folder = arrange(corpus, tmp_path / "mine", "COCO", rename(aircraft="Flugzeug", harbor="dock=2"))
    out = tmp_path / "out"
    assert "'Flugzeug'" in refusal(capsys, "build", folder, "--out", out) and not out.exists()
    names = {"flugzeug": "aircraft", "dock=2": "harbor"}
    build(locate(folder, rename=names), out, OPTIONS)
    assert parquet_sums(out) == expected
    first = json.loads((out / "build.json").read_text())["source"]
    assert first["renames"] == names
    # Another choice is another data set, and is seen as one.
    build(locate(folder, rename={**names, "dock=2": "bridge"}), out, OPTIONS)
    second = json.loads((out / "build.json").read_text())["source"]
    assert second["renames"]["dock=2"] == "bridge" and second["fingerprint"] != first["fingerprint"]
    assert parquet_sums(out) != expected


@pytest.mark.parametrize("streaming", [False, True])
def test_the_live_builder_refuses_a_rename_that_matches_nothing(tmp_path, corpus, streaming):
    folder = arrange(corpus, tmp_path / "mine", "COCO", rename())
    builder = SARChat(
        config_name="classification", data_dir=str(folder), rename={"dock": "harbor"}, cache_dir=str(tmp_path / "cache")
    )
    with pytest.raises(SARChatError, match="there is no category 'dock' to rename; the annotations have aircraft"):
        builder.as_streaming_dataset(split="train") if streaming else builder.download_and_prepare()


def test_the_live_builder_renames_too(tmp_path, corpus):
    folder = arrange(corpus, tmp_path / "mine", "COCO", rename(aircraft="Flugzeug"))

    def read(category: str) -> set[int]:
        builder = SARChat(
            config_name="classification",
            data_dir=str(folder),
            rename={"Flugzeug": category},
            cache_dir=str(tmp_path / "cache"),
        )
        builder.download_and_prepare()
        streamed = [row["objects"]["category"] for row in builder.as_streaming_dataset(split="train")]
        stored = builder.as_dataset(split="train")["objects"]
        assert [row["category"] for row in stored] == streamed
        return {category for row in streamed for category in row}

    # Ship, bridge, and what the aircraft are taken for: the cache of one is not taken for the other.
    assert read("aircraft") == {0, 1, 4}
    assert read("tank") == {0, 3, 4}


def test_the_card_says_of_ones_own_images_what_the_user_says(tmp_path, corpus, capsys):
    folder, out = arrange(corpus, tmp_path / "mine", "Roboflow"), tmp_path / "out"
    build(folder, out, OPTIONS)
    card = DatasetCard.load(out / "README.md")
    assert card.data.license == "unknown" and "the source and licence of the images" in card.text.replace("\n> ", " ")
    for foreign in ("CC BY-NC", "github.com/zcablii", "ten original data sets", "who has\nSARDet"):
        assert foreign not in card.text
    about = {"source_name": "Harbour cameras, 2024 | $5", "license": "cc-by-4.0"}
    build(locate(folder, **about), out, OPTIONS)
    card = DatasetCard.load(out / "README.md")
    assert card.data.license == "cc-by-4.0" and "unknown" not in card.text
    assert "- **Source:** Harbour cameras, 2024 | $5\n" in card.text
    source = json.loads((out / "build.json").read_text())["source"]
    assert (source["name"], source["license"]) == tuple(about.values())
    # The live builder does not call it SARDet-100K's either.
    licences = [
        SARChat(data_dir=str(data), cache_dir=str(tmp_path / "cache")).info.license for data in (folder, corpus)
    ]
    assert licences == ["", "cc-by-nc-4.0"]
    # Also in SARDet-100K's layout, which says nothing of whose images they are.
    build(locate(corpus, license="mit"), out, OPTIONS)
    card = DatasetCard.load(out / "README.md")
    assert card.data.license == "mit" and "the source of the images" in card.text.replace("\n> ", " ")


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"license": "CC BY 4.0"}, "is 'CC BY 4.0', not a name that the Hub knows"),
        ({"license": ""}, "is '', not a name"),
        ({"source_name": "a\nb"}, "not a line of text"),
        ({"source_name": " "}, "not a line of text"),
    ],
)
def test_what_no_card_can_say_is_refused(corpus, about, told):
    with pytest.raises(SARChatError, match=re.escape(told)):
        locate(corpus, **about)


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ([], "README.md: the source and the licence of the images are unknown; build it again with --source-name and"),
        *slow(
            (
                ["--license", "mit"],
                "README.md: the source of the images is unknown; build it again with --source-name b",
            ),
            (["--license", "mit", "--source-name", "mine"], None),
        ),
    ],
)
def test_a_dry_run_of_push_says_what_is_unknown(tmp_path, corpus, capsys, about, told):
    folder = arrange(corpus, tmp_path / "mine", "COCO")
    main(["build", str(folder), "--out", str(tmp_path / "out"), "--task", "counting", "--no-pictures", *about])
    capsys.readouterr()
    main(["push", "dataset", str(tmp_path / "out"), "user/mine", "--dry-run"])
    lines = [line for line in capsys.readouterr().err.splitlines() if "unknown" in line]
    assert len(lines) == (told is not None) and all(told in line for line in lines)


def strangers(coco: dict) -> None:
    """Add a box of one of two more categories to each image."""
    coco["categories"] += [{"id": 70, "name": "Oil Rig"}, {"id": 71, "name": "windmill"}]
    top = max(entry["id"] for entry in coco["annotations"])
    for number, image in enumerate(coco["images"]):
        box = {"image_id": image["id"], "bbox": [3, 4, 5, 6], "iscrowd": 0}
        coco["annotations"].append(box | {"id": top + 1 + number, "category_id": 70 + number % 2})


def test_categories_are_left_out(tmp_path, corpus, expected, capsys):
    """The records are those of the other boxes, and each box is counted."""
    folder = arrange(corpus, tmp_path / "mine", "COCO", strangers)
    out = tmp_path / "out"
    tasks = [text for task in OPTIONS.tasks for text in ("--task", task)]
    drops = ["--drop", "windmill", "--drop", " OIL rig"]
    main(["build", str(folder), "--out", str(out), "--no-pictures", *tasks, *drops])
    assert parquet_sums(out) == expected
    assert re.search("^box: category left out +3 +2 +2 +7$", capsys.readouterr().out, re.M)
    assert "| box: category left out | 3 | 2 | 2 |" in (out / "README.md").read_text()
    source = json.loads((out / "build.json").read_text())["source"]
    assert source["dropped"] == ["oil rig", "windmill"]
    build(locate(folder, drop=["oil rig", "windmill", "car"]), out, OPTIONS)
    other = json.loads((out / "build.json").read_text())["source"]
    assert other["dropped"][0] == "car" and other["fingerprint"] != source["fingerprint"]
    assert parquet_sums(out) != expected


def test_the_live_builder_leaves_the_same_categories_out(tmp_path, corpus):
    folder = arrange(corpus, tmp_path / "mine", "COCO", strangers)

    def read(folder: Path, drop: list[str]) -> list[tuple]:
        options = {"config_name": "grounding", "cache_dir": str(tmp_path / "cache")}
        builder = SARChat(data_dir=str(folder), drop=drop, **options)
        builder.download_and_prepare()
        streamed = builder.as_streaming_dataset(split="train")
        assert [row["messages"] for row in streamed] == builder.as_dataset(split="train")["messages"][:]
        return [(row["id"], row["messages"], row["objects"]) for row in builder.as_dataset(split="train")]

    assert read(folder, ["windmill", "oil rig"]) == read(corpus, [])
    # The cache of one is not taken for the other's.
    assert len(read(folder, ["windmill", "oil rig", "bridge"])) == len(read(corpus, []))
    assert read(folder, ["windmill", "oil rig", "bridge"]) != read(corpus, [])
    with pytest.raises(SARChatError, match=r"there is no category 'windmil' to leave out \(did you mean 'windmill'"):
        read(folder, ["windmill", "oil rig", "windmil"])


@pytest.mark.parametrize("value", ["0", False, None, *slow("false", "False", 0, 0.0)])
def test_an_annotation_that_is_marked_as_no_crowd_is_a_target(tmp_path, corpus, expected, value):
    def change(coco: dict) -> None:
        for entry in coco["annotations"]:
            entry.update(iscrowd=value, ignore=value)

    build(arrange(corpus, tmp_path / "mine", "COCO", change), tmp_path / "out", OPTIONS)
    assert parquet_sums(tmp_path / "out") == expected


@pytest.mark.parametrize("value", ["true", 1, *slow("1", " True", True, 1.0)])
def test_an_annotation_that_is_marked_as_a_crowd_is_left_out(tmp_path, corpus, value):
    folder = arrange(corpus, tmp_path / "mine", "COCO", lambda coco: coco["annotations"][0].update(iscrowd=value))
    assert build(folder, tmp_path / "out", OPTIONS).plan.tallies["train"]["crowd or ignore"] == 1


def test_a_name_with_a_colon_is_a_name(tmp_path, corpus):
    """As of products with a time in their name; it stays in the folder."""
    name = "S1A_IW_20230101T10:20:30.jpg"
    folder = arrange(corpus, tmp_path / "mine", "COCO", lambda coco: coco["images"][0].update(file_name=name))
    for split, old in (("train", "0000001.jpg"), ("val", "0000004.jpg"), ("test", "0000006.jpg")):
        (folder / split / old).rename(folder / split / name)
    build(folder, tmp_path / "out", OPTIONS)
    live = SARChat(config_name="counting", data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    live.download_and_prepare()
    for rows in (live.as_dataset(split="train"), live.as_streaming_dataset(split="train")):
        assert {row["image"].size for row in rows if row["file_name"] == name} == {(256, 256)}


def test_a_category_without_boxes_may_have_any_name(tmp_path, corpus, expected):
    """Roboflow writes one for the whole project."""

    def change(coco: dict) -> None:
        coco["categories"].insert(0, {"id": 1000, "name": "my-project", "supercategory": "none"})

    build(arrange(corpus, tmp_path / "mine", "Roboflow", change), tmp_path / "out", OPTIONS)
    assert parquet_sums(tmp_path / "out") == expected


def test_the_error_says_what_was_looked_for(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    line = refusal(capsys, "build", tmp_path / "mine", "--out", tmp_path / "out")
    for layout in ("Annotations/", "annotations/instances_", "/_annotations.coco.json", "--annotations", "--images"):
        assert layout in line


def test_two_layouts_in_one_folder_are_refused(tmp_path, corpus, capsys):
    folder = arrange(corpus, arrange(corpus, tmp_path / "mine", "COCO"), "Roboflow")
    line = refusal(capsys, "build", folder, "--out", tmp_path / "out")
    assert "more than one" in line and "instances_train.json" in line and "_annotations.coco.json" in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{mine}", "--rename", "flugzeug"], "--rename 'flugzeug' is not of the form"),
        (["{mine}", "--rename", "=ship"], "is not of the form"),
        (["{mine}", "--rename", "x=plane"], "'plane'; choose from ship"),
        (["{mine}", "--rename", "x=ship", "--rename", "x=car"], "more than once"),
        (["{mine}", "--rename", "x=ship"], "there is no category 'x'"),
        (["{mine}", "--rename", "x=shipp"], "'shipp' (did you mean 'ship'?)"),
        (["{mine}", "--drop", "x"], "there is no category 'x' to leave out; the annotations have aircraft"),
        (["{mine}", "--drop", "ship", "--rename", "ship=car"], "'ship' is both renamed and left out"),
        (["--sample", "--drop", "ship"], "sample"),
        (["{mine}", "--images", "{mine}"], "give one of these"),
        (["--images", "{mine}"], "together"),
        (["--annotations", "train={mine}/a.json"], "give one of these"),
        (["--annotations", "trian={mine}/a.json", "--images", "{mine}"], "unknown split 'trian'"),
        (["--annotations", "train={mine}/a.json", "--images", "{mine}"], "no such annotation file"),
        (["--annotations", "train=https://host/a.json", "--images", "{mine}"], "download it"),
        (["--annotations", "val=a", "--annotations", "val=b", "--images", "{mine}"], "more than once"),
        (["--sample", "--rename", "x=ship"], "sample"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, corpus, capsys, arguments, told):
    mine = arrange(corpus, tmp_path / "mine", "COCO")
    given = [argument.replace("{mine}", str(mine)) for argument in arguments]
    assert told in refusal(capsys, "build", *given, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_annotation_file_is_never_replaced(tmp_path, corpus, capsys):
    mine = arrange(corpus, tmp_path / "mine", "COCO")
    file = mine / "annotations" / "instances_train.json"
    images = ["--images", mine / "train", "--annotations", f"train={file}"]
    assert "would be replaced" in refusal(capsys, "build", *images, "--out", mine / "annotations")
    assert file.is_file()
