"""Records in several wordings: the same record, asked in other words."""

from __future__ import annotations

from collections import defaultdict

import pytest
from built_fixture import sample_build, sample_corpus
from support import build, refusal

from builders.build.options import BuildOptions
from builders.data.analysis.statistics import compute_statistics
from builders.data.open_data import open_data
from builders.data.reader import open_build

COLUMNS = ("id", "task", "scenario", "messages", "objects")


@pytest.fixture(scope="module")
def worded(tmp_path_factory):
    out = tmp_path_factory.mktemp("worded") / "out"
    build(sample_corpus(), out, BuildOptions(sample=True, pictures=False, wordings={"test": 8}))
    return out


def test_each_record_of_the_split_is_asked_in_other_words_and_no_other_is(worded):
    plain, several = open_build(sample_build()), open_build(worded)
    for split in ("train", "test"):
        for task in plain.tasks:
            expected = {row["id"]: row for row in plain.rows(task, split, None, COLUMNS)}
            found = defaultdict(list)
            for row in several.rows(task, split, None, COLUMNS):
                found[row["id"].partition("#")[0]].append(row)
            assert list(found) == list(expected)
            for record_id, rows in found.items():
                assert rows[0] == expected[record_id]
                assert [row["id"] for row in rows[1:]] == [f"{record_id}#{number}" for number in range(1, len(rows))]
                assert len(rows) == (8 if split == "test" else 1)
                assert len({row["messages"][0]["content"] for row in rows}) == len(rows)
                assert all(row["objects"] == rows[0]["objects"] for row in rows)


def test_the_card_says_so(worded):
    assert "Each record of test is asked in 8 wordings" in (worded / "README.md").read_text(encoding="utf-8")
    assert "Several wordings" not in (sample_build() / "README.md").read_text(encoding="utf-8")


def test_targets_are_counted_once(worded):
    plain, several = (compute_statistics(open_build(folder))["test"] for folder in (sample_build(), worded))
    assert several.boxes == plain.boxes and several.by_category == plain.by_category
    assert several.records == {name: 8 * number for name, number in plain.records.items()}


def test_a_subset_has_each_record_in_all_its_wordings(worded):
    for limit in (1, 3, 100):
        of_plain = open_data(str(sample_build())).subset(("referring", "presence"), "test", limit)
        of_several = open_data(str(worded)).subset(("referring", "presence"), "test", limit)
        assert of_several == {f"{name}{end}" for name in of_plain for end in ("", *(f"#{k}" for k in range(1, 8)))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", "from 2 to 8, but got 1"),
        ("train=9", "from 2 to 8, but got 9"),
        ("tset=3", "did you mean 'test'"),
        ("three", "expected a number, or a split and a number, such as test=3"),
    ],
)
def test_wrong_numbers_of_wordings_are_refused(capsys, tmp_path, text, message):
    assert message in refusal(capsys, "build", "--sample", "--out", tmp_path / "out", "--wordings", text)
