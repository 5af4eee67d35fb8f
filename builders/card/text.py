"""The dataset card: the text of `dataset_card/dataset.md`, filled in from what was built."""

from __future__ import annotations

import pprint
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

import yaml

from builders.analysis.statistics import count_boxes
from builders.analysis.target_table import read_targets
from builders.card.gallery import GalleryPicture
from builders.card.metadata import card_metadata
from builders.folder.parquet_file import ParquetFile
from builders.folder.reader import CARD, Build
from builders.records.templating import load_templates
from builders.resources import read_text, read_yaml
from builders.schema import ALL, CATEGORIES, SPLITS, TASKS, describe_columns
from builders.versions import RELEASE_NOTES

_NOT_EMBEDDED = """\
> **For one machine only.** The images are not in these files: rows hold the paths that the images had where the folder
> was built. Build it without `--no-embed` before you move or publish it.
"""
_SAMPLE = """\
> **Synthetic sample.** These images are computed, not taken by a radar. The sample shows the format and serves to try
> the tools; train and test on what `sarchat build` makes from SARDet-100K.
"""
_LICENCE = {
    False: "CC BY-NC 4.0, as SARDet-100K, whose images are inside: not for commercial use. The origins may set further "
    "terms of their own.",
    True: "Apache 2.0. The full data set, with SARDet-100K's images inside, is under CC BY-NC 4.0.",
}
_PICTURES = ("examples", "records", "categories", "shapes", "positions")


def write_card(
    build: Build,
    shards: Sequence[ParquetFile],
    examples: Mapping[str, Mapping[str, Any]],
    gallery: Mapping[str, GalleryPicture],
    info: Mapping[str, Any],
    *,
    embed: bool = True,
    sample: bool = False,
) -> None:
    """Write a build's `README.md`. Nothing in it tells of the time, the machine or the folder's name.

    Args:
        build: the build.
        shards: its Parquet files.
        examples: a record to show of each task.
        gallery: the pictures to show, by name.
        info: what `build.json` says.
        embed: whether the images' bytes are in the files.
        sample: whether this is the synthetic sample.
    """
    tasks = list(examples)
    metadata = yaml.safe_dump(card_metadata(shards, sample=sample), sort_keys=False, allow_unicode=True, width=120)
    pictures = {f"picture_{name}": _show_picture(gallery.get(name)) for name in _PICTURES}
    text = Template(read_text("dataset.md")).substitute(
        pictures,
        metadata=metadata,
        title="SARChat, synthetic sample" if sample else "SARChat",
        notes=_tell_notes(build, tasks, embed=embed, sample=sample),
        total=f"{sum(shard.rows for shard in shards):,}",
        first_config=tasks[-1],
        records_note=_list_configs(tasks),
        task_table=_task_table(tasks),
        examples="\n".join(_show_example(task, record) for task, record in examples.items()),
        instance=_show_instance(examples[tasks[-1]]),
        column_table=_column_table(),
        version=info["version"],
        generator=f"{info['generator']['name']} {info['generator']['version']}",
        fingerprint=info["source"]["fingerprint"],
        seed=info["options"]["seed"],
        release_notes="\n".join(f"- {version}: {note}" for version, note in RELEASE_NOTES.items()),
        count_table=_count_table(shards, tasks),
        source=read_text("source_sample.md" if sample else "source.md").rstrip(),
        wordings=_count_wordings(tasks),
        biases=_tell_biases(build, shards),
        licence=_LICENCE[sample],
        citation=read_text("citation.bib").rstrip(),
    )
    (build.folder / CARD).write_text(text, encoding="utf-8", newline="\n")


def _tell_notes(build: Build, tasks: Sequence[str], *, embed: bool, sample: bool) -> str:
    """Tell on top what this build is not: no real data, not all of it, or not for other machines."""
    notes = []
    if sample:
        notes.append(_SAMPLE)
    if not embed:
        notes.append(_NOT_EMBEDDED)
    splits = [split for split in SPLITS if split in build.configs[ALL]]
    lacking = [*(task for task in TASKS if task not in tasks), *(split for split in SPLITS if split not in splits)]
    if lacking:
        notes.append(
            f"> **A part of the whole.** This build holds {_enumerate(tasks)}, in {_enumerate(splits)}. It was made "
            f"without {_enumerate(lacking)}.\n"
        )
    return "".join(f"{note}\n" for note in notes)


def _list_configs(tasks: Sequence[str]) -> str:
    names = [f"`{task}`" for task in tasks]
    return f"The configs are {_enumerate(names)}, and `all`.\n" if len(tasks) > 1 else f"The task is {names[0]}.\n"


def _column_table() -> str:
    rows = [f"| `{name}` | {kind} | {content} |" for name, kind, content in describe_columns()]
    return "\n".join(["| column | type | content |", "|---|---|---|", *rows])


def _task_table(tasks: Sequence[str]) -> str:
    texts = read_yaml("tasks.yaml", "dataset_card")
    lines = ["| task | asks | one record for | the answer holds | scored |", "|---|---|---|---|---|"]
    for task in tasks:
        cells = (texts[task][key] for key in ("asks", "record", "answer", "score"))
        lines.append(f"| `{task}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _show_picture(picture: GalleryPicture | None) -> str:
    return f"![{picture.caption}]({picture.path})\n\n" if picture else ""


def _show_example(task: str, record: Mapping[str, Any]) -> str:
    turns = "\n".join(f"{message['role']}: {message['content']}" for message in record["messages"])
    return f"{task.capitalize()}, `{record['id']}`:\n\n```text\n{turns}\n```\n"


def _show_instance(record: Mapping[str, Any]) -> str:
    shown = {**record, "image": _Code(f"<PIL.Image.Image size={record['width']}x{record['height']}>")}
    return pprint.pformat(shown, sort_dicts=False, width=110)


class _Code(str):
    """A text that is shown without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _count_table(shards: Sequence[ParquetFile], tasks: Sequence[str]) -> str:
    splits = [split for split in SPLITS if any(shard.split == split for shard in shards)]
    lines = [f"| task | {' | '.join(splits)} | total |", f"|---|{'---:|' * (len(splits) + 1)}"]
    for name, members in {**{f"`{task}`": [task] for task in tasks}, "`all`": tasks}.items():
        counts = [
            sum(shard.rows for shard in shards if shard.task in members and shard.split == split) for split in splits
        ]
        lines.append(f"| {name} | {' | '.join(f'{count:,}' for count in [*counts, sum(counts)])} |")
    return "\n".join(lines)


def _count_wordings(tasks: Sequence[str]) -> str:
    """Tell the number of templates of each task, questions and whole answers; other answers are put together."""
    lines = []
    for task in tasks:
        templates = load_templates(task)
        kinds = [templates[kind] for kind in ("target", "pair") if kind in templates] or [templates]
        counts = {name: sum(len(kind.get(name, [])) for kind in kinds) for name in ("questions", "answers")}
        lines.append(f"- {task}: {' and '.join(f'{count} {name}' for name, count in counts.items() if count)}")
    return "\n".join(lines)


def _tell_biases(build: Build, shards: Sequence[ParquetFile]) -> str:
    """Tell how unevenly records and targets are spread, in figures of this very build."""
    lines = []
    total = sum(shard.rows for shard in shards)
    task = max(TASKS, key=lambda task: sum(shard.rows for shard in shards if shard.task == task))
    share = sum(shard.rows for shard in shards if shard.task == task) / total
    if len({shard.task for shard in shards}) > 1:
        lines.append(
            f"- Tasks are of unlike size: {task} has {100 * share:.1f} % of all records. Sample by task, if all are to "
            "count alike."
        )
    tables = [table for split in build.configs[ALL] if (table := read_targets(build, split))]
    if tables:
        counts = {name: sum(count_boxes(table)[name] for table in tables) for name in CATEGORIES}
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        boxes = sum(counts.values())
        lines.append(
            f"- Categories are too: of {boxes:,} boxes, {100 * counts[most] / boxes:.1f} % are of {most}, "
            f"{100 * counts[least] / boxes:.1f} % of {least}."
        )
    return "".join(f"{line}\n" for line in lines)


def _enumerate(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
