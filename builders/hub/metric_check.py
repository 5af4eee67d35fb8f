"""Checks that a folder is the metric's Space and fit for publishing."""

from __future__ import annotations

from pathlib import Path

import evaluate
from huggingface_hub import RepoCard

from builders.core.checksums import read_checksums, verify_checksums
from builders.core.errors import SARChatError
from builders.hub.folder_check import FileStates, describe_error, list_files, read_metadata

METRIC = "sarchat_metric"
_SPACE_FILES = (f"{METRIC}.py", "README.md", "app.py", "requirements.txt")
# One right box and one answer without a box: half of the records score.
_PROBE = {"task": "referring", "scenario": "single", "answer": "{<10><20><110><90>} (top left)"}
_PROBE_KEY, _PROBE_SCORE = "referring/single/iou@0.5", 50.0


def list_metric_files(folder: Path) -> FileStates:
    """List the files of the metric's Space: those in its `SHA256SUMS`, and that file; see `list_files`."""
    return list_files(folder, _SPACE_FILES, "space")


def inspect_metric(folder: Path) -> None:
    """Check the metric's Space: its sums, its card, and that `evaluate` loads the metric and scores with it.

    Raises:
        SARChatError: at the first fault.
    """
    verify_checksums(folder)
    card = folder / "README.md"
    metadata = read_metadata(card, RepoCard)
    if metadata.get("sdk") != "gradio":
        raise SARChatError(
            f"{card}: sdk is {metadata.get('sdk')!r}, not 'gradio'; write the folder with `sarchat space`"
        )
    app = str(metadata.get("app_file", "app.py"))
    if app not in read_checksums(folder):
        raise SARChatError(f"{card}: app_file {app!r} is not a file of the folder; write it with `sarchat space`")
    script = folder / f"{METRIC}.py"
    try:
        metric = evaluate.load(str(script), keep_in_memory=True)
        scores = metric.compute(predictions=[_PROBE["answer"], "none"], references=[_PROBE, _PROBE])
    # Any error of the script makes it unfit.
    except Exception as error:
        raise SARChatError(
            f"{script}: does not load and score: {describe_error(error)}; write it again with `sarchat space`"
        ) from error
    got = scores.get(_PROBE_KEY)
    if got != _PROBE_SCORE:
        raise SARChatError(f"{script}: a known pair of answers scores {got}, not {_PROBE_SCORE}, as {_PROBE_KEY}")
