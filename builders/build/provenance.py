"""`build.json`: source, generator and options of a build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builders.build.options import BuildOptions
from builders.core.resources import load_json
from builders.core.schema import DATA_VERSION, PACKAGE, package_version
from builders.corpus.info import CorpusInfo
from builders.data.reader import BUILD_INFO


def describe_build(
    fingerprint: str, options: BuildOptions, source: Mapping[str, Any], corpus: CorpusInfo
) -> dict[str, Any]:
    """Return the content of `build.json`, which does not depend on time, machine or number of processes.

    Args:
        fingerprint: the plan's hash of the annotations.
        options: the options of the build.
        source: what else is known of the source.
        corpus: what the corpus is about.
    """
    return {
        "version": DATA_VERSION,
        "generator": {"name": PACKAGE, "version": package_version()},
        "source": {"fingerprint": fingerprint, "sample": options.sample, **source},
        "options": options.content(),
        "corpus": corpus.as_data(),
    }


def write_build_info(folder: Path, info: dict[str, Any]) -> None:
    """Write `build.json`."""
    (folder / BUILD_INFO).write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8", newline="\n")


def read_build_info(folder: Path) -> dict[str, Any] | None:
    """Return the content of a folder's `build.json`, or `None` if there is none that this package wrote."""
    try:
        info = load_json((folder / BUILD_INFO).read_text(encoding="utf-8"))
        return info if info["generator"]["name"] == PACKAGE and isinstance(info["source"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
