"""Options that several subcommands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from builders.schema import ALL, split_name

Command = TypeVar("Command", bound=Callable[..., Any])


class _Split(click.ParamType):
    """A split, by the name that `datasets` or SARDet-100K gives it."""

    name = "split"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name that `datasets` gives it."""
        return split_name(value)


SPLIT = _Split()


def box_format_options(command: Command) -> Command:
    """Add `--box-format`, `--input-size` and `--resize`, which `read_notation` reads."""
    for option in (
        click.option("--resize", metavar="FACTOR,MIN,MAX", help="The same by Qwen's rule: factor, min and max pixels."),
        click.option("--input-size", metavar="WxH", help="Image size that the model saw, for boxes in its pixels."),
        click.option(
            "--box-format",
            default="sarchat",
            show_default=True,
            metavar="NAME",
            help="Format in which the model writes boxes, such as qwen2.5-vl, qwen3-vl, internvl, gemini, list-1000.",
        ),
    ):
        command = option(command)
    return command


def answer_options(command: Command) -> Command:
    """Add what a file of answers needs beside `box_format_options`: which records they answer, and who wrote them."""
    for option in (
        click.option("--prediction-field", metavar="NAME", help="Column of the answer, if not the tool's own."),
        click.option("--id-field", metavar="NAME", help="Column of the record's id, if not the tool's own."),
        click.option(
            "--from", "tool", metavar="TOOL", help="Tool that wrote FILE: ms-swift, llama-factory, openai-batch, ..."
        ),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="Only N records of each task and scenario."),
        click.option("--split", type=SPLIT, default="test", show_default=True, help="The split that was asked."),
        click.option("--config", default=ALL, show_default=True, help="A task, or all."),
    ):
        command = option(command)
    return command


def average_option(command: Command) -> Command:
    """Add `--average`."""
    return click.option(
        "--average", default="sample", show_default=True, help="sample: mean over records; corpus: pooled counts."
    )(command)


def weights_option(default: str) -> Callable[[Command], Command]:
    """Return a decorator that adds `--weights` with a default."""
    return click.option(
        "--weights",
        default=default,
        show_default=True,
        metavar="own|published",
        help="Numbers of records that weigh the tasks in the overall score: of your test set, or of the paper's.",
    )


def format_option(command: Command) -> Command:
    """Add `--format`, which `write_tables` takes."""
    return click.option(
        "--format",
        "style",
        default="table",
        show_default=True,
        metavar="table|markdown|latex|csv|json",
        help="How the tables are written.",
    )(command)
