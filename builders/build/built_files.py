"""The files of a build: what it has beside its Parquet, and how a folder with one is recognized."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from builders.build.card.charts import draw_charts
from builders.build.card.contents import gather_contents
from builders.build.card.example_records import Record
from builders.build.card.text import write_card
from builders.build.options import BuildOptions
from builders.build.plan import Plan
from builders.build.shards import Written
from builders.core.checksums import SUMS, is_untouched, sums_of, write_checksums
from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.core.schema import DATA_VERSION, PACKAGE, SPLITS, TASKS, package_version
from builders.corpus.corpus import Corpus
from builders.corpus.info import CorpusInfo
from builders.corpus.source import join
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


def write_documents(folder: Path, written: Written, plan: Plan, corpus: Corpus, options: BuildOptions) -> None:
    """Write pictures, card, `build.json` and checksums of a build; its Parquet files are not read.

    Args:
        folder: the folder to write into.
        written: the shards, in the folder or elsewhere; relative paths are those of the checksums.
        plan: the plan of the build.
        corpus: the corpus, which has the images of the card's examples.
        options: the options of the build.

    Raises:
        SARChatError: if the images that could be examples cannot be read.
    """

    def read_image(split: str, record: Record) -> bytes:
        return corpus.source.read(join(corpus.folders[split], record["file_name"]))

    contents = gather_contents(written.files, written.summaries, read_image)
    info = _describe_build(plan, options, corpus.info)
    charts = draw_charts(folder, contents, corpus.info.names) if options.pictures else {}
    write_card(folder, contents, charts, info, corpus.info, plan.left_out())
    (folder / BUILD_INFO).write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8", newline="\n")
    write_checksums(
        folder, {(folder / file.path).relative_to(folder).as_posix(): file.sha256 for file in written.files}
    )


def _describe_build(plan: Plan, options: BuildOptions, corpus: CorpusInfo) -> dict[str, Any]:
    """Return the content of `build.json`: source, generator and options of a build.

    It does not depend on time, machine or number of processes.
    """
    return {
        "version": DATA_VERSION,
        "generator": {"name": PACKAGE, "version": package_version()},
        "source": {"fingerprint": plan.fingerprint, "sample": options.sample, **plan.source},
        "options": options.content(),
        "corpus": corpus.as_data(),
    }
