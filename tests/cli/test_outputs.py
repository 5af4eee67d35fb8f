"""What a command did not write, or somebody edited since, it does not touch: over all commands and their outputs."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from built_fixture import sample_build, sample_corpus
from chat_server import ChatServer
from support import build, refusal, slow, write_answers

from builders.build.options import BuildOptions
from builders.cli.command import COMMANDS, main
from builders.cli.command import sarchat as group
from builders.cli.demo import noisy_answers
from builders.core.writing import RETIRED, lock_of, temporary
from builders.hub.space import write_space
from builders.scoring.gold import read_gold
from builders.scoring.result_files import EVAL_RESULTS


class Output(NamedTuple):
    """An output of a command: how it is asked for, what is read, and whether it is a folder."""

    arguments: Callable[[Path, Path], list[object]]
    inputs: tuple[str, ...] = ()
    suffix: str = ""
    is_folder: bool = False
    # A folder to which pictures are added, among others; one that is replaced must be the command's own.
    adds: bool = False


def score(top: Path, *options: object) -> list[object]:
    return ["score", top / "answers.jsonl", "--references", top / "s", *options]


def show(top: Path, *options: object) -> list[object]:
    return ["show", top / "s", *options]


# By command and option. A command with another output, and a new command, must be added here.
OUTPUTS = {
    ("baseline", "out"): Output(
        lambda top, out: ["baseline", top / "s", "--config", "counting", "--kind", "majority", "--out", out],
        ("s",),
        ".jsonl",
    ),
    ("build", "out"): Output(
        lambda top, out: ["build", top / "c", "--out", out, "--task", "counting", "--no-pictures"],
        ("c",),
        is_folder=True,
    ),
    ("demo", "out"): Output(lambda top, out: ["demo", top / "s", "--out", out], ("s",), is_folder=True),
    ("describe", "out"): Output(lambda top, out: ["describe", top / "c", "--out", out], ("c",), ".yaml"),
    ("export", "out"): Output(
        lambda top, out: ["export", top / "s", "--to", "trl", "--limit", "1", "--out", out], ("s",), is_folder=True
    ),
    ("leaderboard", "figures"): Output(
        lambda top, out: ["leaderboard", top / "scores.json", "--figure", f"radar={out}"], ("scores.json",), ".png"
    ),
    ("predict", "out"): Output(
        lambda top, out: ["predict", top / "s", "--limit", 1, "--model", "m", "--base-url", URL[0], "--out", out],
        ("s",),
        ".jsonl",
    ),
    ("report", "out"): Output(
        lambda top, out: ["report", top / "answers.jsonl", "--data", top / "s", "--examples", 0, "--out", out],
        ("s", "answers.jsonl"),
        ".html",
    ),
    ("score", "output"): Output(lambda top, out: score(top, "--output", out), ("s", "answers.jsonl"), ".json"),
    ("score", "details"): Output(lambda top, out: score(top, "--details", out), ("s", "answers.jsonl"), ".jsonl"),
    ("show", "out"): Output(lambda top, out: show(top, "grounding", "--out", out), ("s",), ".svg"),
    ("show --answers", "out"): Output(
        lambda top, out: show(top, "--answers", top / "answers.jsonl", "--worst", "1", "--out", out),
        ("s",),
        is_folder=True,
        adds=True,
    ),
    ("space", "out"): Output(lambda top, out: ["space", "--out", out], is_folder=True),
    ("synth", "out"): Output(lambda top, out: ["synth", 1, "--size", 96, "--out", out], is_folder=True),
}
# Always `.eval_results/sarchat.yaml`; see the last test.
AT_A_FIXED_PLACE = {("score", "eval_results")}
# A folder to which the files of three runs of `predict` are added, which check them.
OF_PREDICT = {("probe", "out")}
# Those that take longest.
PICTURES = [("demo", "out"), ("leaderboard", "figures"), ("show", "out"), ("show --answers", "out")]
# Options that name what is only read.
INPUTS = {("predict", "fine_tuned"), ("report", "probe")}
WITHOUT_OUTPUT = {"compare", "corpora", "push", "stats"}
URL = ["http://127.0.0.1:9/v1"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """A folder with a build `s`, a corpus `c`, answers, scores and somebody's own files."""
    top = tmp_path_factory.mktemp("outputs")
    shutil.copytree(sample_build(("counting", "grounding")), top / "s")
    shutil.copytree(sample_corpus() / "SARDet_100K", top / "c")
    write_answers(top / "answers.jsonl", noisy_answers(read_gold(str(top / "s"), "all", "test").records))
    (top / "mine").mkdir()
    (top / "mine" / "thesis.tex").write_text("years")
    main(list(map(str, score(top, "--output", top / "scores.json"))))
    return top


def state(top: Path) -> dict[str, tuple]:
    """Return all that can be lost of what is in a folder: names, contents, links, permissions."""
    found = {}
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(top).as_posix()] = (status.st_ino, status.st_mode, content)
    return found


def parameters(command: click.Command) -> list[click.Parameter]:
    members = command.commands.values() if isinstance(command, click.Group) else ()
    return [*command.params, *(parameter for member in members for parameter in parameters(member))]


def test_every_output_of_every_command_is_tried_here():
    found = set()
    for name in COMMANDS:
        for parameter in parameters(group.get_command(click.Context(group), name)):
            words = getattr(parameter, "help", None) or ""
            names_place = parameter.name == "out" or isinstance(parameter.type, click.Path)
            if (names_place or words.startswith(("Write", "Draw"))) and not getattr(parameter, "is_flag", True):
                found.add((name, parameter.name))
    tried = {(name.split()[0], option) for name, option in {*OUTPUTS, *AT_A_FIXED_PLACE, *OF_PREDICT}}
    assert found - INPUTS == tried
    assert {name for name, _ in tried} | WITHOUT_OUTPUT == {*COMMANDS}
    assert not WITHOUT_OUTPUT & {name for name, _ in tried}


def wrong_places(top: Path, place: Path, output: Output) -> dict[str, Path]:
    """Return outputs that must be refused, by what they are; links are made in `place`."""
    found = {}

    def link(kind: str, source: Path) -> Path:
        path = place / f"{kind}{output.suffix}"
        path.symlink_to(source) if kind.startswith("symlink") else path.hardlink_to(source)
        return path

    (place / "mine").mkdir()
    mine = place / "mine" / f"figure{output.suffix}"
    mine.write_text("mine")
    if output.is_folder:
        if not output.adds:
            found["somebody's folder"] = place / "mine"
            found["a link to somebody's folder"] = link("symlink to a folder", place / "mine")
            found["the folder around the inputs"] = top
        found["a file"] = mine
    else:
        found["somebody's file"] = mine
        found["a link to it"] = link("symlink to a file", mine)
        found["a folder"] = place / "mine"
    for number, name in enumerate(output.inputs):
        source = top / name
        found[f"the input {name}"] = source
        found[f"a link to {name}"] = link(f"symlink {number}", source)
        if source.is_file():
            found[f"a hard link to {name}"] = link(f"hard {number}", source)
        elif output.inputs != ("c",):  # a build may lie in its corpus, in a folder of its own
            found[f"a new place in {name}"] = source / f"new{output.suffix}"
            found[f"a place in {name} through a link"] = (
                place / f"symlink {number}{output.suffix}" / f"x{output.suffix}"
            )
        if source.is_dir() and not output.is_folder:
            inside = sorted(path for path in source.rglob("*") if path.is_file())[-1]
            found[f"a file in {name}"] = inside
            found[f"a hard link to a file in {name}"] = link(f"hard {number}", inside)
        if source.is_dir() and output.is_folder and not output.adds:
            found[f"a folder in {name}"] = next(path for path in sorted(source.iterdir()) if path.is_dir())
    return found


@pytest.mark.parametrize(("command", "option"), OUTPUTS)
def test_a_wrong_place_is_refused_and_nothing_changes(inputs, tmp_path, capsys, command, option):
    output = OUTPUTS[command, option]
    places = wrong_places(inputs, tmp_path, output)
    before = state(inputs), state(tmp_path)
    for kind, place in places.items():
        refusal(capsys, *output.arguments(inputs, place))
        assert (state(inputs), state(tmp_path)) == before, kind


def foreign_neighbours(out: Path) -> None:
    """Write somebody's own files and folders beside an output, under names that look like temporary ones."""
    for kind in ("old", "partial", "lock", "tmp", "0123456789abcdef0123.partial", "0123456789abcdef0123.old"):
        out.with_name(f".{out.name}.{kind}").write_text("mine")
        folder = out.with_name(f".{out.stem}.{kind}")
        if not folder.exists():
            folder.mkdir()
            (folder / "thesis.tex").write_text("years")


@pytest.mark.parametrize("had_folders", [False, True])
def test_neighbours_with_names_of_temporary_files_stay(inputs, tmp_path, capsys, had_folders):
    """A refused command too moves nothing to a place that is free."""
    out = tmp_path / "sarchat"
    if had_folders:
        for kind in ("old", "partial"):
            (tmp_path / f".sarchat.{kind}").mkdir()
            (tmp_path / f".sarchat.{kind}" / "thesis.tex").write_text("years")
    foreign_neighbours(tmp_path / "sarchat.x")
    before = state(tmp_path)
    refusal(capsys, "build", tmp_path / "nothing", "--out", out)
    assert state(tmp_path) == before
    build(inputs / "c", out, BuildOptions(tasks=["counting"]))
    assert {name: value for name, value in state(tmp_path).items() if name.split("/")[0] != "sarchat"} == before


@pytest.fixture
def server():
    with ChatServer(lambda asked: "ship") as chat:
        URL[0] = chat.url
        yield


@pytest.mark.parametrize(
    ("command", "option"), [*(output for output in OUTPUTS if output not in PICTURES), *slow(*PICTURES)]
)
def test_an_own_output_is_replaced_and_its_neighbours_stay(inputs, tmp_path, server, monkeypatch, command, option):
    monkeypatch.chdir(tmp_path)
    output = OUTPUTS[command, option]
    out = tmp_path / f"out{output.suffix}"
    foreign_neighbours(out)
    before = state(tmp_path)
    read = state(inputs)
    arguments = list(map(str, output.arguments(inputs, out)))
    main(arguments)
    mode = 0o700 if output.is_folder else 0o600
    out.chmod(mode)
    contents = {name: content for name, (_, _, content) in state(tmp_path).items()}
    main(arguments)
    after = state(tmp_path)
    assert {name: content for name, (_, _, content) in after.items()} == contents
    assert out.stat().st_mode & 0o777 == mode
    sidecar = {f"{out.name}.meta.json"} if command == "predict" else set()
    written = {name for name in after if name.split("/")[0] in {out.name} | sidecar}
    assert {name: value for name, value in after.items() if name not in written} == before
    assert state(inputs) == read


@pytest.mark.parametrize(
    ("command", "option"),
    [("show", "out"), *slow(*sorted({*OUTPUTS} - {("show", "out"), ("predict", "out")}))],
)
def test_an_output_that_cannot_be_written_whole_leaves_the_old_one(inputs, tmp_path, capsys, command, option):
    output = OUTPUTS[command, option]
    arguments = list(map(str, output.arguments(inputs, tmp_path / f"out{output.suffix}")))
    main(arguments)
    before = state(tmp_path)
    capsys.readouterr()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        assert "File too large" in refusal(capsys, *arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert state(tmp_path) == before


@pytest.mark.parametrize("link", [False, True])
def test_an_image_of_a_corpus_is_not_drawn_over_through_an_export(inputs, tmp_path, capsys, link):
    main(["export", str(inputs / "c"), "--to", "trl", "--out", str(tmp_path / "ex"), "--limit", "2"])
    image = next(path for path in sorted((tmp_path / "ex" / "images").rglob("*.png")))
    source = next(path for path in (inputs / "c").rglob(image.name))
    before = state(inputs), state(tmp_path)
    assert "exists and is not" in refusal(capsys, *show(inputs, "grounding", "--out", source if link else image))
    assert (state(inputs), state(tmp_path)) == before


def edit(file: Path) -> None:
    """Change one byte more, as an editor does."""
    with file.open("ab") as stream:
        stream.write(b"\n# mine\n")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("build", "README.md"),
        ("export", "export.json"),
        ("export --to llava", "train-llava-next.sh"),
        ("export", "images/test"),
        ("space", "app.py"),
        *slow(
            ("build", "counting/train-00000-of-00001.parquet"),
            ("demo", "answers.jsonl"),
            ("export", "counting-test.parquet"),
        ),
    ],
)
def test_an_edit_is_named_and_stays(inputs, tmp_path, capsys, command, name):
    out = tmp_path / "out"
    arguments = OUTPUTS[command.split()[0], "out"].arguments(inputs, out)
    if "llava" in command:
        arguments = ["llava" if argument == "trl" else argument for argument in arguments]
    main(list(map(str, arguments)))
    file = out / name
    if file.is_dir():
        file = next(file.iterdir())
    edit(file)
    before = state(tmp_path)
    line = refusal(capsys, *arguments)
    assert "contains something other" in line if name == "export.json" else f"{file} was edited since" in line
    assert state(tmp_path) == before
    # What it says helps.
    out.rename(tmp_path / "elsewhere")
    main(list(map(str, arguments)))


def test_an_edited_file_of_megabytes_is_found_by_its_time(tmp_path, monkeypatch, capsys, inputs):
    monkeypatch.setattr("builders.core.checksums._SMALL", 0)
    out = tmp_path / "out"
    build(inputs / "c", out, BuildOptions(tasks=["counting"]))
    file = next(out.glob("counting/train-*"))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    assert f"{file} was edited since" in refusal(capsys, "build", inputs / "c", "--out", out)
    # A copy is newer, too, but not another one.
    file.write_bytes(content)
    build(inputs / "c", out, BuildOptions(tasks=["grounding"]))
    assert not file.exists()


def test_the_sample_does_not_replace_other_data(tmp_path, inputs, capsys):
    out = tmp_path / "out"
    build(inputs / "c", out, BuildOptions(tasks=["counting"]))
    before = state(tmp_path)
    assert "build of another source" in refusal(capsys, "build", "--sample", "--out", out)
    assert state(tmp_path) == before


def test_a_build_replaces_the_sample(tmp_path, inputs):
    build(inputs / "c", tmp_path / "out", BuildOptions(tasks=["counting"], sample=True))
    build(inputs / "c", tmp_path / "out", BuildOptions(tasks=["counting"], sample=True))
    build(inputs / "c", tmp_path / "out", BuildOptions(tasks=["counting"]))


def test_leftovers_are_known_by_their_signs(tmp_path):
    out = tmp_path / "sarchat"
    first, second = temporary(out), temporary(out)
    assert first != second and lock_of(out) not in (first, second)
    for leftover in (first, temporary(out, RETIRED)):
        leftover.mkdir()
    # Signed, but for another output.
    temporary(tmp_path / "sarchat2").mkdir()
    build(sample_corpus(), out, BuildOptions(tasks=["counting"]))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_lock_with_somebodys_text_in_it_is_left_alone(tmp_path, capsys):
    out = tmp_path / "sarchat"
    lock_of(out).write_text("mine")
    assert "move it elsewhere" in refusal(capsys, "space", "--out", out)
    assert lock_of(out).read_text() == "mine" and not out.exists()


def test_the_worst_pictures_replace_none_of_somebody_else(inputs, tmp_path, capsys):
    arguments = OUTPUTS["show --answers", "out"].arguments(inputs, tmp_path)
    main(list(map(str, arguments)))
    (picture,) = tmp_path.iterdir()
    shutil.copyfile(next((inputs / "c").rglob("*.png")), picture)
    before = state(tmp_path)
    assert f"{picture} exists and is not" in refusal(capsys, *arguments)
    assert state(tmp_path) == before


def test_a_sidecar_of_somebody_else_is_not_replaced(inputs, tmp_path, capsys):
    (tmp_path / "answers.jsonl.meta.json").write_text('{"mine": 1}')
    before = state(tmp_path)
    arguments = OUTPUTS["predict", "out"].arguments(inputs, tmp_path / "answers.jsonl")
    assert "answers.jsonl.meta.json exists and is not" in refusal(capsys, *arguments)
    assert state(tmp_path) == before


def test_a_demo_does_not_write_through_a_link(inputs, tmp_path, capsys):
    (tmp_path / "mine.jsonl").write_text("mine")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "answers.jsonl").symlink_to(tmp_path / "mine.jsonl")
    before = state(tmp_path)
    refusal(capsys, "demo", inputs / "s", "--out", tmp_path / "demo")
    assert state(tmp_path) == before


def test_results_for_the_hub_are_replaced_if_nobody_edited_them(inputs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = score(inputs, "--eval-results", "alice/sarchat")
    for _ in range(2):
        main(list(map(str, arguments)))
    edit(tmp_path / EVAL_RESULTS)
    before = state(tmp_path)
    capsys.readouterr()
    assert f"{EVAL_RESULTS} was written or edited" in refusal(capsys, *arguments)
    assert state(tmp_path) == before


def test_the_space_is_not_taken_for_one_if_a_file_is_a_link(tmp_path, capsys):
    write_space(tmp_path / "space")
    (tmp_path / "app.py").write_bytes((tmp_path / "space" / "app.py").read_bytes())
    (tmp_path / "space" / "app.py").unlink()
    (tmp_path / "space" / "app.py").symlink_to(tmp_path / "app.py")
    assert "something other than" in refusal(capsys, "space", "--out", tmp_path / "space")
