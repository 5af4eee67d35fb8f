"""The dataset card: the text of `dataset_card/dataset.md`, filled in from a build."""

from __future__ import annotations

import pprint
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from builders.build.card.charts import Chart
from builders.build.card.contents import Contents
from builders.build.card.metadata import card_metadata
from builders.core.resources import dump_yaml, read_text, read_yaml
from builders.core.schema import ALL, CORNERS, IN_ALL, RELEASE_NOTES, SPLITS, TASKS, task_facts
from builders.core.tables import format_markdown
from builders.corpus.info import CorpusInfo
from builders.data.analysis.targets import add_counts
from builders.data.origin import OPTIONS, Origin, cite, find_origin
from builders.data.reader import CARD
from builders.tasks.phrases import enumerate_words
from builders.tasks.templating import load_templates

# The parts of the card that depend on whose images the build has.
_ORIGIN = ("link", "source", "builders", "annotators", "biases", "limits", "privacy", "impact", "licence")
_UNKNOWN = "unknown"
_DIFFICULT = {"keep": "kept", "drop": "left out", "ignore": "left out with their images"}
_CHARTS = ("examples", "records", "words", "categories", "shapes", "positions")


def write_card(
    folder: Path,
    contents: Contents,
    charts: Mapping[str, Chart],
    info: Mapping[str, Any],
    corpus: CorpusInfo,
    left_out: Sequence[Sequence[Any]],
) -> None:
    """Write a build's `README.md`. Nothing in it depends on the time, the machine or the folder's name.

    Args:
        folder: the folder to write into.
        contents: the contents of the build.
        charts: its figures.
        info: the content of its `build.json`.
        corpus: what the corpus is about.
        left_out: a table of what was left out or clipped, its header first.
    """
    tasks, origin = contents.tasks, find_origin(info)
    facts = {"name": origin.name or _UNKNOWN, "license": origin.license or _UNKNOWN}
    facts["link"] = (
        f"[{facts['name']}]({corpus.homepage})" if corpus.homepage and origin.name == corpus.name else facts["name"]
    )
    facts["layout"] = info["source"].get("layout", "SARDet-100K")
    text = Template(read_text("dataset.md")).substitute(
        {f"picture_{name}": _show_chart(charts.get(name)) for name in _CHARTS}
        | {f"{part}_note": _note(f"{part}_of_{origin.kind}", **facts).rstrip() for part in _ORIGIN},
        metadata=dump_yaml(card_metadata(contents, corpus, origin)),
        title="SARChat, synthetic sample" if origin.kind == "sample" else "SARChat",
        notes=_note_limits(contents, info, origin, facts),
        total=f"{contents.count():,}",
        images=f"{dict(corpus.nouns)['image']}s",
        first_config=(contents.in_all or tasks)[-1],
        records_note=_note("configs" if len(tasks) > 1 else "one_config", tasks=_enumerate_code(tasks)),
        all_note=_note_all(contents),
        task_table=_task_table(tasks),
        box_note=_note(f"{corpus.boxes}_boxes", difficult=_DIFFICULT[corpus.difficult]).rstrip(),
        examples="\n".join(_show_example(task, record) for task, record in contents.examples.items()),
        instance=_show_instance(contents.examples[tasks[-1]]),
        column_table=_column_table(corpus),
        version=info["version"],
        generator=f"{info['generator']['name']} {info['generator']['version']}",
        fingerprint=info["source"]["fingerprint"],
        seed=info["options"]["seed"],
        release_notes="\n".join(f"- {version}: {note}" for version, note in RELEASE_NOTES.items()),
        count_table=_count_table(contents),
        left_out_table=format_markdown(left_out[0], left_out[1:]),
        wordings=_count_wordings(tasks),
        biases=_note_biases(contents),
        citation=cite(corpus, origin),
    )
    (folder / CARD).write_text(text, encoding="utf-8", newline="\n")


def _note(name: str, /, **values: object) -> str:
    """Return a text of `dataset_card/notes.yaml`, filled in."""
    return Template(read_yaml("notes.yaml", "dataset_card")[name]).substitute(values)


def _note_limits(contents: Contents, info: Mapping[str, Any], origin: Origin, facts: Mapping[str, str]) -> str:
    """Return the notes at the top: synthetic data, paths instead of images, or a partial build."""
    notes = []
    if origin.kind == "sample":
        notes.append(_note("sample"))
    if origin.kind == "own":
        notes.append(_note("own_images", **facts))
    if origin.unknown:
        notes.append(
            _note(
                "unknown_origin",
                unknown=enumerate_words(origin.unknown),
                options=_enumerate_code(OPTIONS[name] for name in origin.unknown),
            )
        )
    if not info["options"]["embed"]:
        notes.append(_note("not_embedded"))
    for split, number in info["options"].get("wordings", {}).items():
        notes.append(_note("wordings", split=split, number=number))
    tasks, splits = contents.tasks, contents.splits
    missing = [*(task for task in TASKS if task not in tasks), *(split for split in SPLITS if split not in splits)]
    if missing:
        lists = {"tasks": tasks, "splits": splits, "missing": missing}
        notes.append(_note("partial", **{name: enumerate_words(names) for name, names in lists.items()}))
    return "".join(f"{note}\n" for note in notes)


def _note_all(contents: Contents) -> str:
    beside = [task for task in contents.tasks if task not in IN_ALL]
    besides = f" but {_enumerate_code(beside)}" if beside else ""
    return _note("all", besides=besides) if contents.in_all else ""


def _enumerate_code(names: Iterable[str]) -> str:
    return enumerate_words([f"`{name}`" for name in names])


def _column_table(corpus: CorpusInfo) -> str:
    rows = [[f"`{name}`", kind, content] for name, kind, content in _describe_columns(corpus)]
    return format_markdown(["column", "type", "content"], rows)


def _task_table(tasks: Sequence[str]) -> str:
    texts = task_facts()
    header = {"asks": "asks", "record": "one record for", "answer": "content of the answer", "score": "scored"}
    return format_markdown(
        ["task", *header.values()],
        [[f"`{task}`", *(texts[task].get(key, "not scored") for key in header)] for task in tasks],
    )


def _show_chart(chart: Chart | None) -> str:
    return f"![{chart.caption}]({chart.path})\n\n" if chart else ""


def _show_example(task: str, record: Mapping[str, Any]) -> str:
    turns = "\n".join(f"{message['role']}: {message['content']}" for message in record["messages"])
    return f"{task.capitalize()}, {format_code(record['id'])}:\n\n```text\n{turns}\n```\n"


def format_code(text: str) -> str:
    """Format a text as a Markdown code span, whatever backticks it contains (CommonMark 0.31, section 6.1)."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    blank = " " if "`" in text else ""
    return f"{fence}{blank}{text}{blank}{fence}"


def _show_instance(record: Mapping[str, Any]) -> str:
    shown = {**record, "image": _Code(f"<PIL.Image.Image size={record['width']}x{record['height']}>")}
    return pprint.pformat(shown, sort_dicts=False, width=110)


class _Code(str):
    """A text whose representation has no quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _count_table(contents: Contents) -> str:
    rows = []
    members = {task: [task] for task in contents.tasks if task in IN_ALL} | {ALL: contents.in_all}
    for name, tasks in (members | {task: [task] for task in contents.tasks}).items():
        rows.append([f"`{name}`", *(contents.count(tasks, split) for split in (*contents.splits, None))])
    return format_markdown(["task", *contents.splits, "total"], rows)


def _count_wordings(tasks: Sequence[str]) -> str:
    """List the number of templates per task: questions and whole answers, but not parts of answers."""
    lines = []
    for task in tasks:
        templates = load_templates(task)
        kinds = [templates[kind] for kind in ("target", "pair") if kind in templates] or [templates]
        counts = {name: sum(len(kind.get(name, [])) for kind in kinds) for name in ("questions", "answers")}
        lines.append(f"- {task}: {' and '.join(f'{count} {name}' for name, count in counts.items() if count)}")
    return "\n".join(lines)


def _note_biases(contents: Contents) -> str:
    """List how uneven the numbers of records and targets of this build are."""
    notes = []
    if len(contents.in_all) > 1:
        counts = {task: contents.count([task]) for task in contents.in_all}
        task = max(counts, key=counts.__getitem__)
        notes.append(_note("uneven_tasks", task=task, share=_percent(counts[task], sum(counts.values()))))
    if contents.targets:
        boxes = add_counts(contents.targets.values()).boxes()
        total, most, least = sum(boxes.values()), max(boxes, key=boxes.__getitem__), min(boxes, key=boxes.__getitem__)
        shares = {"most_share": _percent(boxes[most], total), "least_share": _percent(boxes[least], total)}
        notes.append(_note("uneven_categories", boxes=f"{total:,}", most=most, least=least, **shares))
    return "".join(notes)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}"


def _describe_columns(info: CorpusInfo) -> list[tuple[str, str, str]]:
    """Return name, type and description of each column and of each part of `objects`, for a corpus."""
    labels = ", ".join(f"{label} {name}" for label, name in enumerate(info.names))
    words = {**dict(info.nouns), "name": info.name, "labels": labels}
    return [
        (name, *text.format(**words).split(": ", 1))
        for column in read_yaml("core/columns.yaml")
        for name, text in column["about"].items()
        if info.oriented or not name.endswith(f".{CORNERS}")
    ]
