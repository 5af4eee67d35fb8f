"""`sarchat predict`, `probe` and `baseline`: answers of a model to what it sees, and of players that see no image."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from builders.cli.options import SPLIT, AnswerOptions, box_format_options, is_given
from builders.core.errors import SARChatError, check_name, install_extra
from builders.core.resources import load_json
from builders.core.writing import check_outputs, may_replace, writing_whole

# The options of `sarchat predict` for the own image, another one and a grey one.
_FLAGS: tuple[tuple[str, ...], ...] = ((), ("--shuffle-images",), ("--blind",))


@click.command("predict")
@click.argument("data")
@click.option("--model", required=True, metavar="NAME", help="Model name on the server.")
@click.option("--base-url", required=True, metavar="URL", help="Server address, such as http://localhost:8000/v1.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="JSON Lines file to write.")
@click.option("--config", default="all", show_default=True, help="Task, or all.")
@click.option("--split", type=SPLIT, default="test", show_default=True, help="Split to ask.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N records per task and scenario.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1000), default=32, show_default=True, help="Simultaneous requests."
)
@click.option(
    "--max-tokens",
    type=click.IntRange(0),
    show_default="1024, or 16384 for models that think first",
    help="Maximum number of tokens per answer; 0: the server's limit.",
)
@click.option("--temperature", type=click.FloatRange(0), default=0.0, show_default=True, help="Sampling temperature.")
@click.option("--timeout", type=click.FloatRange(1), default=300.0, show_default=True, help="Seconds per request.")
@click.option("--system", metavar="TEXT", help="System message.")
@click.option(
    "--prompt-suffix", metavar="TEXT", help="Text after every question; default: the box format's request for boxes."
)
@box_format_options(None)
@click.option(
    "--fine-tuned",
    metavar="EXPORT",
    help="Folder of `sarchat export` that the model was fine-tuned on: ask as it was trained.",
)
@click.option(
    "--blind", is_flag=True, help="Send a grey image of the same size instead of each image: what the model guesses."
)
@click.option("--shuffle-images", is_flag=True, help="Send another image of the split instead of each image.")
@click.option(
    "--logprobs", is_flag=True, help="Keep the probability of the numbers in answers, for `score --detection`."
)
@click.option("--extra-body", metavar="JSON", help="Further fields of each request, as a JSON object.")
def predict_command(
    data: str,
    model: str,
    base_url: str,
    out: Path,
    concurrency: int,
    timeout: float,
    fine_tuned: str | None,
    **values: Any,  # noqa: ANN401
) -> None:
    """Ask a model every question of a split of DATA, with its image, and write its answers.

    DATA is a folder that `sarchat build` wrote, a data set on the Hub (OWNER/NAME), or SARDet-100K (folder, zip, URL).
    The server can be any with OpenAI's chat completions API: vLLM, SGLang, LMDeploy, llama.cpp, transformers serve, or
    a hosted one. An API key is read only from the environment variable OPENAI_API_KEY.

    The same command resumes a run that was stopped, and repeats failed requests. The exit code is 1 if any record is
    left.
    """
    if find_spec("openai") is None:
        raise SARChatError(f"openai is not installed; {install_extra('predict')}")
    from builders.notation.models import max_tokens_of
    from builders.predict.answers import meta_path
    from builders.predict.predict import Options, format_outcome, predict, scoring_command

    if fine_tuned is not None:
        values |= _as_trained(Path(fine_tuned).expanduser(), values)
    if values["max_tokens"] is None:
        values["max_tokens"] = max_tokens_of(model)
    values |= {"max_tokens": values["max_tokens"] or None, "extra_body": _read_object(values["extra_body"])}
    options = Options(**values)
    # A file of answers is resumed; whether it can be is checked when it is opened.
    outputs = {"--out": out, "--out's sidecar": meta_path(out)}
    check_outputs(outputs, [data], {"--out": b"", "--out's sidecar": b'"server_models"'})
    outcome = predict(data, model, base_url, out, options, concurrency=concurrency, timeout=timeout)
    click.echo(format_outcome(outcome))
    if len(outcome.server_models) > 1:
        logging.getLogger(__name__).warning("the server named different models: %s.", ", ".join(outcome.server_models))
    if outcome.tally.signal is not None:
        click.echo(f"Stopped; {outcome.left:,} records are left. Run the same command to resume.", err=True)
        raise SystemExit(128 + outcome.tally.signal)
    if outcome.left:
        verdict = f"{outcome.tally.verdict}; " if outcome.tally.verdict else ""
        raise SARChatError(f"{verdict}{outcome.left:,} records are left; run the same command to ask them")
    click.echo(f"\nScore it with:\n\n{scoring_command(data, out)}")


def _as_trained(folder: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the folder of an export gives a model: box format, resizing and form of the questions."""
    from builders.export.manifest import read_export

    found = {"box_format": None, "resize": None, "asks": False} | read_export(folder)
    box_format = values["box_format"] or found["box_format"]
    if box_format is None:
        raise SARChatError(
            f"in {folder}, {found.get('format')} writes the boxes for its model; name their format with --box-format"
        )
    given = {name for name in ("box_format", "input_size", "resize") if values[name] is not None}
    return {
        "box_format": box_format,
        "resize": values["resize"] if given else found["resize"],
        "prompt_suffix": "" if values["prompt_suffix"] is None and not found["asks"] else values["prompt_suffix"],
    }


def _read_object(text: str | None) -> dict[str, Any]:
    try:
        value = load_json(text or "{}")
    except ValueError as error:
        raise SARChatError(f"--extra-body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SARChatError(f"--extra-body must be a JSON object, but got {text}")
    return value


@click.command("baseline")
@click.argument("data")
@click.option(
    "--kind", metavar="NAME", help="Player for --out: majority, prior or question (default, and the strongest)."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="JSON Lines file of answers to write.")
@click.option("--config", default="all", show_default=True, help="Task, or all, for --out.")
@click.option("--split", type=SPLIT, default="test", show_default=True, help="Split to answer, for --out.")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most N records per task and scenario, for --out."
)
def baseline_command(data: str, kind: str | None, out: Path | None, config: str, split: str, limit: int | None) -> None:
    """Answer the questions of DATA without its images, from its training split and the question alone.

    Without --out, all players answer every split but the training one. Their scores are printed and, if DATA is a
    build on this machine, kept in it: as baseline.json and in its card. `score`, `report` and `leaderboard` then show
    the best of them beside a model's, with the lift over it.

    With --out, one player's answers are written, which `sarchat score` scores as any model's.
    """
    from builders.data.open_data import open_data
    from builders.data.reader import BASELINE, CARD, Build
    from builders.predict import baseline
    from builders.predict.players import KINDS

    if out is not None:
        kind = kind or [*KINDS][-1]
        check_name("--kind", kind, tuple(KINDS))
        check_outputs({"--out": out}, [data], {"--out": baseline.ANSWERS_MARK})
        answers = baseline.answer_split(open_data(data), kind, config, split, limit)
        with writing_whole(out) as stream:
            for record_id, answer in answers:
                stream.write(json.dumps({"id": record_id, "prediction": answer}, ensure_ascii=False) + "\n")
        return
    for name in ("kind", "config", "split", "limit"):
        if is_given(name):
            raise SARChatError(f"--{name} is for the answers of one player; give --out FILE too")
    opened = open_data(data)
    folder = Path(data).expanduser()
    keeps = isinstance(opened, Build) and folder.is_dir()
    if keeps:
        _check_mark(folder / BASELINE, baseline.SCORES_MARK)
    found = baseline.score_players(opened, [name for name in opened.splits() if name != baseline.TRAIN])
    click.echo("\n\n".join(baseline.format_table_of(name, kinds) for name, kinds in found.items()))
    if not keeps:
        logging.getLogger(__name__).warning("%s is not a build on this machine; the scores are not kept.", data)
    elif not baseline.write_scores(folder, opened, found):
        logging.getLogger(__name__).warning("%s was edited, so the scores were not added to it.", folder / CARD)


def _check_mark(file: Path, mark: bytes) -> None:
    """Refuse to replace a file that `sarchat baseline` did not write."""
    if file.exists() and not (file.is_file() and not file.is_symlink() and may_replace(file, mark)):
        raise SARChatError(f"{file} was not written by `sarchat baseline`, and would be replaced; move it elsewhere")


@click.command("probe", context_settings={"ignore_unknown_options": True})
@click.argument("data")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for the answers.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF PREDICT]...")
def probe_command(data: str, out: Path, options: tuple[str, ...]) -> None:
    """Ask a model with each question's own image, with another image and with a grey one: does it look?

    Takes the options of `sarchat predict`, such as --model, --base-url and --limit, and resumes like it. The scores
    with another image and with a grey one are compared with those with the own image, each with its paired 95 %
    interval. A model that does not look scores the same with all three.
    """
    from dataclasses import replace

    from builders.core.tables import write_tables
    from builders.scoring.comparison import PROBE_FILES, PROBE_SCORES, tabulate_probe
    from builders.scoring.result import AVERAGES
    from builders.scoring.result_files import PROBE_MARK, write_result
    from builders.scoring.scoring import evaluate

    if given := sorted({"--blind", "--shuffle-images"} & {*options}):
        raise SARChatError(f"probe shows the model every kind of image by itself; leave out {given[0]}")
    out.mkdir(parents=True, exist_ok=True)
    check_outputs({"--out": out / PROBE_SCORES}, [data], {"--out": PROBE_MARK})
    files = [str(out / file) for file in PROBE_FILES.values()]
    asked_with = ([data, *options, *flags, "--out", file] for file, flags in zip(files, _FLAGS, strict=True))
    # A wrong option is found before anything is asked.
    contexts = [predict_command.make_context("predict", arguments) for arguments in asked_with]
    for shown, context in zip(PROBE_FILES, contexts, strict=True):
        click.echo(f"{shown.capitalize()}:", err=True)
        with context:
            predict_command.invoke(context)
    asked, joined = AnswerOptions().join(files, data)
    results = [evaluate(answers, AVERAGES[0]) for answers in joined]
    probe = tuple(replace(result, name=shown) for result, shown in zip(results, PROBE_FILES, strict=True))
    run = {"model": joined[0].source.model, **asked.of_run(AVERAGES[0])}
    write_result(out / PROBE_SCORES, replace(results[0], probe=probe), run)
    click.echo(write_tables([tabulate_probe(probe)]))
    click.echo(f"\nWrote {out / PROBE_SCORES}, for `sarchat leaderboard` and `sarchat report --probe`.", err=True)
