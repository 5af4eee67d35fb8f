"""The command `sarchat`, whose subcommands are imported lazily to keep `--help` fast."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

import click

from builders.core.errors import SARChatError, near, one_line, redact
from builders.core.signals import raising_once

# Each command with its module, and what it does.
COMMANDS = {
    "baseline": ("predict", "Answer without the images, to see what a model's scores must exceed."),
    "build": ("build", "Build the data set from SARDet-100K, another corpus, or the sample."),
    "compare": ("score", "Compare models with a baseline, record by record."),
    "corpora": ("corpora", "List the corpora whose descriptions come along."),
    "demo": ("demo", "Show a record of each task, and score answers with mistakes."),
    "describe": ("corpora", "Draft the description of a corpus from its labels."),
    "export": ("export", "Write a data set as the files of a trainer or a harness."),
    "leaderboard": ("report", "Print the published results together with your own."),
    "predict": ("predict", "Ask a model the questions of a data set, through a server."),
    "probe": ("predict", "Ask a model with its own, another and a grey image: does it look?"),
    "push": ("push", "Publish a data set or a metric on the Hugging Face Hub."),
    "report": ("report", "Write an HTML report of a model's answers: scores, failures, records."),
    "score": ("score", "Score a model's predictions against a built data set."),
    "show": ("show", "Draw one record: image, boxes, conversation."),
    "space": ("push", "Write the folder of the metric and its Space."),
    "stats": ("show", "Compare a built data set with the paper's statistics."),
    "synth": ("corpora", "Draw a corpus of synthetic images, to try a training on."),
}


class _LazyGroup(click.Group):
    """A group that lists its subcommands from `COMMANDS` and imports their modules on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}{near(args[0], COMMANDS)}.")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"builders.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in sorted(COMMANDS.items())])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sarchat-bench", prog_name="sarchat")
def sarchat() -> None:
    """Build, inspect, score and publish SARChat: vision-language data for synthetic aperture radar."""
    from tqdm import tqdm

    # Only threads write bars. tqdm's own lock, which is for processes too, starts a process from Python 3.14 on, and a
    # closed terminal ends that with a warning.
    tqdm.set_lock(threading.RLock())


class _WarningLines(logging.Handler):
    """Prints log messages to stderr, one printable line each, without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(f"{record.levelname.capitalize()}: {one_line(redact(record.getMessage()))}", file=sys.stderr)


_WARNING_LINES = _WarningLines(logging.WARNING)


def main(argv: list[str] | None = None) -> None:
    """Run the command; a user's mistake gives one line on stderr and exit code 1.

    Ctrl-C, SIGTERM and SIGHUP end it once everything is cleaned up, with exit code 130, 143 or 129.
    """
    logging.getLogger("builders").addHandler(_WARNING_LINES)
    with raising_once() as received:
        try:
            mistake = _run(argv)
        except (click.Abort, KeyboardInterrupt):
            _stop(received[0] if received else signal.SIGINT)
        except BaseException:
            # Errors during shutdown, such as a progress bar on a closed terminal, do not matter.
            if received:
                _stop(received[0])
            raise
        if received:
            _stop(received[0])
        if mistake:
            click.echo(f"Error: {one_line(redact(mistake))}", err=True)
            sys.exit(1)


def _run(argv: list[str] | None) -> str | None:
    """Run the command; return what was wrong if it was a user's mistake."""
    try:
        sarchat.main(args=argv, prog_name="sarchat", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.UsageError as error:
        hint = f" (see '{error.ctx.command_path} --help')" if error.ctx else ""
        return f"{error.format_message()}{hint}"
    except (SARChatError, click.ClickException) as error:
        return error.format_message() if isinstance(error, click.ClickException) else str(error)
    except OSError as error:
        return _describe(error)
    return None


def _stop(number: int) -> NoReturn:
    with suppress(OSError):
        click.echo("Aborted." if number == signal.SIGINT else f"Ended by {signal.Signals(number).name}.", err=True)
    sys.exit(128 + number)


def _describe(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"
