"""Which files are a folder's own, and which would be lost with it."""

import pytest

from builders.core.checksums import lasting_files, own_files


@pytest.mark.parametrize(
    ("path", "is_own", "is_lasting"),
    [
        ("README.md", True, True),
        ("referring/test-00000-of-00001.parquet", True, True),
        (".notes", True, True),
        (".cache/huggingface/upload/README.md.lock", False, False),
        ("__pycache__/app.cpython-311.pyc", False, False),
        ("examples/__pycache__/x.pyc", False, False),
        (".gradio/certificate.pem", False, False),
        # No part of what is published, but nobody can create them again.
        (".git/config", False, True),
        (".gitattributes", False, True),
        (".cache/thesis.tex", False, True),
    ],
)
def test_files_of_tools_are_reported_from_a_folder_s_own(tmp_path, path, is_own, is_lasting):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("x")
    assert [found.as_posix() for found in own_files(tmp_path)] == [path] * is_own
    assert [found.as_posix() for found in lasting_files(tmp_path)] == [path] * is_lasting


def test_links_count_as_files_and_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine").write_text("x")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "dangling").symlink_to(tmp_path / "nothing")
    assert [path.as_posix() for path in own_files(folder)] == ["dangling", "link"]
