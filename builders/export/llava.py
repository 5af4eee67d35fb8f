"""LLaVA's JSON, which LLaVA-NeXT and qwen-vl-finetune read: one list per file, `conversations` from human and gpt."""

from __future__ import annotations

import json
from collections.abc import Mapping

from builders.box_formats.formats import NATIVE
from builders.export.format import Export, Format, Table
from builders.export.json_text import quote
from builders.export.recipe import settings
from builders.export.record import ExportRecord


def convert(record: ExportRecord) -> str:
    """Return an entry as JSON; its image's path is relative to the folder."""
    question, answer = quote(f"<image>\n{record.question}"), quote(record.answer)
    conversation = f'[{{"from":"human","value":{question}}},{{"from":"gpt","value":{answer}}}]'
    return f'{{"id":{quote(record.id)},"image":{quote(record.image)},"conversations":{conversation}}}'


def values(export: Export) -> Mapping[str, str]:
    """Return the files to train on: for LLaVA-NeXT as YAML, for qwen-vl-finetune as names with a percentage."""
    return {
        "next_datasets": "\n".join(_next_entry(export, table) for table in export.training),
        "qwen_datasets": ",".join(map(_qwen_name, export.training)),
        "qwen_model": _qwen_model(export.box_format),
    }


def _next_entry(export: Export, table: Table) -> str:
    strategy = f"random:{table.use}" if table.use < table.records else "all"
    return (
        f"  - {{json_path: {json.dumps(str(export.folder / table.name))}, sampling_strategy: {json.dumps(strategy)}}}"
    )


def _qwen_model(box_format: str) -> str:
    """Return the model for a box format, or the first of the recipe if that is none that qwen-vl-finetune trains."""
    model = settings(box_format)["model"]
    return model if model.startswith("Qwen/") else settings(NATIVE)["model"]


def _qwen_name(table: Table) -> str:
    # It reads whole percents only.
    share = f"%{max(1, 100 * table.use // table.records)}" if table.use < table.records else ""
    return table.name.removesuffix(".json") + share


FORMAT = Format("llava", convert, values, suffix=".json", absolute_images=False)
