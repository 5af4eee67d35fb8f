"""Which files a build consists of, and how a folder with one is recognized."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from builders.core.checksums import SUMS, is_untouched, sums_of
from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.core.schema import PACKAGE, SPLITS, TASKS
from builders.data.reader import BASELINE, BUILD_INFO, CARD

# Beside the Parquet of the sample, whose corpus is a temporary folder, if its images are not embedded.
IMAGES = "images"
_CARD_START = re.compile(r"---\r?\npretty_name: SARChat\b")
_SPLIT = "|".join(SPLITS)
_BUILT_FILE = re.compile(
    rf"{CARD}|{re.escape(BUILD_INFO)}|{re.escape(BASELINE)}|pictures/[a-z]+\.png|{IMAGES}/(?:{_SPLIT})/[0-9]+\.[a-z]+|"
    rf"(?:{'|'.join(TASKS)})/(?:{_SPLIT})-[0-9]{{5,}}-of-[0-9]{{5,}}\.parquet"
)


def is_built_file(path: str) -> bool:
    """Return whether a build may have a file with this relative path; `SHA256SUMS` is not among them."""
    return _BUILT_FILE.fullmatch(path) is not None


def is_build(folder: Path, sample: bool = False) -> bool:
    """Return whether a folder contains a build and nothing else.

    A list of checksums alone proves nothing, as users may have one with their own files. So every file must have a
    name that a build uses and be listed in the folder's `SHA256SUMS`, and `build.json` or the card must be ours:
    builds of version 1.0 have only the card.

    Args:
        folder: the folder.
        sample: whether a build of the sample is to replace it.

    Raises:
        SARChatError: if a file of the build was edited since, or the sample is to replace a build of something else.
    """
    sums, info = sums_of(folder), _read_build_info(folder)
    if sums is None or not all(map(is_built_file, sums)) or not (info or _has_our_card(folder)):
        return False
    if not is_untouched(folder, sums, SUMS):
        return False
    if sample and not (info or {}).get("source", {}).get("sample"):
        raise SARChatError(
            f"{folder} is a build of another source, which the sample would replace; remove it first, or choose another"
            " --out"
        )
    return True


def _read_build_info(folder: Path) -> dict[str, Any] | None:
    """Return the content of a folder's `build.json`, or `None` if there is none that this package wrote."""
    try:
        info = load_json((folder / BUILD_INFO).read_text(encoding="utf-8"))
        return info if info["generator"]["name"] == PACKAGE and isinstance(info["source"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _has_our_card(folder: Path) -> bool:
    try:
        return _CARD_START.match((folder / CARD).read_text(encoding="utf-8")) is not None
    except (OSError, ValueError):
        return False
