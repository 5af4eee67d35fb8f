"""Scores as the Hub shows them beside a model: entries of the model repository's `.eval_results/*.yaml`.

The format is https://huggingface.co/docs/hub/eval-results.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from builders.core.checksums import hash_text
from builders.core.errors import SARChatError
from builders.core.schema import ALL
from builders.core.writing import writing_whole
from builders.data.open_data import REPO_ID
from builders.scoring.result import Result

# From the root of the model's repository.
EVAL_RESULTS = Path(".eval_results", "sarchat.yaml")


def check_repo_id(repo_id: str) -> None:
    """Check that a name can be that of a data set on the Hub.

    Raises:
        SARChatError: it cannot.
    """
    if not REPO_ID.fullmatch(repo_id):
        raise SARChatError(
            f"--eval-results {repo_id}: expected the data set on the Hub that was scored, as OWNER/NAME or "
            "OWNER/NAME@REVISION"
        )


def write_eval_results(repo_id: str, result: Result, notes: str) -> None:
    """Write `EVAL_RESULTS`: one entry for each task with its score (Eq. 5), and one for all together (Eq. 4).

    Args:
        repo_id: the data set on the Hub whose records were scored, as `OWNER/NAME` or `OWNER/NAME@REVISION`.
        result: the scores.
        notes: how the answers were scored.

    Raises:
        OSError: writing failed.
    """
    name, _, revision = repo_id.partition("@")
    scores = {ALL: result.overall, **result.tasks}
    if len(scores) == 2:  # With one task, `all` would repeat it.
        del scores[ALL]
    entries = [
        {
            "dataset": {"id": name, "task_id": task} | ({"revision": revision} if revision else {}),
            "value": score,
            "notes": notes,
        }
        for task, score in scores.items()
    ]
    EVAL_RESULTS.parent.mkdir(exist_ok=True)
    text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)
    with writing_whole(EVAL_RESULTS) as stream:
        stream.write(_sign(text) + text)


def check_replaceable() -> None:
    """Check that `EVAL_RESULTS` does not exist, or is as it was written: users may add entries to it.

    Raises:
        SARChatError: if it is not.
    """
    if not EVAL_RESULTS.exists():
        return
    text = EVAL_RESULTS.read_text(encoding="utf-8", errors="replace")
    first, _, rest = text.partition("\n")
    if f"{first}\n" != _sign(rest):
        raise SARChatError(f"{EVAL_RESULTS} was written or edited by somebody else; rename it, and merge the two later")


def _sign(text: str) -> str:
    return f"# sarchat score --eval-results, {hash_text(text)}\n"
