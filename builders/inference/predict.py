"""`sarchat predict` as one call: data, questions, requests, answers, and what came of it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from builders.box_formats.formats import read_notation
from builders.inference.answers import open_answers
from builders.inference.client import ChatClient
from builders.inference.questions import Phrasing, Remaining, generate_questions
from builders.inference.run import Tally, ask_all
from builders.open_data import OpenData, open_data
from builders.tables import format_table


@dataclass(frozen=True)
class Options:
    """What the answers depend on, beside model and data; the names are those of the command's options.

    Attributes:
        config: a task, or `all`.
        split: the split.
        limit: the most records of each sub-score; all if `None`.
        max_tokens: the longest answer, in tokens; the server decides if `None`.
        temperature: of the sampling; 0 takes the likeliest token.
        system: the system message.
        prompt_suffix: what follows every question; if `None`, the box format's own sentence where an answer has boxes.
        box_format: how boxes are written in questions.
        input_size: `WxH`, for formats in pixels of the resized image.
        resize: `factor,min_pixels,max_pixels`, likewise.
        extra_body: further fields of each request.
    """

    config: str = "all"
    split: str = "test"
    limit: int | None = None
    max_tokens: int | None = 1024
    temperature: float = 0.0
    system: str | None = None
    prompt_suffix: str | None = None
    box_format: str = "sarchat"
    input_size: str | None = None
    resize: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """Return the arguments of each request."""
        parameters: dict[str, Any] = {"temperature": self.temperature}
        if self.max_tokens is not None:
            parameters["max_tokens"] = self.max_tokens
        if self.extra_body:
            parameters["extra_body"] = dict(self.extra_body)
        return parameters


_DEFAULTS = Options()


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Attributes:
        tally: what this run came to.
        before: records answered by earlier runs.
        total: records to answer in all.
        seconds: how long the requests took together.
        server_models: the model's names that the server gave, in this run and earlier ones.
    """

    tally: Tally
    before: int
    total: int
    seconds: float
    server_models: Sequence[str]

    @property
    def left(self) -> int:
        """The number of records without an answer."""
        return self.total - self.before - self.tally.answered


def predict(
    location: str,
    model: str,
    base_url: str,
    out: Path,
    options: Options = _DEFAULTS,
    *,
    concurrency: int = 32,
    timeout: float = 300.0,
) -> Outcome:
    """Ask a model every question of a split that `out` has no answer for yet.

    The key, if the server wants one, is read from the variable OPENAI_API_KEY.

    Args:
        location: the data set, as `open_data` takes it.
        model: the model's name, as the server has it.
        base_url: the server's address, up to and without `/chat/completions`.
        out: the JSON Lines file of answers, made or appended to; `OUT.meta.json` beside it says how they were made.
        options: what the answers depend on.
        concurrency: the most requests at a time.
        timeout: seconds until a request without an answer counts as failed; it is repeated up to 8 times.

    Raises:
        SARChatError: an argument is wrong, the data cannot be read, `out` has answers made in another way, or an answer
            cannot be written.
    """
    phrasing = Phrasing(read_notation(options.box_format, options.input_size, options.resize), options.prompt_suffix)
    client = ChatClient(base_url, model, system=options.system, timeout=timeout, parameters=options.parameters())
    data = open_data(location)
    tasks = data.select(options.config, options.split)
    settings = {
        "model": model,
        "options": asdict(options),
        "data": {"version": data.version, "fingerprint": data.fingerprint},
    }
    with open_answers(out, settings) as answers:
        subset = data.subset(tasks, options.split, options.limit)
        total = _count(data, tasks, options.split) if subset is None else len(subset)
        remaining = Remaining(subset, answers.answered)
        questions = generate_questions(data, tasks, options.split, remaining, phrasing)
        start = time.monotonic()
        tally = ask_all(questions, client, answers, concurrency, total)
        seconds = time.monotonic() - start
        return Outcome(tally, len(answers.answered), total, seconds, answers.server_models)


def _count(data: OpenData, tasks: Sequence[str], split: str) -> int:
    total = 0
    for task in tasks:
        count = data.count(task, split)
        total += sum(1 for _ in data.rows(task, split, columns=("id",))) if count is None else count
    return total


def format_outcome(outcome: Outcome) -> str:
    """Return the table of a run: answers, failures by kind, what is left."""
    tally = outcome.tally
    counts = [
        ("answered before", outcome.before, ""),
        ("answered now", tally.answered, ""),
        ("  of these empty", tally.empty, ""),
        ("  of these refused", tally.refused, ""),
        ("  of these cut off by the token limit", tally.cut_off, ""),
        *((f"failed: {kind}", count, tally.examples[kind]) for kind, count in tally.failures.most_common()),
        ("left", outcome.left, ""),
    ]
    rate = tally.answered / outcome.seconds if outcome.seconds else 0.0
    return "\n".join(
        [
            format_table(["", "records", "first message"], counts),
            "",
            f"{rate:,.1f} records/s, {tally.prompt_tokens:,} prompt tokens, {tally.completion_tokens:,} completion "
            f"tokens, {tally.retries:,} requests repeated.",
        ]
    )


def scoring_command(location: str, out: Path, options: Options) -> str:
    """Return the command that scores the answers on exactly what was asked."""
    arguments = ["sarchat", "score", str(out), "--references", location]
    arguments += ["--config", options.config, "--split", options.split]
    for name in ("limit", "box_format", "input_size", "resize"):
        value = getattr(options, name)
        if value is not None and value != getattr(_DEFAULTS, name):
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(arguments)
