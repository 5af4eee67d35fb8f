"""`sarchat report`."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import click

from builders.cli.options import AnswerOptions, answer_options, average_option, weights_option
from builders.core.errors import SARChatError, install_extra


@click.command("report")
@click.argument("answers", metavar="ANSWERS")
@click.argument("baseline", metavar="[BASELINE]", required=False)
@click.option("--data", metavar="DATA", required=True, help="Built folder, Hub data set or SARDet-100K.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The HTML file.")
@click.option(
    "--examples",
    type=click.IntRange(0, 1000),
    default=15,
    show_default=True,
    metavar="N",
    help="Records to show: N of the worst and N others of each task, N that got better and N that got worse.",
)
@click.option(
    "--probe",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The probe.json of `sarchat probe`; default: the one beside ANSWERS, if they are its own.jsonl.",
)
@click.option("--model", metavar="NAME", help="The model's name; default: that of ANSWERS.")
@click.option("--params", metavar="SIZE", help="Its number of parameters, such as 7B.")
@answer_options
@average_option
@weights_option("own")
def report_command(
    answers: str,
    baseline: str | None,
    data: str,
    out: Path,
    examples: int,
    probe: Path | None,
    model: str | None,
    params: str | None,
    asked: AnswerOptions,
    average: str,
    weights: str,
) -> None:
    """Show what a model got right and wrong, as one HTML file that opens anywhere.

    ANSWERS is a file of answers as `sarchat score` takes it; BASELINE, if given, another one to compare it with.

    If `sarchat predict` wrote ANSWERS, the model and its options are read from ANSWERS.meta.json.
    """
    if not all(map(find_spec, ("jinja2", "matplotlib"))):
        raise SARChatError(f"jinja2 and matplotlib are needed; {install_extra('report')}")
    from builders.core.writing import check_outputs
    from builders.drawing.report.page import ReportOptions
    from builders.drawing.report.write import MARK, write_report
    from builders.scoring.probe import find_probe
    from builders.scoring.score_table import list_warnings

    asked, sources = asked.read_sources([*filter(None, (answers, baseline))], model)
    found = find_probe(answers, probe)
    check_outputs({"--out": out}, filter(None, [answers, baseline, data, probe]), {"--out": MARK})
    options = ReportOptions(
        asked.config, asked.split, asked.limit, average, weights, examples, asked.box_format, params
    )
    before = sources[1] if baseline else None
    report = write_report(sources[0], data, out, options, before, found.probe if found else ())
    for warning in list_warnings(report.result, asked.box_format):
        logging.getLogger(__name__).warning(warning)
    click.echo(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB, {len(report.records):,} records).")
