"""LLaVA's JSON, which LLaVA-NeXT and qwen-vl-finetune read: one list per file, `conversations` from human and gpt."""

from __future__ import annotations

from collections.abc import Mapping

from builders.export.format import Export, Format
from builders.export.recipe import default_model
from builders.export.record import ExportRecord, quote
from builders.notation.formats import NATIVE

SUFFIX = ".json"


def convert(record: ExportRecord) -> str:
    """Return an entry as JSON; its image's path is relative to the folder."""
    question, answer = quote(f"<image>\n{record.question}"), quote(record.answer)
    conversation = f'[{{"from":"human","value":{question}}},{{"from":"gpt","value":{answer}}}]'
    return f'{{"id":{quote(record.id)},"image":{quote(record.image)},"conversations":{conversation}}}'


def values(export: Export) -> Mapping[str, str]:
    """Return the names of the files to train on, without their suffix, and the model of qwen-vl-finetune."""
    names = (table.name.removesuffix(SUFFIX) for table in export.training)
    return {"datasets": ",".join(names), "qwen_model": qwen_model(export.box_format.name)}


def qwen_model(box_format: str) -> str:
    """Return the model for a box format, or the first of the recipe if qwen-vl-finetune cannot train that one."""
    model = default_model(box_format)
    return model if model.startswith("Qwen/") else default_model(NATIVE)


# Thousandths, which are valid at any size: LLaVA-NeXT cuts an image into tiles.
FORMATS = [
    Format("llava", convert, values, suffix=SUFFIX, box_format="qwen3-vl", model=qwen_model, draws_samples=False)
]
