"""`sarchat push` and `space`: publish a data set or the metric after checking it; write the folder of the metric."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from builders.cli.options import together
from builders.core.errors import SARChatError, redact
from builders.core.tables import format_table

if TYPE_CHECKING:
    from builders.hub.checks import FileStates
    from builders.hub.publish import Publication

_parameters = together(
    click.argument("folder", metavar="DIR", type=click.Path(path_type=Path)),
    click.argument("repo_id"),
    click.option("--private", is_flag=True, help="Make the repo private; stop if it exists and is public."),
    click.option("--revision", metavar="BRANCH", help="Push to this branch; created if missing."),
    click.option("--create-pr", is_flag=True, help="Open a pull request instead of committing."),
    click.option("--dry-run", is_flag=True, help="Check the folder and list files and bytes without uploading."),
)


@click.group("push")
def push_command() -> None:
    """Publish a data set or a metric on the Hugging Face Hub.

    The folder is checked before anything is uploaded. The token comes from `hf auth login` or the variable HF_TOKEN.
    To resume an interrupted push, run the same command again.
    """


@push_command.command()
@_parameters
def dataset(folder: Path, repo_id: str, dry_run: bool, **options: Any) -> None:  # noqa: ANN401
    """Publish DIR, which `sarchat build` wrote, as the data set REPO_ID."""
    _check_target(repo_id, dry_run)
    from builders.hub.checks import describe_unknown, inspect_dataset, list_files

    files = list_files(folder, "build")
    configs = inspect_dataset(folder)
    if unknown := describe_unknown(folder):
        logging.getLogger(__name__).warning(unknown)
    if done := _publish(folder, files, dry_run, repo_id=repo_id, repo_type="dataset", **options):
        config = "referring" if "referring" in configs else configs[0]
        revision = f', revision="{done.revision}"' if done.revision else ""
        click.echo(f'from datasets import load_dataset\nload_dataset("{done.repo.repo_id}", "{config}"{revision})')


@push_command.command()
@_parameters
def metric(folder: Path, repo_id: str, dry_run: bool, **options: Any) -> None:  # noqa: ANN401
    """Publish DIR, which `sarchat space` wrote, as the Space REPO_ID, from which `evaluate` loads the metric."""
    _check_loadable(repo_id, options["revision"])
    _check_target(repo_id, dry_run)
    from builders.hub.checks import inspect_metric, list_files

    files = list_files(folder, "space")
    inspect_metric(folder)
    if done := _publish(folder, files, dry_run, repo_id=repo_id, repo_type="space", **options):
        # `evaluate` inserts the revision into a URL without quoting it.
        revision = f', revision="{quote(done.revision, safe="")}"' if done.revision else ""
        click.echo(f'import evaluate\nevaluate.load("{done.repo.repo_id}"{revision})')


def _check_loadable(repo_id: str, revision: str | None) -> None:
    """Check that `evaluate` can load the metric from a repo of this name and revision."""
    name = repo_id.rsplit("/", 1)[-1]
    if name != "sarchat_metric":
        raise SARChatError(
            f"{repo_id!r}: evaluate.load looks for {name}.py in it; name the repo NAMESPACE/sarchat_metric"
        )
    if revision and re.match(r"\d*\.\d*\.\d*", revision):
        raise SARChatError(f"--revision {revision}: evaluate.load would request v{revision}; name it v{revision}")


def _check_target(repo_id: str, dry_run: bool) -> None:
    """Check, before the folder is read, the name to push to, and that there is a token."""
    from builders.hub.publish import check_repo_id, require_token

    check_repo_id(repo_id)
    if not dry_run:
        require_token()


def _publish(folder: Path, files: FileStates, dry_run: bool, **target: Any) -> Publication | None:  # noqa: ANN401
    """Publish files of a folder, or list them; the keywords are those of `Repo`. Return what was published, if any."""
    from builders.hub.publish import Repo, publish

    if dry_run:
        sizes = [(path, (folder / path).stat().st_size) for path in files]
        total = (f"{len(sizes):,} files", sum(size for _, size in sizes))
        click.echo(format_table(["file", "bytes"], [*sizes, total]))
        click.echo("Checked; nothing was uploaded.")
        return None
    done = publish(folder, files, Repo(**target))
    click.echo(redact(f"Pushed {len(files):,} files: {done.url}" if done.changed else f"Nothing to change: {done.url}"))
    click.echo("Load it with:\n")
    return done


@click.command("space")
@click.option(
    "--out", type=click.Path(path_type=Path), default="sarchat_metric", show_default=True, help="Folder to write."
)
def space_command(out: Path) -> None:
    """Write the metric's folder: the script, its card, and a page to try it on.

    Load it with `evaluate`, run it with `python app.py`, or publish it with `sarchat push metric`.
    """
    from builders.core.tables import format_table
    from builders.hub.space import METRIC_FILE, write_space

    names = write_space(out)
    click.echo(format_table(["file", "bytes"], [(name, (out / name).stat().st_size) for name in names]))
    # `evaluate` looks for a plain name in the working folder; any other location needs the script's path.
    is_found_by_name = out.parts == (out.name,) and f"{out.name}.py" == METRIC_FILE
    place = out.name if is_found_by_name else (out / METRIC_FILE).as_posix()
    click.echo(f'\nWrote {out}. Load it with:\n\nimport evaluate\nevaluate.load("{place}")')
