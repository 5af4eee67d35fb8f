"""Whether a folder is the metric's Space and fit to be published."""

from __future__ import annotations

from pathlib import Path

import evaluate
from huggingface_hub import RepoCard

from builders.errors import SARChatError
from builders.hub.folder_check import describe_error, read_metadata, require_files

METRIC = "sarchat_metric"
_SPACE_FILES = (f"{METRIC}.py", "README.md", "app.py", "requirements.txt")
# A box read right and an answer without one: half of the records score.
_PROBE = {"task": "referring", "scenario": "single", "answer": "{<10><20><110><90>} (top left)"}
_PROBE_KEY, _PROBE_SCORE = "referring/single/iou@0.5", 50.0


def list_metric_files(folder: Path) -> list[str]:
    """List what the metric's Space shall hold: every file but hidden ones and Python's caches.

    Args:
        folder: a folder that `sarchat space` wrote.

    Returns:
        Paths relative to the folder, sorted.

    Raises:
        SARChatError: if the folder does not exist or lacks one of the Space's files.
    """
    require_files(folder, _SPACE_FILES, "space")
    relative = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in relative
        if not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    )


def inspect_metric(folder: Path) -> None:
    """Check the metric's Space: its card, and that `evaluate` loads the metric and scores with it.

    Args:
        folder: a folder that `sarchat space` wrote.

    Raises:
        SARChatError: at the first thing that is wrong.
    """
    card = folder / "README.md"
    metadata = read_metadata(card, RepoCard)
    if metadata.get("sdk") != "gradio":
        raise SARChatError(
            f"{card}: sdk is {metadata.get('sdk')!r}, not 'gradio'; write the folder with `sarchat space`"
        )
    app = str(metadata.get("app_file", "app.py"))
    if not (folder / app).is_file():
        raise SARChatError(f"{card}: app_file {app!r} does not exist; write the folder with `sarchat space`")
    script = folder / f"{METRIC}.py"
    try:
        metric = evaluate.load(str(script), keep_in_memory=True)
        scores = metric.compute(predictions=[_PROBE["answer"], "none"], references=[_PROBE, _PROBE])
    # Whatever a script can raise makes it unfit.
    except Exception as error:
        raise SARChatError(
            f"{script}: does not load and score: {describe_error(error)}; write it anew with `sarchat space`"
        ) from error
    got = scores.get(_PROBE_KEY)
    if got != _PROBE_SCORE:
        raise SARChatError(f"{script}: a known pair of answers scores {got}, not {_PROBE_SCORE}, as {_PROBE_KEY}")
