"""A command never removes what it did not write."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built_fixture import sample_build, sample_corpus
from support import build, mounted, refusal, tree

from builders.build.options import BuildOptions
from builders.core import atomic
from builders.core.atomic import replacing_folder
from builders.core.errors import SARChatError


def write_sums(folder: Path) -> None:
    """Write the checksums of a folder's files, as `sha256sum` does."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in paths]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize(
    ("is_copy", "files"),
    [
        (False, {"thesis.tex": "years"}),
        (True, {"notes.txt": "mine"}),
        (True, {"README.md": "# Another data set\n", "build.json": '{"generator": {"name": "other"}}'}),
    ],
    ids=["own files", "build with another file", "build with another card"],
)
def test_folder_with_a_list_of_its_checksums_is_not_replaced(tmp_path, capsys, is_copy, files):
    out = tmp_path / "work"
    if is_copy:
        shutil.copytree(sample_build(("counting",)), out)
        (out / "SHA256SUMS").unlink()
    out.mkdir(exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text)
    write_sums(out)
    old = tree(out)
    assert str(out) in refusal(capsys, "build", sample_corpus(), "--out", out)
    assert tree(out) == old


def test_link_in_a_build_is_not_taken_for_a_part_of_it(tmp_path, capsys):
    out = tmp_path / "sarchat"
    shutil.copytree(sample_build(("counting",)), out)
    (out / "elsewhere").symlink_to(tmp_path)
    assert str(out) in refusal(capsys, "build", sample_corpus(), "--out", out)


@pytest.mark.parametrize("place", ["", ".."])
def test_source_is_never_replaced(tmp_path, capsys, place):
    corpus = tmp_path / "around" / "SARDet_100K"
    shutil.copytree(sample_corpus() / "SARDet_100K", corpus)
    write_sums(corpus)
    old = tree(tmp_path)
    out = corpus / place
    assert "would be replaced" in refusal(capsys, "build", corpus, "--out", out)
    link = tmp_path / "link"
    link.symlink_to(corpus)
    assert "would be replaced" in refusal(capsys, "build", link, "--out", out)
    link.unlink()
    assert tree(tmp_path) == old


def test_zip_inside_out_is_never_replaced(tmp_path, capsys):
    out = tmp_path / "data"
    out.mkdir()
    archive = shutil.make_archive(str(out / "corpus"), "zip", sample_corpus())
    assert "would be replaced" in refusal(capsys, "build", archive, "--out", out)
    assert Path(archive).exists()


@pytest.fixture
def without_exchange(monkeypatch):
    """A system that cannot exchange two folders in one step, as macOS and Windows."""
    monkeypatch.setattr(atomic, "_exchange", lambda first, second: False)


@pytest.mark.parametrize("fault", [OSError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("renames", [0, 1, 2])
def test_old_folder_survives_a_fault_at_every_rename(tmp_path, monkeypatch, without_exchange, fault, renames):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    real, calls = Path.rename, []

    def rename(self, target):
        calls.append(target)
        if len(calls) == renames:
            raise fault
        moved = real(self, target)
        # A signal may arrive just after the first rename, too.
        if renames == 0 and len(calls) == 1:
            raise fault
        return moved

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(type(fault)), replacing_folder(out, lambda folder: True) as staging:
        (staging / "new").write_text("new")
    assert [path.name for path in out.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_put_there_during_the_build_are_kept(tmp_path):
    out = tmp_path / "out"

    def is_ours(folder: Path) -> bool:
        return not (folder / "mine").exists()

    with pytest.raises(SARChatError, match="something other than"), replacing_folder(out, is_ours) as staging:
        (staging / "new").write_text("new")
        out.mkdir()
        (out / "mine").write_text("mine")
    assert (out / "mine").read_text() == "mine"
    assert not staging.exists()


REPLACE = """
import sys
from pathlib import Path
from builders.core.atomic import replacing_folder
from builders.core.errors import SARChatError
out, inside = Path(sys.argv[1]), Path(sys.argv[2])
violations = done = 0
while done < 50:
    try:
        with replacing_folder(out, lambda folder: True) as staging:
            try:
                inside.touch(exist_ok=False)
            except FileExistsError:
                violations += 1
            (staging / "file").write_text("x")
            inside.unlink(missing_ok=True)
            done += 1
    except SARChatError:
        pass
sys.exit(violations > 0)
"""


@pytest.mark.slow
def test_only_one_process_at_a_time_is_inside(tmp_path):
    """A lock file that is removed must not be lockable twice."""
    arguments = [sys.executable, "-c", REPLACE, str(tmp_path / "out"), str(tmp_path / "inside")]
    processes = [subprocess.Popen(arguments, env=os.environ) for _ in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4


@pytest.fixture(params=["tmpfs", "bind"])
def mount_point(tmp_path, request):
    (tmp_path / "disk").mkdir()
    options = {"tmpfs": ("-t", "tmpfs", "tmpfs"), "bind": ("--bind", str(tmp_path / "disk"))}[request.param]
    with mounted(tmp_path / "a volume", *options) as place:
        yield place


def test_mount_point_is_refused_before_anything_is_built(tmp_path, mount_point, capsys, monkeypatch):
    monkeypatch.setattr("builders.build.pipeline.make_plan", lambda *arguments: pytest.fail("the build has begun"))
    assert "mount point" in refusal(capsys, "build", sample_corpus(), "--out", mount_point)
    assert list(mount_point.iterdir()) == []


def test_folder_in_a_mount_point_is_fine(mount_point):
    build(sample_corpus(), mount_point / "sarchat", BuildOptions(tasks=["counting"]))
    assert [path.name for path in mount_point.iterdir()] == ["sarchat"]


def test_unwritable_parent_is_named(mount_point, capsys):
    (mount_point / "out").mkdir()
    subprocess.run(["mount", "-o", "remount,bind,ro", str(mount_point)], check=True)
    assert f"cannot write in {mount_point}: Read-only" in refusal(
        capsys, "build", sample_corpus(), "--out", mount_point / "out"
    )


@pytest.mark.parametrize(("here", "given"), [("sarchat", "."), ("sarchat/inside", ".."), ("sarchat/inside", "../")])
def test_working_folder_is_not_replaced(tmp_path, monkeypatch, capsys, here, given):
    """The shell would stand in a removed folder."""
    (tmp_path / here).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / here)
    assert "working folder" in refusal(capsys, "build", sample_corpus(), "--out", given)
    assert (tmp_path / here).is_dir() and Path.cwd() == tmp_path / here
