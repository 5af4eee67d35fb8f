"""`build --sample --no-embed`: the sample's images lie in the folder, and the paths to them last."""

from pathlib import Path

import pytest
from built_fixture import sample_build
from datasets import Image, load_dataset
from support import refusal, tree

from builders.cli.command import main
from builders.core.schema import TASKS
from builders.data.open_data import open_data


@pytest.fixture
def folder(tmp_path, capsys):
    main(["build", "--sample", "--no-embed", "--no-pictures", "--out", str(tmp_path / "sarchat")])
    capsys.readouterr()
    return tmp_path / "sarchat"


def test_every_image_is_in_the_folder_with_the_bytes_of_an_embedded_build(folder):
    embedded, referred = open_data(str(sample_build())), open_data(str(folder))
    named = set()
    for task in TASKS:
        for split in embedded.splits(task):
            for one, other in zip(embedded.rows(task, split), referred.rows(task, split), strict=True):
                assert (one["id"], one["messages"]) == (other["id"], other["messages"])
                path = Path(other["image"].path)
                if path not in named:
                    assert path.is_relative_to(folder) and path.read_bytes() == one["image"].read()
                    named.add(path)
    assert named == {path for path in (folder / "images").rglob("*") if path.is_file()}


def test_it_loads(folder, tmp_path):
    dataset = load_dataset(str(folder), "referring", split="test", cache_dir=str(tmp_path / "cache"))
    assert dataset[0]["image"].size == (dataset[0]["width"], dataset[0]["height"])
    paths = dataset.cast_column("image", Image(decode=False))
    assert all(Path(row["image"]["path"]).is_file() for row in paths)


def test_it_is_replaced_as_any_build_and_keeps_what_is_foreign(folder, capsys):
    before = tree(folder)
    arguments = ("build", "--sample", "--no-embed", "--no-pictures", "--out", folder)
    main([*map(str, arguments)])
    assert tree(folder) == before
    (folder / "images" / "test" / "mine.png").write_bytes(b"mine")
    assert "something other than what this command writes" in refusal(capsys, *arguments)
