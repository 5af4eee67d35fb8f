"""`sarchat report` and `leaderboard`: scores as a page, and beside the published ones."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import click

from builders.cli.options import AnswerOptions, answer_options, average_option, format_option, weights_option
from builders.core.errors import SARChatError, install_extra, near
from builders.core.writing import check_outputs

KINDS = ("radar", "size", "cost")
_LOG = logging.getLogger(__name__)


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
    from builders.drawing.report.write import MARK, write_report
    from builders.scoring.comparison import find_probe
    from builders.scoring.failures import COLUMNS
    from builders.scoring.score_table import list_warnings

    files = [*filter(None, (answers, baseline))]
    found = find_probe(answers, probe)
    check_outputs({"--out": out}, filter(None, [*files, data, probe]), {"--out": MARK})
    asked, (joined, *others) = asked.join(files, data, "--data", model, COLUMNS)
    before = others[0] if others else None
    report = write_report(joined, out, average, weights, examples, params or "", before, found.probe if found else ())
    for warning in list_warnings(report.result, asked.box_format):
        _LOG.warning(warning)
    click.echo(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB, {len(report.records):,} records).")


@click.command("leaderboard")
@click.argument("scores", nargs=-1, type=click.Path(path_type=Path))
@weights_option("published")
@click.option(
    "--rank-by",
    default="overall",
    show_default=True,
    metavar="overall|balanced|lift",
    help="What to rank by: the overall score (Eq. 4), the plain mean of the tasks, or the lift over a blind player.",
)
@format_option
@click.option(
    "--figure",
    "figures",
    multiple=True,
    metavar="FILE",
    help="Draw radar.pdf (sub-scores), size.pdf (score and parameters) or cost.pdf (latency and tokens too): PDF, PNG "
    "or SVG; under another name as radar=FILE.",
)
@click.option(
    "--show", "shown", multiple=True, metavar="MODEL", help="A published model for the figures, such as 'Qwen2-VL 7B'."
)
def leaderboard_command(
    scores: tuple[Path, ...],
    weights: str,
    rank_by: str,
    style: str,
    figures: tuple[str, ...],
    shown: tuple[str, ...],
) -> None:
    """Print the paper's 16 models together with your own SCORES, files of `sarchat score --output`.

    The probe.json of `sarchat probe` adds how much a model loses with another image.
    """
    from builders.core.tables import write_tables
    from builders.drawing.figures import PICTURE_MARK
    from builders.scoring import leaderboard
    from builders.scoring.comparison import join_probes
    from builders.scoring.result_files import read_result

    wanted = [_read_figure(text) for text in figures]
    outputs = {f"--figure {kind}": path for kind, path in wanted}
    check_outputs(outputs, scores, dict.fromkeys(outputs, PICTURE_MARK))
    own = join_probes([read_result(path) for path in scores])
    others = leaderboard.choose_published(shown)
    table = leaderboard.tabulate_leaderboard(own, weights, rank_by)
    if wanted:
        _draw(wanted, own, others, bool(shown), leaderboard.leaderboard_sizes(own, weights))
    click.echo(write_tables([table], style))
    for warning in leaderboard.list_warnings(own):
        _LOG.warning("%s.", warning)


def _draw(wanted: list, own: list, others: list, are_chosen: bool, sizes: dict[str, int]) -> None:
    from builders.drawing.figures import require_matplotlib

    require_matplotlib()
    from builders.drawing.figures.model_charts import MOST_IN_RADAR, draw_kind
    from builders.drawing.figures.style import check_picture, save, styled
    from builders.scoring.leaderboard import best_published

    for _, path in wanted:
        check_picture(path)
    for kind, path in wanted:
        in_figure = best_published(others, sizes) if kind == "radar" and not are_chosen else others
        if kind == "radar" and len(own) + len(in_figure) > MOST_IN_RADAR:
            raise SARChatError(
                f"a radar of {len(own) + len(in_figure)} models is unreadable; show up to {MOST_IN_RADAR}"
            )
        with styled():
            save(draw_kind(kind, [*own, *in_figure], sizes), path)
        click.echo(f"Wrote {path}.", err=True)
        for result in own if kind == "size" else ():
            if result.parameters is None:
                _LOG.warning(
                    "%s is not in %s: its number of parameters is not known; score it with --params, such as "
                    "--params 7B.",
                    result.name,
                    path,
                )


def _read_figure(text: str) -> tuple[str, Path]:
    """Read an option `--figure`: `radar.pdf`, whose name is the kind, or `KIND=FILE`.

    Raises:
        SARChatError: it names no kind.
    """
    kind, equals, file = text.partition("=")
    if not equals:
        kind, file = Path(text).stem, text
    if kind not in KINDS or not file:
        raise SARChatError(
            f"--figure {text} is not a figure{near(kind, KINDS)}; give {', '.join(f'{name}.pdf' for name in KINDS)}, "
            "or another name as KIND=FILE"
        )
    return kind, Path(file)
