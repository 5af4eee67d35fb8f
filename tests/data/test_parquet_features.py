"""A Parquet file of a build tells its features itself: away from the card, images are images and labels have names."""

import pytest
from built_fixture import sample_build
from datasets import ClassLabel, Image, load_dataset
from support import parquet

from builders.corpus.info import DEFAULT, known_corpus


@pytest.mark.parametrize("embed", [True, False])
def test_a_file_without_its_card_gives_the_records_of_the_folder(embed, tmp_path):
    build = sample_build(embed=embed)
    (path,) = parquet(build, "referring", "test")
    alone = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "alone"))
    whole = load_dataset(str(build), "referring", split="test", cache_dir=str(tmp_path / "whole"))
    assert isinstance(alone.features["image"], Image)
    category = alone.features["objects"]["category"]
    # `[feature]` in `datasets` 3.6, `List(feature)` later.
    label = category[0] if isinstance(category, list) else category.feature
    assert isinstance(label, ClassLabel) and tuple(label.names) == known_corpus(DEFAULT).names
    assert list(alone.remove_columns("image")) == list(whole.remove_columns("image"))
    assert [image.tobytes() for image in alone["image"]] == [image.tobytes() for image in whole["image"]]
