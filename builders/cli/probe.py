"""`sarchat probe`."""

from __future__ import annotations

from pathlib import Path

import click

from builders.core.errors import SARChatError

# The options of `sarchat predict` for the own image, another one and a grey one.
_FLAGS: tuple[tuple[str, ...], ...] = ((), ("--shuffle-images",), ("--blind",))


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

    from builders.cli.options import AnswerOptions
    from builders.cli.predict import predict_command as predict
    from builders.core.tables import write_tables
    from builders.core.writing import check_outputs
    from builders.scoring.gold import read_gold
    from builders.scoring.probe import FILES, SCORES, tabulate_probe
    from builders.scoring.result import AVERAGES
    from builders.scoring.result_files import PROBE_MARK, write_result
    from builders.scoring.scored_records import join_file
    from builders.scoring.scoring import evaluate

    if given := sorted({"--blind", "--shuffle-images"} & {*options}):
        raise SARChatError(f"probe shows the model every kind of image by itself; leave out {given[0]}")
    out.mkdir(parents=True, exist_ok=True)
    check_outputs({"--out": out / SCORES}, [data], {"--out": PROBE_MARK})
    files = [str(out / file) for file in FILES.values()]
    asked_with = ([data, *options, *flags, "--out", file] for file, flags in zip(files, _FLAGS, strict=True))
    # A wrong option is found before anything is asked.
    contexts = [predict.make_context("predict", arguments) for arguments in asked_with]
    for shown, context in zip(FILES, contexts, strict=True):
        click.echo(f"With the {shown}:", err=True)
        with context:
            predict.invoke(context)
    asked, sources = AnswerOptions.of_predict().read_sources(files)
    gold = read_gold(data, asked.config, asked.split, asked.limit)
    results = [evaluate(join_file(source, gold), AVERAGES[0]) for source in sources]
    probe = tuple(replace(result, name=shown) for result, shown in zip(results, FILES, strict=True))
    run = {"model": sources[0].model, **asked.of_run(AVERAGES[0])}
    write_result(out / SCORES, replace(results[0], probe=probe), run)
    click.echo(write_tables([tabulate_probe(probe)]))
    click.echo(f"\nWrote {out / SCORES}, for `sarchat leaderboard` and `sarchat report --probe`.", err=True)
