"""`sarchat baseline`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from builders.cli.options import SPLIT


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
def command(data: str, kind: str | None, out: Path | None, config: str, split: str, limit: int | None) -> None:
    """Answer the questions of DATA without its images, from its training split and the question alone.

    Without --out, all players answer every split but the training one. Their scores are printed and, if DATA is a
    build on this machine, kept in it: as baseline.json and in its card. `score`, `report` and `leaderboard` then show
    the best of them beside a model's, with the lift over it.

    With --out, one player's answers are written, which `sarchat score` scores as any model's.
    """
    import json

    from builders.core.errors import SARChatError, check_name
    from builders.core.writing import check_outputs, writing_whole
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
    context = click.get_current_context()
    for name in ("kind", "config", "split", "limit"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise SARChatError(f"--{name} is for the answers of one player; give --out FILE too")
    opened = open_data(data)
    folder = Path(data).expanduser()
    keeps = isinstance(opened, Build) and folder.is_dir()
    if keeps:
        check_mark(folder / BASELINE, baseline.SCORES_MARK)
    found = baseline.score_players(opened, [name for name in opened.splits() if name != baseline.TRAIN])
    click.echo("\n\n".join(baseline.format_table_of(name, kinds) for name, kinds in found.items()))
    if not keeps:
        logging.getLogger(__name__).warning("%s is not a build on this machine; the scores are not kept.", data)
    elif not baseline.write_scores(folder, opened, found):
        logging.getLogger(__name__).warning("%s was edited, so the scores were not added to it.", folder / CARD)


def check_mark(file: Path, mark: bytes) -> None:
    """Refuse to replace a file that this command did not write."""
    from builders.core.errors import SARChatError
    from builders.core.writing import may_replace

    if file.exists() and not (file.is_file() and not file.is_symlink() and may_replace(file, mark)):
        raise SARChatError(f"{file} was not written by `sarchat baseline`, and would be replaced; move it elsewhere")
