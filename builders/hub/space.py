"""The metric's folder, which is also a Hugging Face Space: the script, its card, and a page to try it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

import builders
import dataset_card
import sarchat_metric
from builders.core.atomic import replacing_folder
from builders.core.checksums import SUMS, is_untouched, own_files, sums_of, write_checksums
from builders.core.resources import read_text
from builders.core.tables import format_markdown
from builders.scoring.leaderboard import published_results
from builders.scoring.result import Result
from sarchat_metric import SUB_SCORES, TASKS

METRIC_FILE = "sarchat_metric.py"
CARD = "README.md"
_PAGE = Path(__file__).with_name("page")
_BUILDERS, _CARD_DATA = (Path(package.__path__[0]) for package in (builders, dataset_card))
# What the page uses of the project, with what that imports: whole rooms, and two modules and a style of `drawing`.
_ROOMS = ("core", "corpus", "tasks", "notation", "data", "scoring")
_FILES = ("__init__.py", *(f"drawing/{name}" for name in ("__init__.py", "answers.py", "shapes.css", "templating.py")))
# What it shows of the paper.
_OF_PAPER = ("__init__.py", "paper")
_CARD_START = "---\ntitle: SARChat Metric\n"


def write_space(out: Path) -> list[str]:
    """Write the metric's folder atomically, in place of an earlier one; return the paths of the files in it, sorted.

    Raises:
        SARChatError: if the folder cannot be created or contains something else.
    """
    with replacing_folder(out, is_space) as staging:
        for name, source in _copied_files().items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, staging / name)
        (staging / CARD).write_text(format_card(), encoding="utf-8", newline="\n")
        write_checksums(staging)
        return [path.as_posix() for path in own_files(staging)]


def is_space(folder: Path) -> bool:
    """Return whether a folder contains the metric's Space and nothing else.

    A list of checksums alone proves nothing, as users may have one with their own files. So every file must have a
    name that `write_space` uses and be listed in the folder's `SHA256SUMS`, and the card must be ours.

    Raises:
        SARChatError: if a file of the Space was edited since.
    """
    sums = sums_of(folder)
    is_space_of_ours = sums is not None and sums.keys() <= {*_copied_files(), CARD} and _has_our_card(folder)
    return is_space_of_ours and is_untouched(folder, sums or {}, SUMS)


def _copied_files() -> dict[str, Path]:
    """Map the files of the folder, apart from its card, to the files that they are copies of."""
    page = {path.as_posix(): _PAGE / path for path in own_files(_PAGE)}
    shared = {
        f"builders/{path.as_posix()}": _BUILDERS / path
        for path in own_files(_BUILDERS)
        if path.parts[0] in _ROOMS or path.as_posix() in _FILES
    }
    paper = {
        f"dataset_card/{path.as_posix()}": _CARD_DATA / path
        for path in own_files(_CARD_DATA)
        if path.parts[0] in _OF_PAPER
    }
    return page | shared | paper | {METRIC_FILE: Path(sarchat_metric.__file__)}


def _has_our_card(folder: Path) -> bool:
    try:
        return (folder / CARD).read_text(encoding="utf-8").startswith(_CARD_START)
    except (OSError, ValueError):
        return False


def format_card() -> str:
    """Return the metric card, with the published results filled in."""
    entries = published_results()
    gaps = [
        entry.overall - entry.printed for entry in entries if entry.overall is not None and entry.printed is not None
    ]
    tasks = [task for task in TASKS if all(task in entry.tasks for entry in entries)]
    keys = [key for task in tasks for key in SUB_SCORES[task]]
    averages = [[entry.printed, entry.overall, *(entry.tasks[task] for task in tasks)] for entry in entries]
    sub_scores = [[entry.scores[key] for key in keys] for entry in entries]
    return Template(read_text(f"page/{CARD}", "builders.hub")).substitute(
        least=f"{min(gaps):+.2f}",
        most=f"{max(gaps):+.2f}",
        task_table=_format_results(["Avg", "Eq. 4", *tasks], entries, averages),
        sub_score_table=_format_results([f"`{key}`" for key in keys], entries, sub_scores),
        citation=read_text("citation.bib").rstrip(),
    )


def _format_results(columns: Sequence[str], entries: Sequence[Result], scores: Sequence[Sequence[float | None]]) -> str:
    rows = [
        [entry.name, entry.params, *(f"{score:.2f}" for score in row)]
        for entry, row in zip(entries, scores, strict=True)
    ]
    return format_markdown(["model", "params", *columns], rows)
