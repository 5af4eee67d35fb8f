"""What a build has beside its Parquet files: pictures, the card, and `build.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from builders.build.card.charts import draw_charts
from builders.build.card.contents import gather_contents
from builders.build.card.example_records import Record
from builders.build.card.text import write_card
from builders.build.options import BuildOptions
from builders.build.plan import Plan
from builders.build.shards import Written
from builders.core.checksums import write_checksums
from builders.core.schema import DATA_VERSION, PACKAGE, package_version
from builders.corpus.corpus import Corpus
from builders.corpus.info import CorpusInfo
from builders.corpus.source import join
from builders.data.reader import BUILD_INFO


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
