"""`sarchat push`: publish a data set or the metric's Space after checking it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import quote

import click

from builders.core.errors import SARChatError, redact
from builders.core.tables import format_table


def _add_options(function: Callable) -> Callable:
    """Add the parameters of both subcommands."""
    parameters = [
        click.argument("folder", metavar="DIR", type=click.Path(path_type=Path)),
        click.argument("repo_id"),
        click.option("--private", is_flag=True, help="Make the repo private; stop if it exists and is public."),
        click.option("--revision", metavar="BRANCH", help="Push to this branch; created if missing."),
        click.option("--create-pr", is_flag=True, help="Open a pull request instead of committing."),
        click.option("--dry-run", is_flag=True, help="Check the folder and list files and bytes without uploading."),
    ]
    for parameter in reversed(parameters):
        function = parameter(function)
    return function


@click.group("push")
def command() -> None:
    """Publish a data set or a metric on the Hugging Face Hub.

    The folder is checked before anything is uploaded. The token comes from `hf auth login` or the variable HF_TOKEN.
    To resume an interrupted push, run the same command again.
    """


@command.command()
@_add_options
def dataset(folder: Path, repo_id: str, private: bool, revision: str | None, create_pr: bool, dry_run: bool) -> None:
    """Publish DIR, which `sarchat build` wrote, as the data set REPO_ID."""
    from builders.hub.publish import Repo, check_repo_id, publish, require_token

    check_repo_id(repo_id)
    if not dry_run:
        require_token()
    from builders.hub.dataset_check import describe_unknown, inspect_dataset, list_dataset_files

    files = list_dataset_files(folder)
    configs = inspect_dataset(folder)
    if unknown := describe_unknown(folder):
        logging.getLogger(__name__).warning(unknown)
    if dry_run:
        _show_plan(folder, files)
        return
    done = publish(folder, files, Repo(repo_id, "dataset", private, revision, create_pr))
    config = "referring" if "referring" in configs else configs[0]
    arguments = f'"{done.repo.repo_id}", "{config}"' + (f', revision="{done.revision}"' if done.revision else "")
    _report(files, done.url, done.changed, f"from datasets import load_dataset\nload_dataset({arguments})")


@command.command()
@_add_options
def metric(folder: Path, repo_id: str, private: bool, revision: str | None, create_pr: bool, dry_run: bool) -> None:
    """Publish DIR, which `sarchat space` wrote, as the Space REPO_ID, from which `evaluate` loads the metric."""
    from builders.hub.publish import Repo, check_repo_id, publish, require_token

    check_repo_id(repo_id)
    _check_loadable(repo_id, revision)
    if not dry_run:
        require_token()
    from builders.hub.metric_check import inspect_metric, list_metric_files

    files = list_metric_files(folder)
    inspect_metric(folder)
    if dry_run:
        _show_plan(folder, files)
        return
    done = publish(folder, files, Repo(repo_id, "space", private, revision, create_pr))
    # `evaluate` inserts the revision into a URL without quoting it.
    arguments = f'"{done.repo.repo_id}"' + (f', revision="{quote(done.revision, safe="")}"' if done.revision else "")
    _report(files, done.url, done.changed, f"import evaluate\nevaluate.load({arguments})")


def _check_loadable(repo_id: str, revision: str | None) -> None:
    """Check that `evaluate` can load the metric from a repo of this name and revision."""
    name = repo_id.rsplit("/", 1)[-1]
    if name != "sarchat_metric":
        raise SARChatError(
            f"{repo_id!r}: evaluate.load looks for {name}.py in it; name the repo NAMESPACE/sarchat_metric"
        )
    if revision and re.match(r"\d*\.\d*\.\d*", revision):
        raise SARChatError(f"--revision {revision}: evaluate.load would request v{revision}; name it v{revision}")


def _show_plan(folder: Path, files: Collection[str]) -> None:
    sizes = [(path, (folder / path).stat().st_size) for path in files]
    total = (f"{len(sizes):,} files", sum(size for _, size in sizes))
    click.echo(format_table(["file", "bytes"], [*sizes, total]))
    click.echo("Checked; nothing was uploaded.")


def _report(files: Collection[str], url: str, changed: bool, lines: str) -> None:
    click.echo(redact(f"Pushed {len(files):,} files: {url}" if changed else f"Nothing to change: {url}"))
    click.echo(f"Load it with:\n\n{lines}")
