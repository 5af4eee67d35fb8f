"""LLaMA-Factory: the `sharegpt` format with OpenAI's field names, described in `dataset_info.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from builders.export.format import Export, Format, Table
from builders.export.record import ExportRecord, quote, write_messages
from builders.notation.models import family_of


def convert(record: ExportRecord) -> str:
    """Return a row as JSON; its image's path is relative to the folder."""
    messages = write_messages(record.turns)
    return f'{{"id":{quote(record.id)},"messages":{messages},"images":[{quote(record.image)}]}}'


def values(export: Export) -> Mapping[str, str]:
    """Return the entries of `dataset_info.json` and the names of those to train on."""
    use = {table.name: table.use for table in export.training}
    tables = [*export.tables, *export.evaluation]
    entries = {_name(table): _entry(table, use.get(table.name)) for table in tables}
    return {
        "dataset_info": json.dumps(entries, indent=1),
        "datasets": ",".join(map(_name, export.training)),
        "evaluation": ",".join(map(_name, export.evaluation)) or "null",
        "evaluate": "steps" if export.evaluation else '"no"',
    }


def _name(table: Table) -> str:
    return f"sarchat_{table.task}_{table.split}" if table.task else "sarchat_evaluation"


def _entry(table: Table, use: int | None) -> dict[str, Any]:
    return {
        "file_name": table.name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
        **({"num_samples": use} if use is not None and use < table.records else {}),
    }


def skips(name: str, export: Export) -> bool:
    """Return whether a file is the configuration, which needs a template, and none is known for the model."""
    family = family_of(export.choice.model)
    return name.startswith("train") and not (family and family.template)


FORMATS = [Format("llama-factory", convert, values, box_format="qwen2.5-vl", skips=skips, dialogue=convert)]
