"""`sarchat probe`."""

from __future__ import annotations

from pathlib import Path

import click

from builders.core.errors import SARChatError

# The image that is shown, the name of its file of answers, and the option of `sarchat predict` for it.
_SHOWN = {
    "own image": ("own", ()),
    "another image": ("another", ("--shuffle-images",)),
    "grey image": ("grey", ("--blind",)),
}


@click.command("probe", context_settings={"ignore_unknown_options": True})
@click.argument("data")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for the answers.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF PREDICT]...")
def command(data: str, out: Path, options: tuple[str, ...]) -> None:
    """Ask a model with each question's own image, with another image and with a grey one: does it look?

    Takes the options of `sarchat predict`, such as --model, --base-url and --limit, and resumes like it. The scores
    with another image and with a grey one are compared with those with the own image, each with its paired 95 %
    interval. A model that does not look scores the same with all three.
    """
    from dataclasses import replace

    from builders.cli.options import AnswerOptions
    from builders.cli.predict import command as predict
    from builders.core.tables import write_tables
    from builders.scoring import comparison
    from builders.scoring.gold import read_gold
    from builders.scoring.scored_records import join_file
    from builders.scoring.scoring import evaluate

    if given := sorted({"--blind", "--shuffle-images"} & {*options}):
        raise SARChatError(f"probe shows the model every kind of image by itself; leave out {given[0]}")
    out.mkdir(parents=True, exist_ok=True)
    files = [str(out / f"{name}.jsonl") for name, _ in _SHOWN.values()]
    asked_with = (
        [data, *options, *flags, "--out", file] for file, (_, flags) in zip(files, _SHOWN.values(), strict=True)
    )
    # A wrong option is found before anything is asked.
    contexts = [predict.make_context("predict", arguments) for arguments in asked_with]
    for shown, context in zip(_SHOWN, contexts, strict=True):
        click.echo(f"With the {shown}:", err=True)
        with context:
            predict.invoke(context)
    asked, sources = AnswerOptions.of_predict().read_sources(files)
    gold = read_gold(data, asked.config, asked.split, asked.limit)
    results = [
        replace(evaluate(join_file(source, gold), "sample", resamples=0), name=shown)
        for source, shown in zip(sources, _SHOWN, strict=True)
    ]
    own, *others = results
    compared = [comparison.compare(other, own) for other in others]
    click.echo(write_tables([comparison.tabulate_comparison(own, others, compared)]))
    low, high = compared[0].intervals["overall"]
    if high < 0:
        click.echo(f"\nThe model looks: with another image it loses {-high:.2f} to {-low:.2f} points overall.")
    else:
        click.echo("\nNo sign that the model looks: with another image it scores no less, within the interval.")
