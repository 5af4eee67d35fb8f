"""Options that several subcommands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


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
