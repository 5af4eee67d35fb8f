"""A folder's sums, as `sha256sum` writes them, and what is said of a folder that does not fit them."""

from __future__ import annotations

import hashlib

import pytest

from builders.core.checksums import SUMS, parse_checksums, verify_checksums, write_checksums
from builders.core.errors import SARChatError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two words.txt").write_bytes(b"")
    (tmp_path / "a.bin").write_bytes(b"abc" * 700_000)
    write_checksums(tmp_path)
    return tmp_path


def test_sums_are_those_of_sha256sum(folder):
    large = hashlib.sha256(b"abc" * 700_000).hexdigest()
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert (folder / SUMS).read_bytes() == f"{large}  a.bin\n{empty}  b/two words.txt\n".encode()
    assert parse_checksums((folder / SUMS).read_text()) == {"a.bin": large, "b/two words.txt": empty}
    verify_checksums(folder)


def test_sums_that_are_known_are_not_taken_again(folder):
    write_checksums(folder, {"a.bin": "0" * 64})
    assert (folder / SUMS).read_text().startswith(f"{'0' * 64}  a.bin\n")
    with pytest.raises(SARChatError, match=r"a\.bin differs from its checksum; "):
        verify_checksums(folder)


def test_every_fault_is_counted_and_the_first_named(folder):
    (folder / "a.bin").unlink()
    (folder / "c").write_text("")
    (folder / "b" / "two words.txt").write_text("x")
    with pytest.raises(SARChatError, match=r"a\.bin is listed, but missing \(and 1 more\)"):
        verify_checksums(folder)


@pytest.mark.parametrize("name", [".cache/huggingface/x", ".gitattributes", ".git/config"])
def test_what_git_and_the_hub_leave_is_overlooked(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x")
    verify_checksums(folder)


def test_a_name_that_the_format_cannot_hold_is_refused(folder):
    (folder / "a\nb").write_text("x")
    with pytest.raises(SARChatError, match="rename the file"):
        write_checksums(folder)


@pytest.mark.parametrize("line", ["abc  a.bin", "0" * 64 + " a.bin", "0" * 64, ""])
def test_a_broken_line_is_named(folder, line):
    (folder / SUMS).write_text(f"{'0' * 64}  a.bin\n{line}\n")
    with pytest.raises(SARChatError, match="line 2 is not a checksum and a path"):
        verify_checksums(folder)
