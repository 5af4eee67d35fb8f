"""Options that several subcommands share."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from builders.core.errors import SARChatError, check_name
from builders.core.schema import ALL, split_name

if TYPE_CHECKING:
    from builders.scoring.joining import JoinedAnswers
    from builders.scoring.readers import AnswerSource

# The options of the notation.
NOTATION = ("box_format", "input_size", "resize")
Command = TypeVar("Command", bound=Callable[..., Any])


class _Split(click.ParamType):
    """A split, by the name that `datasets` or SARDet-100K gives it."""

    name = "split"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name that `datasets` gives it."""
        return split_name(value)


SPLIT = _Split()


def together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds several options or arguments, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def read_pairs(_: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, str]:
    """Read the values of an option that is given as `KEY=VALUE`, once or several times; a callback.

    Raises:
        SARChatError: if one has another form, or a key is given twice.
    """
    name = option.opts[0]
    pairs: dict[str, str] = {}
    for text in texts:
        key, sign, value = map(str.strip, text.partition("="))
        if not (key and sign and value):
            raise SARChatError(f"{name} {text!r} is not of the form KEY=VALUE")
        if key in pairs:
            raise SARChatError(f"{name}: {key!r} is given more than once")
        pairs[key] = value
    return pairs


def _read_label_options(ctx: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, Any]:
    """Read the values of `--option`, which are written as in YAML; errors as in `read_pairs`."""
    from builders.core.resources import load_foreign_yaml

    pairs = read_pairs(ctx, option, texts)
    try:
        return {name: load_foreign_yaml(value) for name, value in pairs.items()}
    except ValueError as error:
        raise SARChatError(f"--option: {error}") from error


label_options = together(
    click.option("--format", "label_format", metavar="NAME", help="Format of the labels, if several fit."),
    click.option(
        "--option",
        "label_options",
        multiple=True,
        callback=_read_label_options,
        metavar="NAME=VALUE",
        help="Option of the labels' format, as in the description; may be repeated.",
    ),
)


def box_format_options(default: str | None = "sarchat") -> Callable[[Command], Command]:
    """Return a decorator that adds `--box-format` with a default, `--input-size` and `--resize`."""
    return together(
        click.option(
            "--box-format",
            default=default,
            show_default=default or "as the model's family does",
            metavar="NAME",
            help="Format in which the model writes boxes, such as qwen2.5-vl, qwen3-vl, internvl, gemini, list-1000.",
        ),
        click.option("--input-size", metavar="WxH", help="Image size that the model saw, for boxes in its pixels."),
        click.option(
            "--resize",
            metavar="FACTOR,MIN,MAX",
            help="Instead of --input-size: factor, minimum and maximum pixels of Qwen's processor.",
        ),
    )


@dataclass(frozen=True)
class AnswerOptions:
    """What a file of answers needs to be scored: which records they answer, who wrote them, and how boxes are written.

    The attributes are the values of the options of `answer_options`. Their defaults do for files of `sarchat predict`,
    whose sidecars say how the model was asked.
    """

    config: str = ALL
    split: str = "test"
    limit: int | None = None
    tool: str | None = None
    id_field: str | None = None
    prediction_field: str | None = None
    box_format: str = "sarchat"
    input_size: str | None = None
    resize: str | None = None

    def read_sources(self, files: Sequence[str], model: str | None = None) -> tuple[AnswerOptions, list[AnswerSource]]:
        """Return the options for the first file of answers, and every file with the box format that is used in it.

        Args:
            files: files of answers to the same records.
            model: the name of the first file's model; by default as `sarchat predict` asked it, or as its file.

        Raises:
            SARChatError: if an option is wrong, there is a sidecar that cannot be read, or the models were asked for
                different records.
        """
        from builders.notation.models import choose
        from builders.scoring.readers import AnswerSource, notation_of

        asked = [self._as_asked(file) for file in files]
        first = asked[0][0]
        sources: list[AnswerSource] = []
        for file, (own, name) in zip(files, asked, strict=True):
            for option in ("config", "split", "limit"):
                if getattr(own, option) != getattr(first, option):
                    raise SARChatError(
                        f"{files[0]} was asked with --{option} {getattr(first, option)}, but {file} with "
                        f"{getattr(own, option)}; give --{option} for both"
                    )
            name = (name if sources or not model else model) or ""
            source = AnswerSource(file, self.tool, self.id_field, self.prediction_field, model=name)
            # Rows of an export name their notation, with the size of each image.
            written = None if is_given("box_format") else notation_of(source)
            choice = choose(name, written.format.name if written else own.box_format, own.input_size, own.resize)
            sources.append(replace(source, notation=written or choice.notation))
            if len(sources) == 1:
                first = replace(own, box_format=choice.box_format, resize=choice.resize)
        return first, sources

    def join(
        self,
        files: Sequence[str],
        data: str,
        option: str = "--references",
        model: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> tuple[AnswerOptions, list[JoinedAnswers]]:
        """Return the options for the first file of answers, and the answers of every file, joined to their records.

        Args:
            files: files of answers to the same records.
            data: the data set.
            option: the option that names it, for messages.
            model: as for `read_sources`.
            columns: what is read of each record; by default what scoring needs.

        Raises:
            SARChatError: as `read_sources` and `join_file`, or if answers and data set are in the wrong order.
        """
        from builders.scoring.gold import COLUMNS, read_gold
        from builders.scoring.joining import check_order, join_file

        for file in files:
            check_order(file, data, option)
        asked, sources = self.read_sources(files, model)
        gold = read_gold(data, asked.config, asked.split, asked.limit, columns or COLUMNS)
        return asked, [join_file(source, gold) for source in sources]

    def of_run(self, average: str) -> dict[str, str | int | None]:
        """Return how a model was asked and its answers were averaged, for a file of scores."""
        run = {"average": average, **asdict(self)}
        return {name: run[name] for name in ("config", "split", "limit", "average", *NOTATION)}

    def _as_asked(self, file: str) -> tuple[AnswerOptions, str | None]:
        """Return the options for a file of answers, and the model's name if `sarchat predict` wrote the file.

        An option that the user did not give has the value with which the model was asked. One that contradicts it is
        kept, with a warning.

        Raises:
            SARChatError: if there is a sidecar that cannot be read.
        """
        from builders.scoring.sidecar import meta_path, read_asked

        if self.tool or self.id_field or self.prediction_field:
            return self, None
        found = read_asked(Path(file).expanduser())
        model = found.pop("model", None)
        given = {name for name in found if is_given(name)}
        for name in sorted(given):
            value = getattr(self, name)
            if value != found[name]:
                logging.getLogger(__name__).warning(
                    "--%s %s is used, although according to %s the model was asked with %s.",
                    name.replace("_", "-"),
                    value,
                    meta_path(Path(file)).name,
                    found[name],
                )
        # The three belong together.
        if given & set(NOTATION):
            given |= set(NOTATION) if self.box_format != found["box_format"] else {"input_size", "resize"}
        return replace(self, **{name: value for name, value in found.items() if name not in given}), model


def is_given(name: str) -> bool:
    """Return whether an option of the running command was given."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source is not click.core.ParameterSource.DEFAULT


def answer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `AnswerOptions`, which the command takes as its argument `asked`."""

    @functools.wraps(command)
    def collect(**values: Any) -> None:  # noqa: ANN401
        asked = AnswerOptions(**{field.name: values.pop(field.name) for field in fields(AnswerOptions)})
        command(asked=asked, **values)

    options = together(
        click.option("--config", default=ALL, show_default=True, help="A task, or all."),
        click.option(
            "--split", type=SPLIT, default="test", show_default=True, help="Split whose questions the model was asked."
        ),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N records per task and scenario."),
        click.option(
            "--from", "tool", metavar="TOOL", help="Tool that wrote FILE: ms-swift, llama-factory, openai-batch, ..."
        ),
        click.option("--id-field", metavar="NAME", help="Column with the record's id, if not the tool's default."),
        click.option("--prediction-field", metavar="NAME", help="Column with the answer, if not the tool's default."),
        box_format_options(),
    )
    return options(collect)


def _one_of(kind: str, module: str, names: str) -> Callable[..., str]:
    """Return a callback that checks an option's name before any file is read.

    The module of the known names is imported when a command runs, so that `--help` is quick.
    """

    def check(_: click.Context, __: click.Parameter, name: str) -> str:
        check_name(kind, name, getattr(importlib.import_module(module), names))
        return name

    return check


average_option = click.option(
    "--average",
    default="sample",
    show_default=True,
    callback=_one_of("average", "builders.scoring.result", "AVERAGES"),
    help="sample: mean over records; corpus: pooled counts.",
)


def weights_option(default: str) -> Callable[[Command], Command]:
    """Return a decorator that adds `--weights` with a default."""
    return click.option(
        "--weights",
        default=default,
        show_default=True,
        metavar="own|published",
        callback=_one_of("weights", "builders.scoring.result", "WEIGHTS"),
        help="Weights of the tasks in the overall score: the numbers of records of your test set (own) or of the "
        "paper's (published).",
    )


format_option = click.option(
    "--format",
    "style",
    default="table",
    show_default=True,
    metavar="table|markdown|latex|csv|json",
    callback=_one_of("format", "builders.core.tables", "FORMATS"),
    help="Format of the tables.",
)
