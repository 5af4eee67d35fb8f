"""LLaVA's JSON, which LLaVA-NeXT and qwen-vl-finetune read: one list per file, `conversations` from human and gpt."""

from __future__ import annotations

from collections.abc import Mapping

from builders.export.format import Export, Format
from builders.export.recipe import default_model
from builders.export.record import ExportRecord, quote
from builders.notation.formats import INPUT_PIXELS, NATIVE
from builders.notation.models import family_of

SUFFIX = ".json"


def convert(record: ExportRecord) -> str:
    """Return an entry as JSON; its image's path is relative to the folder."""
    texts = [(f"<image>\n{record.question}", record.answer), *record.further]
    turns = (
        f'{{"from":"human","value":{quote(question)}}},{{"from":"gpt","value":{quote(answer)}}}'
        for question, answer in texts
    )
    return f'{{"id":{quote(record.id)},"image":{quote(record.image)},"conversations":[{",".join(turns)}]}}'


def values(export: Export) -> Mapping[str, str]:
    """Return the names of the files to train on, without their suffix."""
    return {"datasets": ",".join(table.name.removesuffix(SUFFIX) for table in export.training)}


def qwen_model(box_format: str) -> str:
    """Return the model for a box format, or the recipe's if qwen-vl-finetune cannot train that one."""
    model = default_model(box_format)
    return model if _is_qwen(model) else default_model(NATIVE)


def skips(name: str, export: Export) -> bool:
    """Return whether a script trains a model that would see the images in another size, or is another one.

    qwen-vl-finetune trains Qwen's models alone, LLaVA-NeXT its own, whose images are cut into tiles.
    """
    if "llava-next" in name:
        return export.box_format.unit == INPUT_PIXELS
    return "qwen" in name and not _is_qwen(export.choice.model)


def _is_qwen(model: str) -> bool:
    family = family_of(model)
    return family is not None and family.name.startswith("Qwen")


# Thousandths, which are valid at any size: LLaVA-NeXT cuts an image into tiles.
FORMATS = [
    Format(
        "llava",
        convert,
        values,
        suffix=SUFFIX,
        box_format="qwen3-vl",
        model=qwen_model,
        skips=skips,
        draws_samples=False,
        dialogue=convert,
    )
]
