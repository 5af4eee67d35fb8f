"""The registry of label formats: found by listing, options checked, layouts of a folder."""

from __future__ import annotations

import pytest
from corpora import plain_corpus

from builders.core.errors import SARChatError
from builders.corpus import label_formats
from builders.corpus.categories import Naming
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.label_formats import Option, SplitLabels, complete_options, find_candidates, open_labels
from builders.corpus.source import open_source


def test_every_module_of_the_folder_is_a_format():
    for module in label_formats.registry().values():
        assert module.ABOUT and "\n" not in module.ABOUT
        for option in module.OPTIONS.values():
            assert option.help
            # Its own default is a value that the option may have.
            if isinstance(option.choices, tuple):
                assert option.default in option.choices
        assert callable(module.find) and callable(module.open_labels)


def test_unknown_formats_and_options_are_one_line(monkeypatch):
    with pytest.raises(SARChatError, match=r"unknown label format 'cooc' \(did you mean 'coco'\?\)"):
        label_formats.registry()["cooc"]
    module = label_formats.registry()["coco"]
    options = {"first_pixel": Option(0, (0, 1), "the first pixel"), "folder": Option("a", str, "a folder")}
    monkeypatch.setattr(module, "OPTIONS", options)
    assert complete_options("coco", {"first_pixel": 1}, "c.yaml") == {"first_pixel": 1, "folder": "a"}
    for given, message in (
        ({"first_pixle": 1}, r"c.yaml: .* no option 'first_pixle' \(did you mean 'first_pixel'\?\)"),
        ({"first_pixel": True}, "first_pixel .* is True, not one of 0, 1"),
        ({"folder": 3}, "folder .* is 3, not a value of type str"),
    ):
        with pytest.raises(SARChatError, match=message):
            complete_options("coco", given, "c.yaml")


def test_a_candidate_has_labels_and_images_of_each_split(tmp_path):
    top = open_source(plain_corpus(tmp_path))
    (candidate,) = find_candidates(top)
    assert candidate.name == "SARDet-100K"
    assert candidate.splits == {
        split: SplitLabels("coco", f"Annotations/{folder}.json", f"JPEGImages/{folder}")
        for split, folder in (("train", "train"), ("validation", "val"), ("test", "test"))
    }
    with open_labels(top, candidate.splits["train"]).read(Naming(known_corpus(DEFAULT))) as annotations:
        assert [image.file_name for image in annotations.images()] == ["0000001.jpg", "0000002.png", "0000003.bmp"]


def test_another_package_can_bring_a_format(tmp_path, monkeypatch):
    folder = tmp_path / "other-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[sarchat.formats]\nother = other_labels\n")
    (tmp_path / "other_labels.py").write_text("ABOUT = 'another'\nOPTIONS = {}\nfind = open_labels = print\n")
    monkeypatch.syspath_prepend(tmp_path)
    label_formats.registry.cache_clear()
    assert label_formats.registry()["other"].ABOUT == "another"
    label_formats.registry.cache_clear()
