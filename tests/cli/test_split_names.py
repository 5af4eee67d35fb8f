"""`--split val`: SARDet-100K's own name of a split is taken wherever a split is."""

from __future__ import annotations

import click
import pytest
from built_fixture import sample_build

from builders.build.options import BuildOptions
from builders.cli.command import COMMANDS, main
from builders.cli.command import sarchat as group


def split_options() -> list[tuple[str, click.Option]]:
    found = []

    def collect(name: str, command: click.Command) -> None:
        found.extend((name, param) for param in command.params if "--split" in param.opts)
        for inner, member in getattr(command, "commands", {}).items():
            collect(f"{name} {inner}", member)

    for name in COMMANDS:
        collect(name, group.get_command(click.Context(group), name))
    return found


@pytest.mark.parametrize(("command", "option"), split_options(), ids=lambda value: value if type(value) is str else "")
def test_every_command_with_splits_takes_both_names(command, option):
    given = {name: (name,) if option.multiple else name for name in ("val", "validation", "test", "other")}
    taken = {name: option.type_cast_value(click.Context(click.Command("x")), value) for name, value in given.items()}
    assert taken["val"] == given["validation"] and all(taken[name] == given[name] for name in given if name != "val")


def test_builds_and_shows_it(tmp_path, capsys):
    assert BuildOptions(splits=("val", "train")).splits == ("train", "validation")
    main(["show", str(sample_build()), "counting", "--split", "val", "--out", str(tmp_path / "record.png")])
    assert (tmp_path / "record.png").is_file()
    assert split_options()
