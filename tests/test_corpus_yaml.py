"""A page of YAML is the source of a build: what it says of words, labels and splits holds in every part."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections import defaultdict

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image
from support import parquet_sums, refusal

from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.corpus.info import Shares, parse_info, read_corpus
from builders.rewards.reward import reward
from sarchat_dataset import SARChat

TILES = 12
YAML = """name: Ports
license: mit
citation: "@misc{ports}"
modality: optical
root: data
splits:
  train: {labels: labels.json, images: pictures}
split: {validation: 0.3, test: 0.3, by: BY}
categories:
  - {name: small-vehicle, group: vehicle}
  - {name: Container, say: container ship, also: [freighter]}
  - {name: DontCare, ignore: true}
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus of tiles, three of each image, in one split, and its description, without a way to divide it."""
    top = tmp_path_factory.mktemp("ports")
    (top / "data/pictures").mkdir(parents=True)
    names = [f"P{image:04d}__1__{tile}.png" for image in range(TILES) for tile in range(3)]
    content = {
        "images": [{"id": key, "file_name": name, "width": 320, "height": 320} for key, name in enumerate(names)],
        "annotations": [
            {"id": 3 * key + label, "image_id": key, "category_id": label, "bbox": [100 * label + key, 40, 80, 60]}
            for key in range(len(names))
            for label in range(3)
        ],
        "categories": [
            {"id": label, "name": name} for label, name in enumerate(("small-vehicle", "Container", "DontCare"))
        ],
    }
    (top / "data/labels.json").write_text(json.dumps(content))
    for name in names:
        Image.new("L", (320, 320), 70).save(top / "data/pictures" / name)
    for by in ("image", "prefix"):
        (top / f"{by}.yaml").write_text(YAML.replace("BY", by))
    main(["build", str(top / "prefix.yaml"), "--out", str(top / "out"), "--no-pictures", "--task", "counting"])
    return top


def files_by_split(out, tmp_path) -> dict[str, set[str]]:
    data = load_dataset(str(out), "counting", cache_dir=str(tmp_path / "cache"))
    return {split: set(rows["file_name"]) for split, rows in data.items()}


def test_the_words_and_the_source_are_those_of_the_description(corpus, tmp_path):
    data = load_dataset(str(corpus / "out"), "counting", split="test", cache_dir=str(tmp_path))
    assert data.features["objects"]["category"].feature.names == ["small vehicle", "container ship"]
    questions = " ".join(row["messages"][0]["content"] for row in data.remove_columns("image"))
    assert "container ship" in questions and not re.search("Container|DontCare|small-vehicle", questions)
    card = (corpus / "out/README.md").read_text()
    assert "license: mit" in card and "Ports" in card
    assert "@misc{ports}" in card and "ma2025sarchat" in card
    assert not re.search(r"synthetic aperture|\bradar|li2024sardet|SARDet_100K's images", card, re.IGNORECASE)


def test_statistics_of_another_corpus_name_no_table_of_the_paper(corpus, capsys):
    capsys.readouterr()
    main(["stats", str(corpus / "out")])
    text = capsys.readouterr().out
    assert "Boxes per category\n" in text and "Table" not in text and "Figure" not in text


def test_tiles_of_an_image_stay_in_one_split(corpus, tmp_path):
    splits = files_by_split(corpus / "out", tmp_path)
    assert set(splits) == {"train", "validation", "test"} and sum(map(len, splits.values())) == 3 * TILES
    owners = defaultdict(set)
    for split, names in splits.items():
        for name in names:
            owners[name.partition("__")[0]].add(split)
    assert len(owners) == TILES and all(len(found) == 1 for found in owners.values())
    main(["build", str(corpus / "image.yaml"), "--out", str(tmp_path / "o"), "--no-pictures", "--task", "counting"])
    by_image = files_by_split(tmp_path / "o", tmp_path)
    assert sum(map(len, by_image.values())) == 3 * TILES
    assert any(len({s for s, names in by_image.items() for n in names if n.startswith(owner)}) > 1 for owner in owners)


def test_every_split_reads_its_share_of_a_live_corpus(corpus, tmp_path):
    """The YAML names the source: the builder and other commands need nothing else."""
    builder = SARChat(config_name="counting", corpus=str(corpus / "prefix.yaml"), cache_dir=str(tmp_path / "live"))
    builder.download_and_prepare()
    for split in ("train", "validation", "test"):
        built = load_dataset(str(corpus / "out"), "counting", split=split, cache_dir=str(tmp_path / "cache"))
        live = builder.as_dataset(split=split)
        assert live.remove_columns("image").to_list() == built.remove_columns("image").to_list()
    assert builder.info.license == "mit" and "@misc{ports}" in builder.info.citation
    assert "aerial images" in builder.info.description and "Ports" in builder.info.description
    given = SARChat(
        config_name="counting",
        data_dir=str(corpus / "data"),
        corpus=str(corpus / "prefix.yaml"),
        cache_dir=str(tmp_path),
    )
    assert given.config.fingerprint == builder.config.fingerprint


def test_commands_read_the_corpus_by_its_description(corpus, tmp_path):
    main(["export", str(corpus / "prefix.yaml"), "--to", "ms-swift", "--out", str(tmp_path / "x"), "--limit", "3"])
    text = "".join(path.read_text() for path in (tmp_path / "x").rglob("*.jsonl"))
    assert "container ship" in text
    main(["export", str(corpus / "out"), "--to", "lmms-eval", "--out", str(tmp_path / "y"), "--limit", "4"])
    rows = pq.read_table(tmp_path / "y/counting-test.parquet").drop(["image"]).to_pylist()
    assert rows and all(reward(row["answer"], row) == 1 for row in rows)


def test_the_place_of_a_corpus_is_not_in_its_build(corpus, tmp_path):
    shutil.copytree(corpus / "data", tmp_path / "elsewhere/data")
    shutil.copy(corpus / "prefix.yaml", tmp_path / "elsewhere")
    build = ["build", str(tmp_path / "elsewhere/prefix.yaml"), "--no-pictures", "--task", "counting"]
    main([*build, "--out", str(tmp_path / "out")])
    assert (tmp_path / "out/build.json").read_text() == (corpus / "out/build.json").read_text()
    assert parquet_sums(tmp_path / "out") == parquet_sums(corpus / "out")


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_shares_are_those_that_were_asked_for_and_grow_in_place(share):
    names = [f"{number}.png" for number in range(4000)]
    small, large = Shares(validation=0.1, test=share), Shares(validation=0.1, test=min(share + 0.1, 0.8))
    found = [small.split_of(name, "a.json") for name in names]
    for split, expected in (("test", share), ("validation", 0.1), ("train", 0.9 - share)):
        deviation = math.sqrt(len(names) * expected * (1 - expected))
        assert abs(found.count(split) - expected * len(names)) < 5 * deviation
    assert all(large.split_of(name, "") == "test" for name, split in zip(names, found, strict=True) if split == "test")
    # The ending does not matter: the same images in another form are in the same splits.
    assert [small.split_of(name.replace(".png", ".jpg"), "b.json") for name in names] == found
    by_file = Shares(test=share, by="file")
    assert len({by_file.split_of(name, "a.json") for name in names}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("by: BY", "by: tile"), "by is 'tile' (did you mean 'file'?); choose from image"),
        (("validation: 0.3", "validation: 0.8"), "validation and test are 1.1 in all"),
        (("validation: 0.3", "validation: 30"), "validation is 30, not a share from 0 to 1"),
        (("by: BY", "by: file"), "is one file, which cannot be divided by file"),
        (("by: BY", "by: prefix, separator: '%%'"), "no image has '%%' in its name"),
        (("split: {", "splits: {"), "the key 'splits' is given twice"),
        (("root: data", "root: nowhere"), "nowhere"),
        (("labels: labels.json", "labels: label.json"), "no such annotation file"),
        (("labels: labels.json", "labels: ../labels.json"), "not inside the corpus"),
        (("images: pictures", "image: pictures"), "unknown key 'image' (did you mean 'images'?)"),
        (
            ("images: pictures}", "images: pictures, format: cocoa}"),
            "unknown label format 'cocoa' (did you mean 'coco'?)",
        ),
        (("images: pictures}", "images: pictures, options: {first_pixel: 0}}"), "has no option 'first_pixel'"),
        (("  train: {", "  trian: {"), "trian is no split (did you mean 'train'?)"),
        (("also: [freighter]", "also: [small vehicle]"), "are both called 'small vehicle'"),
        (("say: container ship", "say: 'ship {box}'"), "'{' cannot stand in a sentence"),
        (("say: container ship", "say: top"), "called 'top', which answers use for something else"),
        (("say: container ship", "say: two"), "called 'two', which answers use for something else"),
        (("say: container ship", "say: no. 1"), "no answer can name"),
        (("license: mit", "license: MIT License"), "license is 'MIT License', not a name that the Hub knows"),
        (("license: mit", "homepage: ports.example"), "homepage is 'ports.example', not an address"),
        (("ignore: true", "ignore: perhaps"), "ignore is 'perhaps', not true or false"),
        (("- {name: DontCare, ignore: true}", "- {name: dontcare}\n  - DontCare"), "is listed twice"),
        (("  - {name: DontCare, ignore: true}\n", ""), "'DontCare' in 36 boxes; add them to the categories"),
    ],
)
def test_a_wrong_description_is_one_line(corpus, tmp_path, capsys, change, message):
    (tmp_path / "data").symlink_to(corpus / "data")
    text = YAML.replace(*change).replace("BY", "image")
    (tmp_path / "wrong.yaml").write_text(text)
    assert message in refusal(capsys, "build", tmp_path / "wrong.yaml", "--out", tmp_path / "out")


def test_the_description_of_a_yolo_data_set_is_none_of_a_corpus(tmp_path, capsys):
    (tmp_path / "data.yaml").write_text("train: images/train\nnc: 1\nnames: [ship]\n")
    assert "data.yaml of a YOLO data set" in refusal(capsys, "build", tmp_path / "data.yaml", "--out", tmp_path / "out")


def test_a_corpus_is_described_once(corpus, tmp_path, capsys):
    line = refusal(capsys, "build", corpus / "image.yaml", "--corpus", "dior", "--out", tmp_path / "out")
    assert "another description is given too" in line
    assert "(did you mean 'dior'?)" in refusal(capsys, "build", corpus / "data", "--corpus", "diro")


def test_a_description_is_read_back_without_its_place(corpus):
    info = read_corpus(corpus / "prefix.yaml")
    data = info.as_data()
    assert "root" not in data and data["citation"] == "@misc{ports}"
    assert parse_info(json.loads(json.dumps(data)), "build.json").as_data() == data
    with pytest.raises(SARChatError, match="all categories are to be ignored"):
        parse_info({"name": "x", "categories": [{"name": "a", "ignore": True}]}, "x")
