"""What a build has beside its Parquet files: pictures, the card, and `build.json`."""

from __future__ import annotations

from pathlib import Path

from builders.build.card.charts import draw_charts
from builders.build.card.contents import gather_contents
from builders.build.card.example_records import Record
from builders.build.card.text import write_card
from builders.build.options import BuildOptions
from builders.build.plan import Plan
from builders.build.provenance import describe_build, write_build_info
from builders.build.receipt import Written
from builders.core.checksums import write_checksums
from builders.corpus.corpus import Corpus
from builders.corpus.source import join


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
        return corpus.source.read(join(corpus.image_folder(split), record["file_name"]))

    contents = gather_contents(written.files, written.summaries, read_image)
    info = describe_build(plan.fingerprint, options, plan.source, corpus.info)
    charts = draw_charts(folder, contents, corpus.info.names) if options.pictures else {}
    write_card(folder, contents, charts, info, corpus.info, plan.left_out())
    write_build_info(folder, info)
    write_checksums(
        folder, {(folder / file.path).relative_to(folder).as_posix(): file.sha256 for file in written.files}
    )
