"""`sarchat predict`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from builders.cli.options import SPLIT, box_format_options
from builders.core.errors import SARChatError, install_extra
from builders.core.resources import load_json
from builders.core.writing import check_outputs


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
def command(
    data: str,
    model: str,
    base_url: str,
    out: Path,
    config: str,
    split: str,
    limit: int | None,
    concurrency: int,
    max_tokens: int | None,
    temperature: float,
    timeout: float,
    system: str | None,
    prompt_suffix: str | None,
    box_format: str | None,
    input_size: str | None,
    resize: str | None,
    fine_tuned: str | None,
    extra_body: str | None,
    blind: bool,
    shuffle_images: bool,
    logprobs: bool,
) -> None:
    """Ask a model every question of a split of DATA, with its image, and write its answers.

    DATA is a folder that `sarchat build` wrote, a data set on the Hub (OWNER/NAME), or SARDet-100K (folder, zip, URL).
    The server can be any with OpenAI's chat completions API: vLLM, SGLang, LMDeploy, llama.cpp, transformers serve, or
    a hosted one. An API key is read only from the environment variable OPENAI_API_KEY.

    The same command resumes a run that was stopped, and repeats failed requests. The exit code is 1 if any record is
    left.
    """
    try:
        from builders.notation.models import max_tokens_of
        from builders.predict.answers import meta_path
        from builders.predict.predict import Options, format_outcome, predict, scoring_command
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "openai":
            raise
        raise SARChatError(f"openai is not installed; {install_extra('predict')}") from error
    if fine_tuned is not None:
        trained = _read_trained(Path(fine_tuned).expanduser(), box_format)
        if box_format is None and input_size is None and resize is None:
            resize = trained["resize"]
        box_format = box_format or trained["box_format"]
        if prompt_suffix is None and not trained["asks"]:
            prompt_suffix = ""
    if max_tokens is None:
        max_tokens = max_tokens_of(model)
    options = Options(
        config=config,
        split=split,
        limit=limit,
        max_tokens=max_tokens or None,
        temperature=temperature,
        system=system,
        prompt_suffix=prompt_suffix,
        box_format=box_format,
        input_size=input_size,
        resize=resize,
        extra_body=_read_object(extra_body),
        blind=blind,
        shuffle_images=shuffle_images,
        logprobs=logprobs,
    )
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


def _read_trained(folder: Path, box_format: str | None) -> dict[str, Any]:
    """Return the box format, the resizing and the form of the questions of an export."""
    from builders.export.manifest import read_export

    found = {"box_format": None, "resize": None, "asks": False} | read_export(folder)
    if found["box_format"] is None and box_format is None:
        raise SARChatError(
            f"in {folder}, {found.get('format')} writes the boxes for its model; name their format with --box-format"
        )
    return found


def _read_object(text: str | None) -> dict[str, Any]:
    try:
        value = load_json(text or "{}")
    except ValueError as error:
        raise SARChatError(f"--extra-body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SARChatError(f"--extra-body must be a JSON object, but got {text}")
    return value
