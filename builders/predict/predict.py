"""`sarchat predict` as one function: data, questions, requests, answers and the result."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from builders.core.errors import SARChatError, redact, split_secrets
from builders.core.tables import format_table
from builders.data.open_data import open_data
from builders.notation.formats import check_oriented, get_format
from builders.notation.models import MAX_TOKENS, Choice, choose, warn_of_unit
from builders.notation.render import Phrasing
from builders.predict.answers import open_answers
from builders.predict.client import ChatClient
from builders.predict.questions import ANOTHER, GREY, OWN, check_images, generate_questions
from builders.predict.run import Tally, ask_all
from builders.scoring.gold import read_rows, require_unique


@dataclass(frozen=True)
class Options:
    """Options that the answers depend on, besides model and data; the names are those of the command's options.

    Attributes:
        config: a task, or `all`.
        split: the split.
        limit: the maximum number of records per sub-score; all if `None`.
        max_tokens: the maximum length of an answer in tokens; the server's default if `None`.
        temperature: the sampling temperature; 0 chooses the most likely token.
        system: the system message.
        prompt_suffix: the text after every question; if `None`, the box format's own sentence if an answer has boxes.
        box_format: how boxes are written in questions; if `None`, as the model's family does, or as in the data set.
        input_size: `WxH`, for formats in pixels of the resized image.
        resize: `factor,min_pixels,max_pixels`, likewise.
        extra_body: further fields of each request; the sidecar shows no secrets in them.
        blind: send a grey image of the same size instead of each image.
        shuffle_images: send another image of the split instead of each image, resized to its size.
        logprobs: ask for the probability of each token, and keep those of the numbers in answers.
    """

    config: str = "all"
    split: str = "test"
    limit: int | None = None
    max_tokens: int | None = MAX_TOKENS
    temperature: float = 0.0
    system: str | None = None
    prompt_suffix: str | None = None
    box_format: str | None = None
    input_size: str | None = None
    resize: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    blind: bool = False
    shuffle_images: bool = False
    logprobs: bool = False

    def __post_init__(self) -> None:
        """Refuse two kinds of images at once."""
        if self.blind and self.shuffle_images:
            raise SARChatError("--blind sends grey images, and --shuffle-images other ones; choose one of the two")

    @property
    def images(self) -> str:
        """The image that is sent with a question, one of `IMAGES`."""
        return GREY if self.blind else ANOTHER if self.shuffle_images else OWN

    def parameters(self) -> dict[str, Any]:
        """Return the arguments of each request."""
        parameters: dict[str, Any] = {"temperature": self.temperature}
        if self.max_tokens is not None:
            parameters["max_tokens"] = self.max_tokens
        if self.logprobs:
            parameters["logprobs"] = True
        if self.extra_body:
            parameters["extra_body"] = dict(self.extra_body)
        return parameters


_DEFAULTS = Options()


@dataclass(frozen=True)
class Outcome:
    """The state after a run.

    Attributes:
        tally: the counts of this run.
        before: the number of records answered by earlier runs.
        total: the number of records to answer in total.
        seconds: the duration of the requests.
        server_models: the names of the model given by the server, in this and earlier runs.
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
    """Send a model every question of a split that has no answer in `out` yet.

    The API key, if the server requires one, is read from the variable OPENAI_API_KEY.

    Args:
        location: the data set, in any form that `open_data` accepts.
        model: the model's name on the server.
        base_url: the server's URL without `/chat/completions`.
        out: the JSON Lines file of answers, created or appended to; `OUT.meta.json` records how they were made.
        options: the options that the answers depend on.
        concurrency: the maximum number of simultaneous requests.
        timeout: seconds within which a request must have its whole answer; else it is repeated, up to 8 times.

    Raises:
        SARChatError: if an argument is wrong, no server answers, the data cannot be read or has two records with one
            id, `out` has answers made with other settings or images, or an answer cannot be written.
    """
    choice = choose(model, options.box_format, options.input_size, options.resize)
    options = replace(options, box_format=choice.box_format, resize=choice.resize)
    phrasing = Phrasing(choice.notation, options.prompt_suffix)
    client = ChatClient(base_url, model, system=options.system, timeout=timeout, parameters=options.parameters())
    # Before the data is read, which may take long. A finished file needs no server.
    is_new = not (out.is_file() and out.stat().st_size)
    if is_new:
        client.check_server()
    data = open_data(location)
    if data.info.oriented:
        check_oriented(phrasing.notation.format)
    tasks = data.select_scored(options.config, options.split)
    subset = data.subset(tasks, options.split, options.limit)
    rows = read_rows(data, tasks, options.split, subset, ("id",))
    ids = {record_id for record_id, _ in require_unique(rows, location)}
    settings = {
        "model": model,
        "options": {**asdict(options), "extra_body": split_secrets(options.extra_body)[0]},
        "data": {"version": data.version, "fingerprint": data.fingerprint},
    }
    with open_answers(out, settings) as answers:
        before = len(answers.images)
        check_images(data, tasks, options.split, answers.images, out)
        if before < len(ids):
            if not is_new:
                client.check_server()
            _tell_unit(choice)
        answered = answers.images.keys()
        questions = generate_questions(data, tasks, options.split, ids, phrasing, options.images, answered)
        start = time.monotonic()
        tally = ask_all(questions, client, answers, concurrency, len(ids))
        return Outcome(tally, before, len(ids), time.monotonic() - start, answers.server_models)


def _tell_unit(choice: Choice) -> None:
    """Print the unit in which boxes are asked for, and a warning if the model's family is known to use another one."""
    tqdm.write(f"Boxes are asked for in {choice.describe()}.", file=sys.stderr)
    if warning := warn_of_unit(choice.model, get_format(choice.box_format)):
        logging.getLogger(__name__).warning(warning)


def format_outcome(outcome: Outcome) -> str:
    """Return the table of a run: answers, failures by kind, and open questions."""
    tally = outcome.tally
    counts = [
        ("answered before", outcome.before, ""),
        ("answered now", tally.answered, ""),
        ("of these empty", tally.empty, ""),
        ("of these refused", tally.refused, ""),
        ("of these cut off by the token limit", tally.cut_off, ""),
        *([("of these with a secret, now ***", tally.exposed, "")] if tally.exposed else []),
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


def scoring_command(location: str, out: Path) -> str:
    """Return the command that scores the answers on exactly the same records, by what their sidecar says."""
    return shlex.join(["sarchat", "score", str(out), "--references", redact(location)])
